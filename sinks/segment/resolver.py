"""A name's addresses for one connector, by threads of its own: a lookup that hangs for one connector delays no other."""

import asyncio
import socket
from collections.abc import Sequence
from threading import Thread
from typing import Any, Final

KEPT: Final = 10.0  # s: connections are made in bursts, and an address that is older was better looked up again

Address = tuple[int, int, int, str, Any]
"""As `socket.getaddrinfo` has it: family, type, protocol, canonical name, address."""


class Resolver:
    """Looks one name up, once at a time, however many ask; each lookup has a daemon thread of its own.

    asyncio's default would share one pool of threads among all connectors, and a pool's threads are waited for when the process ends.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._found: asyncio.Future[Sequence[Address]] | None = None
        self._until = 0.0  # in seconds of the loop's clock

    async def addresses(self) -> Sequence[Address]:
        """Where it is found; raises OSError (`socket.gaierror`) when it is not. Who stops waiting stops no lookup: others may wait for it."""
        loop = asyncio.get_running_loop()
        if self._found is None or (self._found.done() and loop.time() >= self._until):
            self._found, self._until = loop.create_future(), 0.0
            Thread(target=self._look, args=(loop, self._found), name=f"lookup {self._host}", daemon=True).start()
        return await asyncio.shield(self._found)

    def _look(self, loop: asyncio.AbstractEventLoop, found: "asyncio.Future[Sequence[Address]]") -> None:
        result: Sequence[Address] | Exception
        try:
            result = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        except Exception as error:  # noqa: BLE001  # raised again where it is waited for
            result = error
        if not loop.is_closed():  # a lookup may outlive the sender
            loop.call_soon_threadsafe(self._deliver, loop, found, result)

    def _deliver(
        self, loop: asyncio.AbstractEventLoop, found: "asyncio.Future[Sequence[Address]]", result: Sequence[Address] | Exception
    ) -> None:
        if isinstance(result, Exception):
            found.set_exception(result)
        else:
            self._until = loop.time() + KEPT
            found.set_result(result)
