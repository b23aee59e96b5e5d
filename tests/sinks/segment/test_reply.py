"""Answers from bytes: whole at their last byte, however they were cut, and bounded."""

import pytest
from httptools import HttpParserError
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.sinks.segment.reply import LONGEST_ANSWER, Replies

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"success":true}'
WHOLE = {
    "length": (OK, 200, b'{"success":true}', False),
    "no body": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", False),
    "chunks": (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n2;x=y\r\n1}\r\n0\r\nTrailer: t\r\n\r\n', 200, b'{"a":1}', False),
    "interim": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n" + OK, 200, b'{"success":true}', False),
    "close": (b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", 503, b"no", True),
    "old": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, b"", False),
    "line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, b"ok", False),
    "switching": (b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", 101, b"", True),
}  # fmt: skip


@pytest.mark.parametrize("kind", WHOLE)
@given(data=st.data())
def test_whole(kind, data):
    """An answer is whole with its last byte and not before, wherever the network cut it; and so is the next on the same connection."""
    answer, *expected = WHOLE[kind]
    replies = Replies()
    for _ in range(1 if expected[-1] else 2):
        cuts = sorted(data.draw(st.sets(st.integers(1, len(answer) - 1), max_size=5)))
        *parts, last = (answer[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(answer)], strict=True))
        assert [None] * len(parts) == [replies.feed(part) for part in parts]
        reply = replies.feed(last)
        assert expected == [reply.status, reply.body, reply.last]


def test_headers():
    """Names are in lower case, and what one answer said is not taken for the next one's."""
    replies = Replies()
    assert {"retry-after": "9", "content-length": "0"} == replies.feed(
        b"HTTP/1.1 503 Busy\r\nRETRY-After:  9\r\nContent-Length: 0\r\n\r\n"
    ).headers
    assert {"content-length": "16"} == replies.feed(OK).headers


def test_no_length():
    """An answer that tells no length is whole when the stream ends."""
    replies = Replies()
    assert replies.feed(b"HTTP/1.1 200 OK\r\n\r\nall of") is None
    assert replies.feed(b" it") is None
    assert (200, {}, b"all of it", True) == replies.end()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200", b"HTTP/1.1 100 Continue\r\n\r\n", OK[:-1], WHOLE["chunks"][0][:-2]])
def test_cut(answer):
    """An answer that is cut off is none."""
    replies = Replies()
    assert answer == b"" or replies.feed(answer) is None
    assert replies.end() is None


def test_more_than_asked_for():
    """Whatever stands behind an answer, no other can follow it: whose it is would not be known."""
    for more in (OK, b"HTTP/1.1 2", b"what?"):
        reply = Replies().feed(OK + more)
        assert (200, b'{"success":true}', True) == (reply.status, reply.body, reply.last)


@pytest.mark.parametrize("length", [b"Content-Length: 999999999\r\n\r\n", b"\r\n", b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n"])
def test_long_body(length):
    """Of a long body the first 64 KiB are read at the most, and the status stands; no other answer can follow."""
    replies, fed = Replies(), 0
    reply = replies.feed(b"HTTP/1.1 413 Large\r\n" + length)
    while reply is None:
        assert fed <= LONGEST_ANSWER
        fed += 1000
        reply = replies.feed(b"x" * 1000)
    assert (413, True) == (reply.status, reply.last)
    assert LONGEST_ANSWER - 1000 <= len(reply.body) <= LONGEST_ANSWER


@pytest.mark.parametrize("endless", [b"x" * 1000, b"X: y\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_long_head(endless):
    """A head without end, or interim answers without end, are no answer."""
    replies, fed = Replies(), 0
    replies.feed(b"HTTP/1.1 100 Continue\r\n\r\n" if endless.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n")
    with pytest.raises(HttpParserError):  # noqa: PT012 - the one that is too many is not known
        while fed <= LONGEST_ANSWER:
            assert replies.feed(endless) is None
            fed += len(endless)


@pytest.mark.parametrize(
    "noise", [b"220 mail.example ESMTP\r\n\r\n", b"\x15\x03\x01\x00\x02\x02", b"<html>", b"HTTP/2 200\r\n\r\n", b"GET / HTTP/1.1\r\n"]
)
def test_no_http(noise):
    """What is no HTTP is no answer."""
    with pytest.raises(HttpParserError):
        Replies().feed(noise)
