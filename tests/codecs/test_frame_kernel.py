import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.codecs.test_frames import GUID_VALUE, PLAIN, VALUES

from currents_segment.codecs.frame_kernel import MOST, ODD, Frames
from currents_segment.codecs.frames import Frame, Framer, Framing

FRAMERS = {
    "auto": Framer(Framing.AUTO),
    "auto and bare": Framer(Framing.AUTO, PLAIN),
    "confluent": Framer(Framing.CONFLUENT),
    "single_object": Framer(Framing.SINGLE_OBJECT),
    "container": Framer(Framing.CONTAINER),
    "bare": Framer(Framing.BARE, PLAIN),
}
COMMON = {Framing.CONFLUENT, Framing.SINGLE_OBJECT, Framing.BARE}
MARKS = [b"\x00", b"\x00\x00\x00\x00", b"\x00\x80\x00\x00\x01", b"\x01", b"\xc3", b"\xc3\x01", b"O", b"Obj\x01", b"{"]
ANY = st.none() | st.builds(lambda mark, rest: mark + rest, st.sampled_from([b"", *MARKS]), st.binary(max_size=20))


def told(framer, values):
    """Of each value its frame and where its datum begins in it, or None where it is left to the framer."""
    sizes = [len(value or b"") for value in values]
    ends = np.cumsum([0, *sizes], dtype=np.int64)[1:]
    begins = ends - np.array(sizes, np.int64) + np.array([value is None for value in values], np.int64)
    found, which, inner = Frames(framer).tell(b"".join(value or b"" for value in values), begins, ends)
    return [
        None if number == ODD else (found[number], begin - start)
        for number, begin, start in zip(which.tolist(), inner.tolist(), begins.tolist(), strict=True)
    ]


@pytest.mark.parametrize("name", FRAMERS)
@given(st.lists(ANY, max_size=8))
@example([b"", None, b"\x00", b"\x00\x00\x00\x00\x01", b"\xc3\x02", b"Obj\x02"])
def test_a_value_is_told_as_one_by_one_or_not_at_all(name, values):
    """Whatever the bytes are: never another frame, never another place."""
    for value, one in zip(values, told(FRAMERS[name], values), strict=True):
        if one is not None:
            frame = FRAMERS[name].of(value)
            assert (frame, frame.begin) == one


@pytest.mark.parametrize("name", FRAMERS)
def test_the_common_frames_are_told(name):
    """Each among the others; a GUID and a file are not."""
    values = [value for value, _ in VALUES.values()] + [GUID_VALUE[0]]
    expected = [FRAMERS[name].of(value) for value in values]
    common = [
        (each, each.begin) if isinstance(each, Frame) and each.kind in COMMON and each != GUID_VALUE[1] else None for each in expected
    ]
    assert common == told(FRAMERS[name], values)


def test_values_of_one_frame_share_it():
    """However often it changes."""
    values = [b"\x00" + number.to_bytes(4, "big") + b"x" for number in (1, 2, 1, 3, 2)]
    framer = FRAMERS["auto"]
    assert [1, 2, 1, 3, 2] == [frame.ref for frame, _ in told(framer, values)]
    assert told(framer, values)[0][0] is told(framer, values)[2][0]


def test_made_up_ids_are_bounded():
    """Beyond so many at once they are left to the framer, and those that are told stay told."""
    values = [b"\x00" + number.to_bytes(4, "big") for number in range(1, MOST + 3)] + [b"\x00\x00\x00\x00\x01"]
    *first, one_more, last_more, again = told(FRAMERS["auto"], values)
    assert (None, None, 1) == (one_more, last_more, again[0].ref)
    assert None not in first
