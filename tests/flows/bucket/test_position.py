import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.flows.bucket.layout import Object
from currents_segment.flows.bucket.position import Position, begin, first_open
from currents_segment.flows.errors import UserError

LATE = 6 * 3600.0


def item(hour: int, name: str = "a", modified: float | None = None) -> Object:
    """An object of an hour."""
    return Object(f"{hour}/{name}", 1, hour * 3600.0 if modified is None else modified, hour, hash((hour, name)) % 2**64)


positions = st.builds(
    Position,
    after=st.floats(0, 2e9),
    floor=st.integers(0, 500_000),
    done=st.dictionaries(st.integers(0, 500_000), st.frozensets(st.integers(0, 2**64 - 1), min_size=1), max_size=4),
    reading=st.none() | st.tuples(st.text(), st.integers(0, 2**40), st.integers(0, 2**40)),
)


@given(positions)
def test_a_packed_position_comes_back(position):
    """What the recovery store holds are plain values, and they say the same."""
    packed = pickle.loads(pickle.dumps(position.pack()))
    assert position == Position.unpack(packed)
    assert {int, float, tuple, type(position.reading)} >= {type(part) for part in packed}


def test_a_position_of_a_newer_version_is_refused():
    """A position that this program can't read is said to be one, with the way out."""
    with pytest.raises(UserError, match="version 2, this program knows version 1"):
        Position.unpack((2, "anything"))


def test_a_finished_object_is_not_wanted_again():
    """An object is wanted until it is finished, and another one of its hour stays wanted."""
    position = Position(floor=100)
    assert position.at("100/a", 3, 5).wants(item(100))
    assert not position.finish(item(100)).wants(item(100))
    assert position.finish(item(100)).wants(item(100, "b"))
    assert position.at("100/a", 3, 5).finish(item(100)).reading is None


@given(st.integers(0, 10**9), st.integers(0, 10**6))
def test_an_hour_closes_when_late_objects_are_due_no_more(now, late):
    """The first open hour's end plus `late` is not past; that of the hour before is."""
    first = first_open(float(now), float(late))
    assert (first + 1) * 3600 + late >= now
    assert first == 0 or first * 3600 + late < now


def test_what_is_closed_and_finished_is_forgotten():
    """The floor stops at the first hour that is still open or not finished, and what lies before it takes no memory."""
    position = Position().finish(item(1)).finish(item(5)).finish(item(9))
    assert position.settle(8, None).done.keys() == {9}
    assert position.settle(8, None).floor == 8
    assert position.settle(8, 5).done.keys() == {5, 9}
    assert position.settle(8, 5).floor == 5


def test_the_floor_never_goes_back():
    """A clock that steps back, or a shorter listing, opens no hour again."""
    assert Position(floor=50) == Position(floor=50).settle(10, None)
    assert Position(floor=50) == Position(floor=50).settle(90, 20)


def test_a_start_says_where_reading_begins():
    """Earliest is everything; a time is from its hour on; now is what comes into the bucket from this second on, late objects too."""
    now = 1000 * 3600.0 + 1800.7
    assert begin("earliest", late=LATE, now=now).wants(item(1))
    time = begin(900 * 3600.0 + 1234, late=LATE, now=now)
    assert (False, True) == (time.wants(item(899)), time.wants(item(900)))
    first = begin("now", late=LATE, now=now)
    assert not first.wants(item(1000, modified=now - 1))
    assert first.wants(item(1000, modified=now - 0.7))  # a store that keeps whole seconds
    assert first.wants(item(995, modified=now))
    assert first == Position.unpack(first.pack())  # a restart doesn't move it
