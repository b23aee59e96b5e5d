from hypothesis import given
from hypothesis import strategies as st

from currents_segment.flows.gate import RESERVED, Gate


def gate_of(events=800, size=8_000, *, working=True):
    gate = Gate(events, size)
    gate.working("a", working)
    return gate


def test_a_gate_closes_at_its_bound_of_events_in_transit_and_held_together():
    """What is on its way counts as much as what is held."""
    gate = gate_of()
    gate.emitted(3, "a", 500)
    assert gate.opened(3, "a")
    gate.arrived(3, "a", 500, 400, 10)
    gate.emitted(3, "a", 400)
    assert not gate.opened(3, "a")


def test_a_gate_closes_at_its_bound_of_bytes():
    """Few large messages close it as many small ones do."""
    gate = gate_of()
    gate.arrived(3, "a", 0, 1, 8_000)
    assert not gate.opened(3, "a")


def test_a_connector_that_fails_or_has_not_succeeded_gets_a_small_share():
    """What it holds is written to the recovery store again in every epoch."""
    gate = gate_of(working=False)
    gate.emitted(3, "a", 800 // RESERVED)
    assert not gate.opened(3, "a")
    gate.working("a", works=True)
    assert gate.opened(3, "a")


def test_what_is_dead_leaves_the_small_share_at_once():
    """A connector that is down for longer than its events live reads on while their letters are written, up to the whole gate; then it waits for them."""
    gate = gate_of(working=False)
    for _ in range(4):
        assert gate.opened(3, "a")
        gate.arrived(3, "a", 0, 200, 2_000)
        assert not gate.opened(3, "a")
        gate.died(3, "a", 200, 2_000)
    assert not gate.opened(3, "a")
    gate.buried(3, "a", 200, 2_000)
    assert gate.opened(3, "a")


def test_one_connectors_gate_is_never_anothers():
    """Nor is a slot's another slot's."""
    gate = gate_of()
    gate.emitted(3, "a", 10_000)
    assert gate.opened(3, "b")
    assert gate.opened(4, "a")


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 1000), st.integers(0, 5000)), max_size=30))
def test_what_came_and_went_leaves_the_slot_idle(chunks):
    """Every event that was emitted arrives, and every one that was held is released: then a bounded run may end."""
    gate = gate_of()
    for emitted, _, _ in chunks:
        gate.emitted(3, "a", emitted)
    for emitted, held, size in chunks:
        gate.arrived(3, "a", emitted, min(held, emitted), size)
    assert gate.idle(3) == (not any(min(held, emitted) for emitted, held, _ in chunks))
    for emitted, held, size in chunks:
        gate.released(3, "a", min(held, emitted), size)
    assert gate.idle(3)
    assert gate.opened(3, "a")
