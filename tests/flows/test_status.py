import io
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from currents_segment.codecs.outcome import Outcome
from currents_segment.flows import status
from currents_segment.flows.status import HEALTHS, PHASES, Status

COUNT = st.integers(0, 10**12)
TIME = st.floats(0, 4e9)
MAYBE = st.none() | TIME
WORD = st.sampled_from(["a", "b", "c"])
TALLY = st.dictionaries(st.sampled_from([outcome.value for outcome in Outcome]), COUNT)
LAG = st.fixed_dictionaries(
    dict.fromkeys(("objects", "bytes", "messages", "lost"), COUNT)
    | dict.fromkeys(("retention", "oldest", "listed_at"), MAYBE)
    | {"error": st.none() | WORD}
)

LOSSES = st.lists(
    st.fixed_dictionaries(
        {"within": st.sampled_from(status.HORIZONS), "events": COUNT, "objects": COUNT, "bytes": COUNT, "unread": st.none() | COUNT}
    ),
    unique_by=lambda loss: loss["within"],
).map(lambda losses: sorted(losses, key=lambda loss: loss["within"]))


@st.composite
def connectors(draw, *, balanced=False):
    """A connector in any state; with a ledger that adds up, or nearly."""
    outcomes, in_flight = draw(TALLY), draw(COUNT)
    received = sum(outcomes.values()) + in_flight + (0 if balanced else draw(st.integers(-3, 3)))
    drawn = {
        "workspace": "shop",
        "received": received,
        "in_flight": in_flight,
        "outcomes": outcomes,
        "balance": received - sum(outcomes.values()) - in_flight,
        "health": draw(st.sampled_from(HEALTHS)),
        "why": draw(st.none() | WORD),
        "letters_error": draw(st.none() | WORD),
        "requests": draw(st.dictionaries(WORD, COUNT)),
        "unknown": draw(st.dictionaries(WORD, COUNT)),
        "lag": draw(LAG),
        "losses": draw(LOSSES),
    }
    counts = {name: draw(COUNT) for name in ("letters_pending", "requests_in_flight", "batches")}
    times = {name: draw(MAYBE) for name in ("failing_since", "last_ok", "wait_until", "time_to_loss")}
    restored = draw(st.fixed_dictionaries({}, optional={"restored": st.fixed_dictionaries({"received": COUNT, "outcomes": TALLY})}))
    return drawn | counts | times | restored


@st.composite
def documents(draw, *, balanced=False):
    """Any document of one process."""
    return {
        "version": draw(st.sampled_from(["0.1.0", "0.2.0"])),
        "process": {
            "id": draw(st.integers(0, 3)),
            "of": draw(st.integers(1, 4)),
            "pid": draw(st.integers(1, 5)),
            "started": draw(TIME),
            "mode": draw(st.sampled_from(["once", "follow"])),
        },
        "phase": draw(st.sampled_from(PHASES)),
        "at": draw(TIME),
        "connectors": draw(st.dictionaries(WORD, connectors(balanced=balanced), max_size=3)),
        "dedup": {"ids": draw(COUNT), "window": draw(TIME), "effective_window": draw(TIME)},
    }


def document(**connectors) -> Status:
    """A document with these connectors, each fresh but for the changes named."""
    return {
        "version": "0.1.0",
        "process": {"id": 0, "of": 1, "pid": 7, "started": 10.0, "mode": "follow"},
        "phase": "running",
        "at": 100.0,
        "connectors": {name.replace("_", "-"): status.fresh("shop") | changes for name, changes in connectors.items()},
        "dedup": {"ids": 0, "window": 86400.0, "effective_window": 86400.0},
    }


@given(documents(), documents(), documents())
def test_grouping(one, two, three):
    """Merging is associative: processes can be added in any grouping."""
    assert status.merge([one, two, three]) == status.merge([one, status.merge([two, three])])


