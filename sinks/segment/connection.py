"""One connection to Segment: a request goes out, its answer comes back, and the connection is kept for the next if it can be."""

import asyncio
from typing import Final, cast

from httptools import HttpParserError

from currents_segment.sinks.segment.reply import Replies, Reply

READ: Final = 16 * 1024  # bytes at a time; an answer of Segment's is some hundreds


class Connection(asyncio.BufferedProtocol):
    """HTTP/1.1, one request at a time.

    Attributes:
        usable: it is open, and nothing is left over of an exchange.
        since: when its last exchange ended, in seconds of the loop's clock.
    """

    def __init__(self) -> None:
        self.usable, self.since = False, 0.0
        self._replies: Replies | None = Replies()
        self._buffer = bytearray(READ)
        self._waiter: asyncio.Future[Reply] | None = None

    async def post(self, request: bytes, deadline: float) -> Reply:
        """The answer to a request, head and body in one.

        What ends otherwise than by an answer after the whole request closes the connection.

        Args:
            request: as it goes over the wire.
            deadline: when the answer must be whole, in seconds of the loop's clock, though its bytes may still be coming.

        Raises:
            TimeoutError: it was not.
            OSError: the connection was lost (ConnectionError), or another fault of the network.
            HttpParserError: what came back is no HTTP.
        """
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        late = loop.call_at(deadline, self._fail, TimeoutError())
        try:
            self._transport.write(request)
            return await self._waiter
        except BaseException:
            self.usable = False
            raise
        finally:
            late.cancel()
            self._waiter = None
            self.since = loop.time()
            if not self.usable:
                self._transport.abort()

    def close(self) -> None:
        """End it; nothing is under way, so there is nothing to wait for."""
        self.usable = False
        self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)
        self.usable = True

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - asyncio's signature
        """Where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes came. Those that nobody asked for end the connection: what they answer is unknown."""
        if self._waiter is None or self._waiter.done() or self._replies is None:
            self.usable = False
            self._transport.abort()
            return
        try:
            reply = self._replies.feed(memoryview(self._buffer)[:nbytes])
        except HttpParserError as error:
            self._fail(error)
        else:
            if reply is not None:
                self._answer(reply)

    def eof_received(self) -> None:
        """The other side sends no more, so no answer can come; returning nothing closes this side, too."""
        self.usable = False
        if self._replies is not None and (reply := self._replies.end()) is not None:
            self._answer(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed, by whomever."""
        self.usable = False
        self._replies = None  # it and its parser hold each other
        self._fail(exc or ConnectionResetError("the connection was closed before the answer"))

    def _answer(self, reply: Reply) -> None:
        if self._waiter is None or self._waiter.done():
            return
        unsent = self._transport.get_write_buffer_size()
        if unsent and reply.status // 100 == 2:  # noqa: PLR2004 - a 2xx
            self._fail(HttpParserError("accepted before all of it was sent"))
            return
        self.usable = self.usable and not reply.last and not unsent
        self._waiter.set_result(reply)

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
