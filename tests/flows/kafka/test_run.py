import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.flows.kafka.messages import run

from currents_segment.flows.kafka.run import joined

VALUES = st.lists(st.none() | st.binary(max_size=5), min_size=1, max_size=12)


def values(one):
    return [one.value(number) for number in range(one.count)]


@given(VALUES, st.data())
def test_what_is_cut_and_joined_again_is_the_same(given_, data):
    """Wherever it is cut: values, offsets and times stay with their messages; a tombstone stays one."""
    whole = run(*enumerate(given_, 7), times=[float(number) for number in range(len(given_))])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(given_)), max_size=4)))
    parts = [whole.cut(begin, end) for begin, end in zip([0, *cuts], [*cuts, len(given_)], strict=True) if begin < end]
    again = joined(parts)
    assert given_ == values(whole) == values(again) == [value for part in parts for value in values(part)]
    assert whole.data == again.data
    assert np.array_equal(whole.table, again.table)


def test_what_is_kept_is_chosen_one_by_one():
    """In their order."""
    kept = run((1, b"a"), (2, None), (3, b"ccc")).keep(np.array([True, False, True]))
    assert ([b"a", b"ccc"], [1, 3], b"accc") == (values(kept), kept.offsets.tolist(), kept.data)


def test_headers_stay_with_their_offsets():
    """However runs are cut and joined."""
    one, two = run((1, b"a"), (2, b"b"), headers={2: [("x", b"1")]}), run((3, b"c"), headers={3: [("x", b"2")]})
    assert {2: [("x", b"1")], 3: [("x", b"2")]} == joined([one.cut(1, 2), two]).headers
