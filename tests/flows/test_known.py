import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from currents_segment.flows.known import Known, Window

WINDOW = Window(length=20.0, max_ids=1 << 30)


def ids(*numbers):
    return np.array(numbers, np.uint64)


@given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(1, 40), max_size=30)), max_size=60))
@settings(max_examples=200, deadline=None)
def test_an_id_is_new_unless_it_was_seen_within_the_window(steps):
    """Exact: the same answers as a dictionary that keeps every id with the time slot of its last sighting."""
    known, seen, slot = Known(WINDOW), {}, 0
    for ahead, numbers in steps:
        slot += ahead
        expected = []
        for number in numbers:
            fresh = number not in seen or slot - seen[number] > WINDOW.span
            seen[number] = slot
            expected.append(fresh)
        assert expected == known.add(ids(*numbers), slot).tolist()
    assert sum(slot - at <= WINDOW.span for at in seen.values()) == known.count


@given(st.lists(st.tuples(st.integers(0, 5), st.lists(st.integers(1, 40), max_size=20)), max_size=20), st.randoms())
@settings(deadline=None)
def test_what_is_restored_in_any_order_is_known_as_before(steps, random):
    """Rows come back after a resume in whatever order Bytewax loads them."""
    known, rows, slot = Known(WINDOW), {}, 0
    for ahead, numbers in steps:
        slot += ahead
        known.add(ids(*numbers), slot)
        rows.setdefault(slot, []).extend(numbers)
    restored, live = Known(WINDOW), [row for row in rows if row in known.slots]
    random.shuffle(live)
    for row in live:
        restored.restore(ids(*rows[row]), row)
    everything = ids(*range(1, 41))
    assert known.add(everything, slot).tolist() == restored.add(everything, slot).tolist()


def test_the_first_of_equal_ids_in_one_call_is_the_new_one():
    """A chunk that holds both copies keeps the first."""
    assert [True, False, True, False] == Known(WINDOW).add(ids(7, 7, 8, 7), 1).tolist()


def test_the_cap_forgets_the_oldest_and_says_how_far_back_it_reaches():
    """The effective window is shorter than the one that was asked for."""
    known = Known(Window(length=100.0, max_ids=16 * 50))
    for slot in range(100):
        known.add(np.arange(1, 11, dtype=np.uint64) + np.uint64(10 * slot), slot)
    assert known.count <= 50
    assert known.reach <= 6
    assert known.add(ids(995), 99).tolist() == [False]
    assert known.add(ids(15), 99).tolist() == [True]


def test_an_id_of_long_ago_is_not_known_again_when_its_stamp_comes_round():
    """Stamps have 16 bits: 65,536 time slots later the same stamp must not make a new event a duplicate."""
    known = Known(WINDOW)
    known.add(ids(5), 10)
    for slot in range(10 + WINDOW.span + 1, 10 + 70_000, 997):
        known.add(ids(1_000_000 + slot), slot)
    assert known.add(ids(5), 10 + 65_536).tolist() == [True]


def test_a_table_of_many_ids_stays_small():
    """At most 28 bytes an id in the table, whatever the number."""
    known, random = Known(Window(86_400.0, 1 << 30)), np.random.default_rng(1)
    for _ in range(20):
        known.add(random.integers(1, 1 << 63, 5_000).astype(np.uint64), 3)
    assert (known._table.nbytes + known._stamps.nbytes) / known.count <= 29


def test_rows_stay_few_enough_for_a_quick_resume():
    """A recovery store resumes in quadratic time over rows: under 20,000 for all sixteen shards."""
    for length in (60.0, 86_400.0, 30 * 86_400.0):
        assert Window(length, 1).rows * 16 < 20_000
