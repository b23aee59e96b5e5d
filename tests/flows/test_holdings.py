import numpy as np
from tests.flows.stores import made, slots

from currents_segment.codecs.chunk import Letter, Origin
from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.bucket import Position
from currents_segment.flows.committed import POSITIONS, SLOTS, committed
from currents_segment.flows.holdings import Holding, holdings
from currents_segment.flows.ledger import Account
from currents_segment.flows.slots import Unit
from currents_segment.sinks.segment.batch import Piece
from currents_segment.sinks.segment.dead import Dead
from currents_segment.sinks.segment.state import VERSION

ORIGIN = Origin("log", "object")


def piece(*messages, arrival=10.0):
    bodies = b"".join(message + b"," for message in messages)
    return Piece(bodies, np.cumsum([len(message) + 1 for message in messages]), arrival, None, ORIGIN)


def test_what_slots_keep_is_summed_by_connector(tmp_path):
    """Positions, un-acked and dead events, health, ledger; those of connectors that nobody configured as well."""
    account = Account()
    account.arrive(9, {Outcome.BAD_FRAME: 3})
    account.end(Outcome.DELIVERED, 2)
    lost = Letter(Outcome.BAD_FRAME, "object#1.0", 3, b"raw", True, "", "torn", ORIGIN, 5.0)
    kept = {
        "version": VERSION,
        "lanes": {"shop": [piece(b"{}", b"{}").state(), piece(b"{}", arrival=20.0).state()]},
        "dead": (
            Dead("shop", Outcome.EXPIRED, piece(b"{}"), 503, "503", 2, 30.0).state(),
            Dead("gone", Outcome.BAD_FRAME, lost, None, "", 0, 30.0).state(),
        ),
        "health": {"shop": (100.0, 90.0, 0.0), "gone": (None, None, 0.0)},
        "ledger": {"shop": account.state()},
    }
    where = {
        Unit("shop", "currents", 0): Position(floor=3),
        Unit("shop", "currents", 1): Position(floor=2),
        Unit("shop", "more", 0): Position(),
    }
    rows = slots(where, rewinds={"shop": (2, 50.0)})
    rows[POSITIONS, "05", 7]["positions"] |= {("shop", "events/topic", 3): ["id", 17, 0], ("shop", "events/topic", -1): ["id"]}
    rows[SLOTS, "00", 7] |= kept
    health = {"health": {"shop": (100.0, 95.0, 0.0)}, "ledger": {"shop": account.state()}}
    rows[SLOTS, "01", 7] |= health
    with committed(made(tmp_path, rows)) as found:
        known = holdings(found)
    assert ["gone", "shop"] == list(known)
    assert Holding(dead=3) == known["gone"]
    shop = known["shop"]
    assert {"currents": 7200.0, "more": 0.0} == shop.stood
    assert 1 == shop.partitions
    assert (3, {10.0: 2, 20.0: 1}, 1) == (shop.unacked, shop.arrivals, shop.dead)
    assert (100.0, 95.0) == (shop.failing_since, shop.last_ok)
    assert (18, 4) == (shop.received, shop.delivered)
    assert (2, 50.0) == (shop.rewinds, shop.rewound)


def test_a_state_of_version_1_is_read_as_one_of_today(tmp_path):
    """The doctor looks before the first start of a new version."""
    where = {Unit("shop", "currents", 0): Position(floor=3)}
    with committed(made(tmp_path, slots(where, version=1))) as found:
        assert {"shop": Holding(stood={"currents": 10_800.0})} == holdings(found)
