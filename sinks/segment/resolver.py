"""Names to addresses for one connector, with threads of its own: a lookup that hangs for one connector delays no other."""

import asyncio
import socket
from threading import Thread
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV  # what comes back needs no second lookup


class OwnResolver(AbstractResolver):
    """Each lookup has a daemon thread of its own.

    asyncio's default would share one pool of threads among all connectors, and a pool's threads are waited for when the process ends. Lookups are rare: aiohttp keeps
    an answer for some seconds and has at most one lookup of a name under way.
    """

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        """The host's addresses; raises OSError (`socket.gaierror`) when it has none."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[tuple[Any, ...]]] = loop.create_future()

        def deliver(result: list[tuple[Any, ...]] | Exception) -> None:
            if found.done():  # cancelled meanwhile: nobody waits for it
                return
            if isinstance(result, Exception):
                found.set_exception(result)
            else:
                found.set_result(result)

        def look() -> None:
            result: list[tuple[Any, ...]] | Exception
            try:
                result = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG)
            except Exception as error:  # noqa: BLE001  # raised again where it is waited for
                result = error
            if not loop.is_closed():  # a lookup may outlive the sender
                loop.call_soon_threadsafe(deliver, result)

        Thread(target=look, name=f"lookup {host}", daemon=True).start()
        return [
            ResolveResult(hostname=host, host=address[0], port=address[1], family=found_family, proto=proto, flags=_NUMERIC)
            for found_family, _, proto, _, address in await found
        ]

    async def close(self) -> None:
        """Nothing to end: a lookup that is under way ends by itself."""
