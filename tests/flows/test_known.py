import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from currents_segment.flows import kernels
from currents_segment.flows.known import MOST, Known, Past, Window

WINDOW = Window(length=20.0, max_ids=1 << 20)
SPREAD = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, odd: numbers become different hashes

NUMBERS = st.lists(st.integers(1, 40), max_size=30)


def ids(*numbers):
    """Hashes of the shard 0."""
    return (np.array(numbers, np.uint64) * np.uint64(SPREAD)) & np.uint64((1 << 60) - 1)


def add(known, rows, numbers, now):
    """Learn, and write what must be kept by position, as the files do."""
    fresh, learned = known.add(ids(*numbers), now)
    for slot, at, new in learned:
        row = rows.setdefault(slot, bytearray())
        row[at * 8 : at * 8 + len(new)] = new
    return fresh.tolist()


def restored(past, rows, random, window=WINDOW):
    known = Known(window, past)
    slots = list(enumerate(past.slots, known.oldest))
    random.shuffle(slots)
    for number, _ in slots:
        assert known.restore(np.frombuffer(bytes(rows.get(number, b"")), np.uint64), number)
    return known


@given(st.lists(st.tuples(st.integers(0, 12), NUMBERS), max_size=60))
@settings(max_examples=200, deadline=None)
def test_an_id_is_new_unless_it_was_seen_within_the_window(steps):
    """Exact: as a dictionary that keeps every id with its last sighting. An id is forgotten at most one time slot too late."""
    known, seen, now = Known(WINDOW), {}, 1e9
    for quarters, numbers in steps:
        now += quarters / 4
        for number, fresh in zip(numbers, known.add(ids(*numbers), now)[0].tolist(), strict=True):
            age = now - seen.get(number, 0)
            assert fresh or age <= WINDOW.length + WINDOW.step
            assert not fresh or age > WINDOW.length
            seen[number] = now
    assert known.count >= sum(now - at <= WINDOW.length for at in seen.values())
    assert known.count <= sum(now - at <= WINDOW.length + WINDOW.step for at in seen.values())


@given(st.lists(st.tuples(st.integers(0, 5), NUMBERS, st.sampled_from(["", "restart", "crash"]), NUMBERS), max_size=30), st.randoms())
@settings(max_examples=200, deadline=None)
def test_neither_a_restart_nor_a_crash_changes_an_answer(steps, random):
    """Time slots come back in any order; what an epoch wrote that was never committed is as if it had not been."""
    one, other, rows, now = Known(WINDOW), Known(WINDOW), {}, 1e9
    for ahead, numbers, event, lost in steps:
        now += ahead
        if event == "crash":
            add(restored(other.past, rows, random), rows, lost, now)
        if event:
            other = restored(other.past, rows, random)
        assert add(one, {}, numbers, now) == add(other, rows, numbers, now)
        assert (one.count, one.past) == (other.count, other.past)


@given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(1, 400), max_size=60)), max_size=40))
@settings(max_examples=200, deadline=None)
def test_the_cap_forgets_the_oldest_and_says_how_far_back_it_reaches(steps):
    """No more than the cap is known, and what was seen within the reach always."""
    known, seen, now = Known(Window(length=100.0, max_ids=16 * 50)), {}, 1e9
    for ahead, numbers in steps:
        now += ahead
        known.at(now)
        reach = known.reach
        fresh, _ = known.add(ids(*numbers), now)
        first = dict(zip(reversed(numbers), reversed(fresh.tolist()), strict=True))
        assert not [number for number, new in first.items() if new and now - seen.get(number, 0) < reach]
        seen |= dict.fromkeys(numbers, now)
        assert known.count <= max(50, len(set(numbers)))


def test_the_first_of_equal_ids_in_one_call_is_the_new_one():
    """A chunk that holds both copies keeps the first."""
    assert [True, False, True, False] == Known(WINDOW).add(ids(7, 7, 8, 7), 1.0)[0].tolist()


def test_an_id_of_long_ago_is_not_known_again_when_its_stamp_comes_round():
    """Stamps have 10 bits: 1,023 time slots later the same stamp must not make a new event a duplicate. It lies alone in its part of the table."""
    known, alone = Known(WINDOW), 63 << 54
    known.add(np.arange(alone, alone + 10, dtype=np.uint64), 0.0)
    for second in range(1, kernels.STAMPS + 50):
        known.add(np.array([second % 63 << 54 | second], np.uint64), float(second))
        if -5 <= second - kernels.STAMPS < 5:
            assert [True] == known.add(np.array([alone + second - kernels.STAMPS + 5], np.uint64), float(second))[0].tolist()
    assert 21 == known.count
    assert MOST + kernels.PARTS < kernels.STAMPS


def test_an_id_takes_at_most_12_bytes_while_it_grows_and_while_time_passes():
    """What is forgotten does not pile up either."""
    known, random = Known(Window(100.0, 1 << 28)), np.random.default_rng(1)
    for second in range(300):
        known.add(random.integers(0, 1 << 60, 3_000).astype(np.uint64), float(second))
        assert second < 5 or known._sizes.sum() * 8 <= 12 * known.count


def test_ids_that_are_renewed_again_and_again_cost_no_time_slots():
    """A time slot that has no ids of its own any more is forgotten, and does not count as cut."""
    known = Known(Window(86_400.0, 16 * 10_000))
    for now in range(1_000):
        known.add(ids(*range(1_000)), 1e9 + 900 * (now // 50) + now)
    assert len(known.past.slots) <= 2
    assert known.reach == 86_400.0


def test_ids_that_are_no_hashes_are_forgotten_early_and_nothing_else_happens():
    """They all fall into one part of the table, which has no room for them; the newest are known."""
    known = Known(Window(100.0, 16 * 1_000))
    known.add(np.arange(5_000, dtype=np.uint64), 1e9)
    assert known.count <= 1_000
    assert [False] == known.add(np.array([4_999], np.uint64), 1e9)[0].tolist()
    assert known.reach == 0


def test_a_cap_that_is_lower_than_before_is_held_after_a_restart():
    """The newest ids come back."""
    known, rows, random = Known(WINDOW), {}, np.random.default_rng(1)
    for second in range(10):
        add(known, rows, random.integers(0, 1 << 60, 1_000).tolist(), 1e9 + second)
    add(known, rows, [5], 1e9 + 10)
    less = restored(known.past, rows, random, Window(20.0, 16 * 500))
    assert [False] == less.add(ids(5), 1e9 + 10)[0].tolist()
    assert less.count <= 500


def test_a_clock_that_is_set_back_stands_still():
    """Nothing is forgotten, and nothing is kept for longer than the window after it has caught up."""
    known = Known(WINDOW)
    known.add(ids(1), 1000.0)
    assert [False, True] == known.add(ids(1, 2), 10.0)[0].tolist()
    assert [False, False] == known.add(ids(1, 2), 1015.0)[0].tolist()
    assert [True, True] == known.add(ids(1, 2), 1036.0)[0].tolist()


@pytest.mark.parametrize("past", [Past(), Past(7, 5.0, 0.0, ((6.0, 0, 0),))])
def test_what_a_run_must_know_is_what_it_was_given(past):
    """Plain values, the same both ways."""
    assert past == Known(WINDOW, past).past
