"""How chunks become requests."""

import gzip
import pickle
from collections import deque

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.codecs.chunk import Origin
from currents_segment.sinks.segment.batch import ENVELOPE, MAX_BYTES, MAX_EVENTS, Piece, document, drop, gzipped, halve, take

SENT_AT = "2026-11-22T16:00:00.000Z"
ORIGIN = Origin("s3://bucket/prefix", "event_type=users.messages.email.Open/a.avro", 3, 7)


def _piece(messages: list[bytes], arrival: float = 1.0) -> Piece:
    return Piece(
        b"".join(m + b"," for m in messages), np.cumsum([len(m) + 1 for m in messages], dtype=np.int64), arrival, None, ORIGIN, (1, 2)
    )


def _messages(pieces) -> list[bytes]:
    return [m for p in pieces for m in p.messages()]


bodies = st.integers(0, 10**6).flatmap(lambda n: st.integers(0, 40).map(lambda pad: orjson.dumps({"n": n, "pad": "x" * pad})))
pieces = st.lists(bodies, max_size=12).map(_piece)


@given(st.lists(bodies, max_size=12), st.data())
def test_cut(texts, data):
    """A cut is a partition, in order, of a piece that keeps its arrival, origin and trace."""
    whole = _piece(texts)
    n = data.draw(st.integers(0, len(texts)))
    head, rest = whole.cut(n)
    assert (texts[:n], texts[n:]) == (list(head.messages()), list(rest.messages()))
    assert (whole.arrival, ORIGIN, (1, 2)) == (rest.arrival, rest.origin, rest.trace)
    assert head.size + rest.size == whole.size


@given(st.lists(bodies, max_size=12), st.none() | st.floats(0, 1e10))
def test_state(texts, failed_since):
    """A piece comes back from its pickled state as it was, but for the trace."""
    whole = _piece(texts)
    whole = Piece(whole.bodies, whole.ends, 5.5, failed_since, ORIGIN, (1, 2))
    back = Piece.restore(pickle.loads(pickle.dumps(whole.state())), 7)
    assert 7 == back.slot
    assert texts == list(back.messages())
    assert (5.5, failed_since, ORIGIN, None, np.int64) == (back.arrival, back.failed_since, back.origin, back.trace, back.ends.dtype)


def test_state_is_compact():
    """A snapshot costs four bytes a message over its body."""
    whole = _piece([b"x" * 500] * 1000)
    assert len(pickle.dumps(whole.state())) - whole.size < 4 * 1000 + 300


@given(st.lists(st.tuples(bodies, st.booleans()), max_size=30))
def test_drop(marked):
    """Dropping takes out exactly the messages named, by mask or by positions."""
    whole = _piece([text for text, _ in marked])
    mask = np.array([out for _, out in marked], np.bool_)
    left = [text for text, out in marked if not out]
    assert left == list(drop(whole, mask).messages())
    assert left == list(drop(whole, np.flatnonzero(mask)).messages())
    assert left == list(drop(whole, np.flatnonzero(mask).astype(np.uint16)).messages())


def test_drop_nothing():
    """Dropping nothing copies nothing."""
    whole = _piece([b"{}"])
    assert drop(whole, np.array([], np.int64)) is whole


@given(st.lists(pieces, max_size=8), st.integers(ENVELOPE + 1, ENVELOPE + 300), st.integers(1, 20))
def test_packing(chunks, max_bytes, max_events):
    """Packing loses nothing, keeps order, and stays within both limits unless one message alone is over them."""
    queue, packed = deque(chunks), []
    while queue:
        batch = take(queue, max_bytes, max_events)
        if not batch:
            break
        found = _messages(batch)
        assert 1 <= len(found) <= max_events
        assert len(found) == 1 or sum(map(len, document(batch, sent_at=SENT_AT))) <= max_bytes
        packed.append(batch)
    assert _messages(chunks) == [m for batch in packed for m in _messages(batch)]
    assert not _messages(queue)


@given(st.lists(pieces, max_size=8), st.integers(ENVELOPE + 60, ENVELOPE + 300))
def test_greedy(chunks, max_bytes):
    """A batch is closed only when the next message would not fit."""
    queue = deque(chunks)
    batch = take(queue, max_bytes, 10)
    rest = _messages(queue)
    if rest and len(_messages(batch)) < 10:
        assert sum(len(m) + 1 for m in [*_messages(batch), rest[0]]) > max_bytes - ENVELOPE


def test_limits():
    """By default a request is at most 475,000 bytes and 2,500 events."""
    many, large = deque([_piece([b"{}"] * 1000)] * 3), deque([_piece([b'"' + b"x" * 998 + b'"'] * 400)] * 2)
    assert MAX_EVENTS == len(_messages(take(many)))
    batch = take(large)
    assert MAX_BYTES - 1001 - ENVELOPE < sum(map(len, document(batch, sent_at=SENT_AT))) <= MAX_BYTES


def test_too_large_alone():
    """A message over the limit goes alone, for Segment to refuse, and holds up nobody."""
    queue = deque([_piece([b"1", b'"' + b"x" * 500 + b'"', b"2"])])
    assert [[b"1"], [b'"' + b"x" * 500 + b'"'], [b"2"]] == [_messages(take(queue, ENVELOPE + 100)) for _ in range(3)]


@given(st.lists(pieces, max_size=6))
def test_halve(chunks):
    """Halves are a partition in order, equal but for one, so that halving ends with single events."""
    first, second = halve(chunks)
    assert _messages(chunks) == _messages(first) + _messages(second)
    assert len(_messages(first)) - len(_messages(second)) in {0, 1}


@given(st.lists(pieces, max_size=6))
def test_document(chunks):
    """The document is JSON with every message once, in order, and is little larger than the messages."""
    text = gzip.decompress(gzipped(document(chunks, sent_at=SENT_AT)))
    assert {"batch": [orjson.loads(m) for m in _messages(chunks)], "sentAt": SENT_AT} == orjson.loads(text)
    assert len(text) <= sum(p.size for p in chunks) + ENVELOPE


@pytest.mark.parametrize("n", [1, 2, 999, 1000])
def test_count_and_size(n):
    """A piece knows its messages and bytes."""
    whole = _piece([b"{}"] * n)
    assert (n, 3 * n) == (whole.count, whole.size)
