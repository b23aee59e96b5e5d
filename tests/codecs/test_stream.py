import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.codecs.stream import PIECE, Cursor


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x00", 0),
        (b"\x01", -1),
        (b"\x02", 1),
        (b"\x80\x01", 64),
        (b"\xff" * 9 + b"\x01", -(2**63)),
        (b"\xfe" + b"\xff" * 8 + b"\x01", 2**63 - 1),
        (b"", None),
        (b"\x80", None),
        (b"\x80" * 10 + b"\x00", None),
    ],
)
def test_longs_are_avros(data, value):
    """Zigzag, seven bits a byte, the low ones first; none where the bytes end or go on for too long."""
    assert Cursor(io.BytesIO(data)).long() == value


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=3), st.integers(0, 300), st.integers(0, 50))
def test_finding_is_looking(data, marker, limit, before):
    """A marker is found where it first is, no further than the limit, and nothing is taken."""
    cursor = Cursor(io.BytesIO(data))
    taken = len(cursor.take(before))
    found = data.find(marker, before, before + limit + len(marker))
    assert cursor.find(marker, limit) == (found - before if found >= 0 else -1)
    assert cursor.taken == taken
    assert cursor.take(1000) == data[before:]
    assert cursor.ended()


@pytest.mark.parametrize("place", [0, PIECE - 2, PIECE, 2 * PIECE - 1, 5 * PIECE])
def test_a_marker_is_found_across_pieces(place):
    """Wherever the pieces of the stream end."""
    assert Cursor(io.BytesIO(b"." * place + b"mark" + b"." * PIECE)).find(b"mark", 6 * PIECE) == place


def test_one_can_go_back_to_the_mark():
    """What was taken since is there again, also when more was read from the stream in between."""
    data = bytes(range(256)) * 1000
    cursor = Cursor(io.BytesIO(data))
    cursor.take(100)
    cursor.mark()
    assert cursor.take(PIECE * 2) == data[100 : 100 + PIECE * 2]
    assert cursor.since_mark() == data[100 : 100 + PIECE * 2]
    cursor.back(PIECE * 2)
    assert cursor.pass_on(10) == data[100:110]
    assert cursor.since_mark() == data[100:110]


@given(st.binary(max_size=300), st.integers(0, 50), st.integers(0, 300), st.integers(0, 20))
def test_one_can_look_ahead(data, before, distance, count):
    """What stands so far on is seen as far as it is there, and nothing is taken."""
    cursor = Cursor(io.BytesIO(data))
    taken = len(cursor.take(before))
    assert cursor.peek(distance, count) == data[taken + distance : taken + distance + count]
    assert cursor.take(1000) == data[taken:]
