"""A connector's connections to one endpoint, kept for the next request. None is shared with another connector."""

import asyncio
import ssl
from collections import deque
from typing import Final

from aiohappyeyeballs import start_connection

from currents_segment.sinks.segment.connection import Connection
from currents_segment.sinks.segment.resolver import Resolver

IDLE: Final = 15.0  # s: well below the time after which servers close what idles, so that a request does not meet a close
STAGGER: Final = 0.25  # s until the next address is tried beside the one before: RFC 8305


class Pool:
    """As many connections as requests are under way at once; the one that was used last is used first, so that what is too many goes idle and is closed.

    Args:
        host: a name or an address.
        port: its port.
        tls: whom to trust; None for plain HTTP.
        born: when it was made, seconds since the epoch.
    """

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, born: float) -> None:
        self.born = born
        self._host, self._tls = host, tls
        self._resolver = Resolver(host, port)
        self._idle: deque[Connection] = deque()
        self._closed = False

    def kept(self) -> Connection | None:
        """One that was given back, and is open."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and asyncio.get_running_loop().time() - connection.since < IDLE:
                return connection
            connection.close()
        return None

    async def connect(self, deadline: float) -> Connection:
        """A new one.

        Raises:
            OSError: no address of the host took it (`socket.gaierror`: it has none; `ssl.SSLError`: it is not whom we trust; TimeoutError: not by the deadline,
                in seconds of the loop's clock).
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(deadline):
            reached = await start_connection(await self._resolver.addresses(), happy_eyeballs_delay=STAGGER)
            if self._tls is None:
                _, connection = await loop.create_connection(Connection, sock=reached)
            else:
                patience = deadline - loop.time() + 1  # s: more than there is, as asyncio's own limit would give a time-out another name
                _, connection = await loop.create_connection(
                    Connection, sock=reached, ssl=self._tls, server_hostname=self._host, ssl_handshake_timeout=patience
                )
            return connection

    def give(self, connection: Connection) -> None:
        """It is not used any more."""
        if self._closed:
            connection.close()
        elif connection.usable:
            self._idle.append(connection)
            if connection.since - self._idle[0].since >= IDLE:
                self._idle.popleft().close()

    def close(self) -> None:
        """No connection stays open but those that are used just now, until they are given back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()
