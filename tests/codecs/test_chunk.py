from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.codecs.chunk import Framed, Messages, Origin, Records, joined
from currents_segment.codecs.outcome import Outcome

BODIES = st.lists(st.binary(max_size=5).map(lambda body: body + b","), max_size=4)


def messages(bodies, tally=None):
    ends = np.cumsum([len(body) for body in bodies], dtype=np.int64)
    ids = np.arange(len(bodies), dtype=np.uint64)
    return Messages(b"".join(bodies), ends, ids, len(bodies) + sum((tally or {}).values()), tally or {}, (), {"x": 1})


def cut(whole):
    bounds = [0, *whole.ends.tolist()]
    return [whole.bodies[begin:end] for begin, end in pairwise(bounds)]


@given(st.lists(BODIES, min_size=1, max_size=4))
def test_joined_messages_are_those_of_the_parts(parts):
    """Each message keeps its bounds, whatever stands before it, and nothing is counted twice."""
    whole = joined([messages(bodies, {Outcome.BAD_DATUM: 1}) for bodies in parts])
    assert [body for bodies in parts for body in bodies] == cut(whole)
    assert [number for bodies in parts for number in range(len(bodies))] == whole.ids.tolist()
    assert (len(parts), len(whole.ends) + len(parts)) == (whole.tally[Outcome.BAD_DATUM], whole.received)
    assert (np.int64, np.uint64, {"x": len(parts)}) == (whole.ends.dtype, whole.ids.dtype, whole.unknown)


def test_stretches_of_datums_with_known_bounds():
    """Each is a span of its own, so that a bad one takes nothing from the next."""
    ends, blocks = np.array([2, 2, 5], dtype=np.int64), np.array([7, 9, 10], dtype=np.int64)
    records = Records("{}", "", b"abcde", 3, 0.0, Origin("l", "o", 7), ends=ends, blocks=blocks)
    assert [(7, 0, 1, 2, b"ab"), (9, 0, 1, 0, b""), (10, 0, 1, 3, b"cde")] == [
        (span.block, span.record, span.count, span.size, data) for span, data in records.stretches()
    ]


def test_framed_datums_by_writer():
    """Each writer's datums without their frames, in the order of the log, each with its offset."""
    which, begins, ends = np.array([1, 0, 1], dtype=np.uint16), np.array([1, 4, 6], dtype=np.int64), np.array([3, 5, 6], dtype=np.int64)
    offsets = np.array([7, 9, 12], dtype=np.int64)
    framed = Framed((("a", ""), ("b", "Click"), ("c", "")), which, b".xx.y.", begins, ends, offsets, 5.0, Origin("l", "0", 7))
    first, second = framed.records()
    assert ("a", "", b"y", [1], [9], 9) == (
        first.schema,
        first.hint,
        first.data,
        first.ends.tolist(),
        first.blocks.tolist(),
        first.origin.block,
    )
    assert ("b", "Click", b"xx", [2, 2], [7, 12], 7) == (
        second.schema,
        second.hint,
        second.data,
        second.ends.tolist(),
        second.blocks.tolist(),
        second.origin.block,
    )
    assert (3, 3) == (framed.count, first.count + second.count)
