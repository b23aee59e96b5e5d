import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.flows.gate import Bound, Bounds, Gate

BOUNDS = Bounds(
    whole=Bound(40_000, 40_000_000), failing=Bound(4_000, 4_000_000), working=Bound(16_000, 16_000_000), flying=Bound(5_000, 5_000_000)
)


@pytest.fixture
def gate():
    gate = Gate(BOUNDS)
    gate.working("a", works=True)
    return gate


def read(gate, slot, connector="a", most=4_000, size=1_000):
    """A slot reads what it may, up to a chunk, and all of it arrives; how much it was."""
    events = min(most, gate.room(slot, connector))
    gate.emitted(slot, connector, events)
    gate.arrived(slot, connector, events, events, events * size)
    return events


def test_a_gate_closes_at_its_bound_of_events_in_transit_and_held_together(gate):
    """What is on its way counts as much as what is held."""
    gate.emitted(3, "a", 10_000)
    assert 6_000 == gate.room(3, "a")
    gate.arrived(3, "a", 10_000, 9_000, 9_000)
    gate.emitted(3, "a", 7_000)
    assert 0 == gate.room(3, "a")
    assert (7_000, 0) == (gate.transit("a"), gate.transit("b"))


def test_a_gate_closes_at_its_bound_of_bytes(gate):
    """Few large messages close it as many small ones do; how many may still come is told by those that are here."""
    gate.arrived(3, "a", 0, 100, 10_000_000)
    assert 60 == gate.room(3, "a")
    gate.arrived(3, "a", 0, 60, 6_000_000)
    assert 0 == gate.room(3, "a")


def test_the_slots_of_a_connector_share_its_bound_in_equal_parts(gate):
    """Those that have something to read: however they take turns, each has as much under way."""
    held = dict.fromkeys(range(8), 0)
    for _ in range(20):
        for slot in held:
            held[slot] += read(gate, slot)
        for slot, events in held.items():  # the half of it is delivered
            gate.released(slot, "a", events // 2, events // 2 * 1_000)
            held[slot] -= events // 2
    for slot in held:
        held[slot] += read(gate, slot)
    assert max(held.values()) <= 2_000
    assert min(held.values()) >= 1_500


def test_a_slot_that_is_alone_has_all_of_it(gate):
    """A topic with one partition is as fast as one with many."""
    assert 16_000 == sum(read(gate, 3) for _ in range(5))


def test_a_slot_that_has_nothing_is_never_refused(gate):
    """Others may have taken everything before it came."""
    while read(gate, 3):
        pass
    assert 250 == read(gate, 4)
    assert 0 == read(gate, 4)


def test_a_small_chunk_is_not_worth_its_way(gate):
    """It would cost as much as a large one."""
    gate.emitted(3, "a", 16_000 - 249)
    assert 0 == gate.room(3, "a")


def test_more_is_let_in_for_each_request_in_flight(gate):
    """Behind an endpoint that answers at once little is un-acked, behind a slow one what its requests can carry, up to the whole bound."""
    gate.emitted(3, "a", 16_000)
    assert 0 == gate.room(3, "a")
    gate.requests("a", +2)
    assert 10_000 == gate.room(3, "a")
    gate.requests("a", +10)
    assert 24_000 == gate.room(3, "a")
    gate.requests("a", -12)
    assert 0 == gate.room(3, "a")


def test_a_connector_that_fails_or_has_not_succeeded_gets_a_small_part(gate):
    """What it holds is written to the recovery store again in every epoch, whatever is in flight."""
    gate.working("a", works=False)
    gate.requests("a", +1)
    gate.emitted(3, "a", 4_000)
    assert 0 == gate.room(3, "a")
    assert not gate.works("a")
    gate.working("a", works=True)
    assert gate.room(3, "a")


def test_what_is_dead_leaves_the_small_part_at_once(gate):
    """A connector that is down for longer than its events live reads on while their letters are written, up to the whole bound; then it waits for them."""
    gate.working("a", works=False)
    for _ in range(10):
        assert 4_000 == read(gate, 3)
        assert 0 == gate.room(3, "a")
        gate.died(3, "a", 4_000, 4_000_000)
    assert 0 == gate.room(3, "a")
    gate.buried(3, "a", 4_000, 4_000_000)
    assert gate.room(3, "a")


def test_what_has_no_bytes_counts_as_events(gate):
    """Of an empty file nothing but the letter that says so is kept."""
    gate.arrived(3, "a", 0, 15_000, 0)
    assert 1_000 == gate.room(3, "a")
    assert 250 <= gate.room(4, "a")


def test_one_connectors_gate_is_never_anothers(gate):
    """One that holds all it may is nothing to the others."""
    gate.emitted(3, "a", 100_000)
    assert 4_000 == gate.room(3, "b")


def test_connectors_of_a_process_divide_its_memory():
    """By how many they are, not by what they do: none depends on another."""
    assert Bounds() == Bounds.of(1) == Bounds.of(3)
    assert Bound(12_000, 4_800_000) == Bounds.of(10).working
    assert Bound(10_000, 4_000_000) == Bounds.of(100).working


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 1000), st.integers(0, 5000)), max_size=30))
def test_what_came_and_went_leaves_the_slot_idle(chunks):
    """Every event that was emitted arrives, and every one that was held is released: then a bounded run may end."""
    gate = Gate(BOUNDS)
    for emitted, _, _ in chunks:
        gate.emitted(3, "a", emitted)
    for emitted, held, size in chunks:
        gate.arrived(3, "a", emitted, min(held, emitted), size)
    assert gate.idle(3) == (not any(min(held, emitted) for emitted, held, _ in chunks))
    for emitted, held, size in chunks:
        gate.released(3, "a", min(held, emitted), size)
    assert gate.idle(3)
    assert gate.room(3, "a")
