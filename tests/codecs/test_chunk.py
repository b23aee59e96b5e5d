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


def test_framed_datums_one_by_one():
    """In the order of the log without their frames, each with its offset; neighbours of one writer together."""
    which, begins, ends = np.array([1, 1, 0, 1], np.uint16), np.array([1, 4, 5, 9]), np.array([3, 4, 6, 9])
    framed = Framed(
        (("a", ""), ("b", "Click"), ("c", "")), which, b".xx.#y#.#", begins, ends, np.array([7, 8, 9, 12]), 5.0, Origin("l", "0", 7)
    )
    assert [("b", "Click", b"xx", [2, 2], [7, 8], 7), ("a", "", b"y", [1], [9], 9), ("b", "Click", b"", [0], [12], 12)] == [
        (each.schema, each.hint, each.data, each.ends.tolist(), each.blocks.tolist(), each.origin.block) for each in framed.records()
    ]
    assert 4 == framed.count
