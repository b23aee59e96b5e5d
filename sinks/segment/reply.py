"""From the bytes of a connection to whole answers, of bounded size. Pure: no I/O, no clock.

The parser is llhttp, Node.js' own, by `httptools`.
"""

from typing import Final, NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

LONGEST_ANSWER: Final = 64 * 1024  # bytes that are read of an answer; Segment's are some hundreds
SWITCHING: Final = 101  # the one status below 200 that ends an exchange
FINAL: Final = 200


class Reply(NamedTuple):
    """One answer.

    Attributes:
        status: the HTTP status.
        headers: values by lower-case name; of a name that comes twice the last.
        body: its first bytes, `LONGEST_ANSWER` at most.
        last: no other can follow on its connection.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    last: bool


class Replies:
    """The answers on one connection, one at a time: nobody asks for the next before the one before it is whole."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        # What a proxy's sloppiness may look like must hold up no delivery; aiohttp's and curl's parsers take it, too.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._begin()

    def _begin(self) -> None:
        self._size, self._status = 0, 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._whole: Reply | None = None
        self._more = False

    def feed(self, data: bytes | memoryview) -> Reply | None:
        """The answer that is whole with these bytes, or that is longer than will be read; None: more is to come.

        Raises:
            HttpParserError: this is no answer.
        """
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            if self._whole is None:
                raise
            self._more = True
        if self._whole is None and self._size >= LONGEST_ANSWER:
            if self._status < FINAL:
                raise HttpParserError("no answer in so many bytes")
            self._end(last=True)
        return self._taken()

    def end(self) -> Reply | None:
        """The answer that is whole because nothing follows: one that told no length."""
        if self._status >= FINAL and not {"content-length", "transfer-encoding"} & self._headers.keys():
            self._end(last=True)
        return self._taken()

    def _end(self, *, last: bool) -> None:
        self._whole = Reply(self._status, self._headers, bytes(self._body[:LONGEST_ANSWER]), last)

    def _taken(self) -> Reply | None:
        reply = self._whole
        if reply is not None:
            reply = reply._replace(last=True) if self._more else reply
            self._begin()
        return reply

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Also behind an answer that is whole: then more was said than asked for."""
        self._more = self._whole is not None
        self._status, self._headers, self._body = 0, {}, bytearray()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of the head's, or behind the last chunk."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """From here on the status stands, whatever becomes of the body."""
        self._status = self._parser.get_status_code()

    def on_body(self, part: bytes) -> None:
        """A part of it, without the framing of chunks."""
        self._body += part

    def on_message_complete(self) -> None:
        """An interim answer (1xx) is followed by the one that counts."""
        if self._whole is None and (self._status >= FINAL or self._status == SWITCHING):
            self._end(last=not self._parser.should_keep_alive() or self._status == SWITCHING)