@given(st.lists(documents(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_order(parts, chance: random.Random):
    """Merging is commutative: the order in which processes answer does not matter."""
    assert status.merge(parts) == status.merge(chance.sample(parts, len(parts)))


@given(st.lists(documents(balanced=True), min_size=1, max_size=4))
def test_balanced_stays_balanced(parts):
    """Ledgers that add up add up together."""
    assert status.balance(status.merge(parts)) == {}


@given(st.lists(documents(), min_size=1, max_size=4))
def test_imbalance_adds_up(parts):
    """A merged imbalance is the sum of the imbalances, in the field as in the counts."""
    merged = status.merge(parts)
    for name, connector in merged["connectors"].items():
        expected = sum(status.imbalance(part["connectors"][name]) for part in parts if name in part["connectors"])
        assert (expected, expected) == (status.imbalance(connector), connector["balance"])


@given(documents(), documents())
def test_merged_is_json(one, two):
    """A merged document is JSON and has every connector of its parts."""
    merged = status.merge([one, two])
    assert merged == json.loads(json.dumps(merged))
    assert {*one["connectors"], *two["connectors"]} == set(merged["connectors"])


def test_nothing_to_merge():
    """Nothing merged is a mistake of the caller, never an empty document."""
    with pytest.raises(ValueError, match="no status document"):
        status.merge([])


def test_times_promise_least():
    """Two processes of one cluster: the worst health with its reason, the earliest failure and loss, the latest success and wait."""
    one = document(
        crm={"health": "failing", "why": "503", "failing_since": 50.0, "last_ok": 40.0, "time_to_loss": 900.0, "wait_until": None}
    )
    two = document(
        crm={"health": "working", "why": None, "failing_since": None, "last_ok": 90.0, "time_to_loss": None, "wait_until": 120.0}
    )
    merged = status.merge([one, two])["connectors"]["crm"]
    expected = {"health": "failing", "why": "503", "failing_since": 50.0, "last_ok": 90.0, "time_to_loss": 900.0, "wait_until": 120.0}
    assert expected == {name: merged[name] for name in expected}


def test_losses_add_up():
    """What two processes hold and have not read is lost together; where one cannot estimate, the sum is not known."""
    one, two, three = (
        {"losses": [{"within": 3600.0, "events": events, "objects": 2, "bytes": 50, "unread": unread}]}
        for events, unread in ((1, 10), (2, 20), (4, None))
    )
    merged = status.merge([document(crm=one), document(crm=two), document(crm={})])["connectors"]["crm"]["losses"]
    assert [{"within": 3600.0, "events": 3, "objects": 4, "bytes": 100, "unread": 30}] == merged
    assert None is status.merge([document(crm=one), document(crm=three)])["connectors"]["crm"]["losses"][0]["unread"]


@pytest.mark.parametrize(
    ("phases", "together"),
    [
        (("stopped", "running"), "running"),
        (("running", "starting"), "starting"),
        (("running", "stopping"), "stopping"),
        (("stopped", "stopped"), "stopped"),
    ],
)
def test_phase(phases, together):
    """A cluster is as far as its least settled process."""
    assert together == status.merge([document() | {"phase": phase} for phase in phases])["phase"]


def test_listing_unknown():
    """A lag is known only when every process has listed its part."""
    one, two = document(crm={}), document(crm={})
    one["connectors"]["crm"]["lag"]["listed_at"] = 5.0
    assert status.merge([one, two])["connectors"]["crm"]["lag"]["listed_at"] is None
    two["connectors"]["crm"]["lag"]["listed_at"] = 4.0
    assert status.merge([one, two])["connectors"]["crm"]["lag"]["listed_at"] == 4.0


BALANCED = {"received": 1234, "in_flight": 4, "outcomes": {"delivered": 1200, "filtered/anonymous_user": 20, "expired": 10}}


def test_ledger_reads_as_an_equation():
    """The ledger is an equation: received = delivered + what ended otherwise, by reason + in flight."""
    assert status.ledger_text(document(shop_crm=BALANCED)) == (
        "shop-crm (workspace shop)\n"
        "    received                      1,234\n"
        "  = delivered                     1,200\n"
        "  + filtered: anonymous_user         20\n"
        "  + expired                          10\n"
        "  + in flight                         4"
    )


@given(documents())
def test_ledger_leaves_nothing_out(drawn):
    """The terms of the ledger are all that the document counts, whatever the outcome."""
    for connector in drawn["connectors"].values():
        (_, _, _, received), *terms = status.ledger(connector)
        assert (connector["received"], status.imbalance(connector)) == (received, received - sum(events for *_, events in terms))


def test_unheard_of_outcome():
    """An outcome that this version does not know is shown under its own name, not left out."""
    assert ("+", "lost/in_space", "", 3) in status.ledger(status.fresh("shop") | {"received": 3, "outcomes": {"lost/in_space": 3}})


@pytest.mark.parametrize(("received", "words"), [(1240, "6 events are in no state"), (1230, "4 more events ended than came in")])
def test_imbalance_is_shouted(received, words):
    """An imbalance is shouted with its size in every form of the ledger; the connector is named."""
    bad = document(crm=BALANCED | {"received": received}, web=BALANCED)
    assert {"crm": received - 1234} == status.balance(bad)
    paper = io.StringIO()
    Console(file=paper, width=200).print(status.ledger_table(bad))
    for form in (status.ledger_text(bad), paper.getvalue()):
        assert form.count("LEDGER OUT OF BALANCE") == 1
        assert words in form
    assert "crm: LEDGER OUT OF BALANCE" in paper.getvalue()


def test_table():
    """The table shows every term of every connector, names are never taken for markup."""
    paper = io.StringIO()
    odd = document(crm=BALANCED, web={})
    odd["connectors"]["[red]odd"] = status.fresh("shop")
    Console(file=paper, width=120).print(status.ledger_table(odd))
    shown = paper.getvalue()
    for word in ("crm", "web", "[red]odd", "1,234", "1,200", "97.2%", "anonymous_user", "in flight"):
        assert word in shown
    assert "OUT OF BALANCE" not in shown
