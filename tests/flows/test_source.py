from collections import Counter, defaultdict, deque
from datetime import UTC, datetime

import pytest

from currents_segment.codecs.chunk import Origin, Records
from currents_segment.flows.errors import FailedError, UserError
from currents_segment.flows.gate import Bound, Bounds, Gate
from currents_segment.flows.items import Raw, Tick
from currents_segment.flows.slots import SLOTS, Place, Unit
from currents_segment.flows.source import MUCH, SOON, Logs, SlotPartition, SlotSource
from currents_segment.flows.stop import Stop

UNITS = [Unit(connector, "log", partition) for connector in ("a", "b") for partition in range(16)]
SLOT = UNITS[0].slot


def records(count=10):
    return Records("{}", "", b"", count, 0.0, Origin("log", "object"))


class Queues:
    """Logs in memory."""

    def __init__(self, kept):
        self.known = [unit for unit in UNITS if unit.slot in kept]
        self.at = defaultdict(int)
        self.at |= {unit: kept[unit.slot].get((unit.connector, unit.log, unit.partition), 0) for unit in self.known}
        self.ready = defaultdict(deque)
        self.fault = None
        self.most = {}

    def units(self, slot):
        return [unit for unit in self.known if unit.slot == slot]

    def read(self, unit, most):
        self.most[unit] = most
        if self.fault:
            raise self.fault
        if not self.ready[unit]:
            return None
        self.at[unit] += 1
        return (self.ready[unit].popleft(),)

    def positions(self, slot):
        return {(unit.connector, unit.log, unit.partition): self.at[unit] for unit in self.units(slot)}

    def exhausted(self, slot):
        return not any(self.ready[unit] for unit in self.units(slot))


@pytest.fixture
def gate():
    bound = Bound(1_000, 1_000_000)
    gate = Gate(Bounds(whole=bound, failing=bound, working=bound, flying=Bound(0, 0)))
    gate.working("a", works=True)
    gate.working("b", works=True)
    return gate


def build(gate, state=None, *, once=False, stop=None):
    logs = Logs(Place(), Queues)
    slots = {
        number: SlotPartition(number, state if number == SLOT else None, logs=logs, gate=gate, stop=stop or Stop(), once=once)
        for number in range(SLOTS)
    }
    return slots[SLOT], logs.log


def mine(connector):
    return next(unit for unit in UNITS if unit.slot == SLOT and unit.connector == connector)


def test_a_tick_is_the_first_item_of_every_epoch(gate):
    """Also in an epoch in which nothing is read: it wakes the sink slot and the shard."""
    slot, log = build(gate)
    log.ready[mine("a")].append(records())
    assert [Tick(SLOT, 1), Raw(SLOT, "a", (records(),))] == slot.next_batch()
    assert [] == slot.next_batch()
    slot.snapshot()
    assert [Tick(SLOT, 2)] == slot.next_batch()


def test_a_closed_gate_stops_reading_for_its_connector_and_for_no_other(gate):
    """What is not read stays in the log."""
    slot, log = build(gate)
    gate.emitted(SLOT, "a", 1_000)
    log.ready[mine("a")].append(records())
    log.ready[mine("b")].append(records())
    assert [Tick(SLOT, 1), Raw(SLOT, "b", (records(),))] == slot.next_batch()
    assert 1 == len(log.ready[mine("a")])


def test_a_slot_reads_one_chunk_a_turn_of_each_connector_in_turn(gate):
    """What all slots read at once goes through every step before anything new is delivered, so it is little."""
    slot, log = build(gate)
    for name in ("a", "b"):
        log.ready[mine(name)].extend([records(), records()])
    turns = [[item.connector for item in slot.next_batch() if isinstance(item, Raw)] for _ in range(4)]
    assert [["a"], ["b"]] * 2 in (turns, turns[::-1])


def test_a_chunk_is_as_large_as_the_gate_allows(gate):
    """What is held un-acked stays bounded, however much lies in the log."""
    slot, log = build(gate)
    gate.emitted(SLOT + 1, "a", 400)
    slot.next_batch()
    assert 500 == log.most[mine("a")]
    assert 1_000 == log.most[mine("b")]


def pause(slot):
    """s until the slot is asked again."""
    awake = slot.next_awake()
    return 0.0 if awake is None else (awake - datetime.now(UTC)).total_seconds()


def test_a_slot_looks_again_soon_after_it_found_much_and_then_less_and_less_often(gate):
    """What is fetched comes in bursts; and looking at hundreds of units is what an idle process costs."""
    slot, log = build(gate)
    log.ready[mine("a")].append(records(MUCH))
    slot.next_batch()
    assert 0.0 == pause(slot)
    gate.arrived(SLOT, "a", MUCH, 0, 0)
    pauses = []
    for _ in range(6):
        slot.next_batch()
        pauses.append(round(pause(slot), 2))
    assert [0.01, 0.02, 0.04, 0.05, 0.05, 0.05] == pauses


def test_a_slot_looks_again_soon_when_a_connector_that_works_has_closed_its_gate(gate):
    """It opens within milliseconds; that of one that fails may stay closed for hours."""
    slot, _ = build(gate)
    slot.next_batch()
    gate.emitted(SLOT, "a", 1_000)
    slot.next_batch()
    assert pause(slot) <= SOON
    gate.working("a", works=False)
    for _ in range(5):
        slot.next_batch()
    assert pause(slot) > SOON


def test_a_unit_that_comes_up_later_is_read_and_kept(gate):
    """A topic gets partitions, and a pattern topics, while the process runs."""
    slot, log = build(gate)
    slot.next_batch()
    new = next(unit for unit in (Unit("a", "log", partition) for partition in range(16, 32)) if unit.slot == SLOT)
    log.known.append(new)
    log.ready[new].append(records())
    assert [Raw(SLOT, "a", (records(),))] == slot.next_batch()
    assert 1 == slot.snapshot()["positions"]["a", "log", new.partition]


def test_slots_that_read_at_the_same_time_read_for_different_connectors(gate):
    """No connector waits until all slots have read for all others."""
    logs = Logs(Place(), Queues)
    slots = [SlotPartition(number, None, logs=logs, gate=gate, stop=Stop(), once=False) for number in range(SLOTS)]
    for unit in UNITS:
        logs.log.ready[unit].append(records())
    read = Counter(item.connector for slot in slots for item in slot.next_batch() if isinstance(item, Raw))
    assert {"a": SLOTS // 2, "b": SLOTS // 2} == read


def test_the_snapshot_holds_the_position_behind_what_was_read_and_those_of_units_not_configured(gate):
    """A connector that is taken out of the configuration and put back goes on where it was."""
    gone = ("gone", "log", 3)
    slot, log = build(gate, {"version": 2, "rewinds": {}, "positions": {gone: 77, ("a", "log", mine("a").partition): 5}})
    log.ready[mine("a")].append(records())
    slot.next_batch()
    positions = slot.snapshot()["positions"]
    assert 77 == positions[gone]
    assert 6 == positions["a", "log", mine("a").partition]
    assert 0 == positions["b", "log", mine("b").partition]


def test_nothing_is_read_before_every_slot_has_said_where_it_stands(gate):
    """One listing serves all slots of a connector, so it must know all their positions."""
    logs = Logs(Place(), Queues)
    slot = SlotPartition(SLOT, None, logs=logs, gate=gate, stop=Stop(), once=True)
    assert [Tick(SLOT, 1)] == slot.next_batch()
    assert [] == slot.next_batch()


def test_a_bounded_run_ends_only_when_the_sink_slot_has_seen_everything_and_holds_nothing(gate):
    """The end is told by the echo of a tick that was sent after the last chunk."""
    slot, log = build(gate, once=True)
    log.ready[mine("a")].append(records())
    slot.next_batch()
    assert [Tick(SLOT, 2)] == slot.next_batch()
    assert [] == slot.next_batch()
    gate.echo(SLOT, 2)
    assert [] == slot.next_batch()
    gate.arrived(SLOT, "a", 10, 4, 400)
    assert [] == slot.next_batch()
    gate.released(SLOT, "a", 4, 400)
    assert [Tick(SLOT, 3)] == slot.next_batch()
    with pytest.raises(StopIteration):
        slot.next_batch()


def test_a_stop_reads_no_more_waits_for_requests_in_flight_and_ends_with_a_tick(gate):
    """The last tick carries the last acks into the last snapshot."""
    stop = Stop()
    slot, log = build(gate, stop=stop)
    log.ready[mine("a")].append(records())
    gate.requests("a", +1)
    stop.request()
    assert [] == slot.next_batch()
    gate.requests("a", -1)
    assert [Tick(SLOT, 1)] == slot.next_batch()
    with pytest.raises(StopIteration):
        slot.next_batch()
    assert 1 == len(log.ready[mine("a")])


def test_a_stop_waits_no_longer_than_its_grace(gate):
    """What a request that hangs carries stays un-acked, and is sent again by the next run."""
    stop = Stop(grace=0.0)
    slot, _ = build(gate, stop=stop)
    gate.requests("a", +1)
    stop.request()
    assert [] == slot.next_batch()
    assert [Tick(SLOT, 1)] == slot.next_batch()


def test_a_source_that_cannot_be_read_ends_a_bounded_run_in_good_order(gate):
    """The error is the run's, after what was read is safe."""
    stop = Stop()
    slot, log = build(gate, once=True, stop=stop)
    log.fault = FailedError("no such bucket")
    slot.next_batch()
    assert stop.requested
    assert log.fault is stop.error
    assert [Tick(SLOT, 2)] == slot.next_batch()


def test_a_process_lists_its_own_slots_only():
    """In source and sink alike, so that both ends of a slot meet in one process."""
    source = SlotSource(Place(1, 3), logs=Logs(Place(1, 3), Queues), gate=Gate(Bounds()), stop=Stop(), once=False)
    assert ["01", "04", "07", "10", "13"] == source.list_parts()


def test_a_state_of_another_version_is_refused(gate):
    """Positions that are read wrongly would skip events."""
    with pytest.raises(
        UserError, match="positions of version 3, this program knows version 2; use the version of currents-segment that wrote it"
    ):
        build(gate, {"version": 3, "positions": {}, "rewinds": {}})


def test_a_state_of_version_1_goes_on_as_one_that_was_never_set_back(gate):
    """An upgrade needs nothing done; what it writes is of this version."""
    here = ("a", "log", mine("a").partition)
    slot, log = build(gate, {"version": 1, "positions": {here: 5}})
    log.ready[mine("a")].append(records())
    assert [Tick(SLOT, 1), Raw(SLOT, "a", (records(),), rewinds=0)] == slot.next_batch()
    assert {"version": 2, "rewinds": {}} | {"positions": slot.snapshot()["positions"]} == slot.snapshot()
    assert 6 == slot.snapshot()["positions"][here]


def test_what_was_set_back_is_read_under_its_number_and_stays_so(gate):
    """The shards then know none of its events; other connectors are not touched."""
    rewinds = {"a": (3, 1_000.0), "gone": (1, 2_000.0)}
    slot, log = build(gate, {"version": 2, "positions": {}, "rewinds": rewinds})
    log.ready[mine("a")].append(records())
    log.ready[mine("b")].append(records())
    tick, *chunks = slot.next_batch() + slot.next_batch()
    assert Tick(SLOT, 1) == tick
    assert {"a": 3, "b": 0} == {chunk.connector: chunk.rewinds for chunk in chunks}
    assert rewinds == slot.snapshot()["rewinds"]
