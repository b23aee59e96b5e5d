"""One connector's HTTP client: a batch goes out, an `Answer` comes back. Network faults are answers too; only bugs are raised.

Nothing is shared between connectors: neither connections, nor the resolver's threads, nor a limit.
"""

import asyncio
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from currents_segment.flows.errors import UserError
from currents_segment.sinks.segment.answers import Answer, SetupFault, classify, failure
from currents_segment.sinks.segment.batch import Piece, document, gzipped
from currents_segment.sinks.segment.keys import Key
from currents_segment.sinks.segment.resolver import OwnResolver

RENEW_AFTER: Final = 24 * 3600.0  # s: Segment's addresses change; its documentation asks for a lookup at least daily
RENEW_STREAK: Final = 5  # answers of 5xx in a row: the same page asks for a lookup after a streak of them
LONGEST_ANSWER: Final = 64 * 1024  # bytes that are read of an answer; Segment's are some tens


@dataclass(slots=True)
class _Connections:
    """Connections that were made since one moment; closed when replaced and no longer used."""

    http: httpx.AsyncBaseTransport
    born: float
    users: int = 0
    replaced: bool = False


class Client:
    """Sends batches of one connector.

    Args:
        endpoint: the region's URL, or an override for tests.
        key: the write key; read anew for each request.
        timeout: s, for the whole of one attempt: lookup, connection, upload, and an answer that drips byte by byte.
        in_flight: connections at most.
        transport: stands in for the network in tests; such a one is never renewed.
    """

    def __init__(
        self, *, endpoint: str, key: Key, timeout: float, in_flight: int, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._endpoint = httpx.URL(endpoint)
        self._key = key
        self._timeout = timeout
        self._in_flight = in_flight
        self._transport = transport
        self._tls = httpx.create_ssl_context() if endpoint.startswith("https:") else None
        self._always = httpx.Headers(
            {
                "Host": self._endpoint.netloc.decode(),
                "Content-Type": "application/json",
                "Content-Encoding": "gzip",
                "Accept-Encoding": "identity",  # answers are tiny, and nothing unpacks a bomb
                "User-Agent": f"currents-segment/{version('currents-segment')}",
            }
        )
        self._connections: _Connections | None = None
        self._streak = 0

    async def send(self, pieces: Sequence[Piece], *, tries: int, with_retry_count: bool, now: Callable[[], float]) -> Answer:
        """One attempt.

        Args:
            pieces: the batch.
            tries: failed tries of it before this one.
            with_retry_count: whether `X-Retry-Count` may be sent (it is on retries only).
            now: the clock, seconds since the epoch; read when the attempt starts and when its answer is there.
        """
        retry_count = tries if with_retry_count else 0
        try:
            request = self._headers(retry_count)
        except UserError:
            return SetupFault("write key cannot be read")
        # In this thread: 0.4 ms for a full batch, without the interpreter lock; handing it to another thread would cost more than it saves.
        packed = gzipped(document(pieces, sent_at=_stamp(now())))
        connections = await self._current(now())
        connections.users += 1
        try:
            async with asyncio.timeout(self._timeout):
                status, headers, answer = await _exchange(
                    connections.http, httpx.Request("POST", self._endpoint, headers=request, content=packed)
                )
        except (httpx.TransportError, aiohttp.ClientError, OSError) as error:
            return failure(_kind(error))
        finally:
            connections.users -= 1
            if connections.replaced:
                await _close_unused(connections)
        self._streak = self._streak + 1 if status >= httpx.codes.INTERNAL_SERVER_ERROR else 0
        return classify(status, headers, answer, retry_count=retry_count, now=now())

    async def close(self) -> None:
        """Ends all connections; a request that is under way fails as `reset`."""
        if self._connections is not None:
            await self._connections.http.aclose()
            self._connections = None

    def _headers(self, retry_count: int) -> httpx.Headers:
        headers = self._always.copy()
        headers["Authorization"] = "Basic " + b64encode(self._key.read().encode() + b":").decode()
        if retry_count:
            headers["X-Retry-Count"] = str(retry_count)
        return headers

    async def _current(self, now: float) -> _Connections:
        """The connections to use: new ones after a day or a streak of 5xx, so that the name is looked up again."""
        current = self._connections
        if current is not None and (self._transport is not None or (now - current.born < RENEW_AFTER and self._streak < RENEW_STREAK)):
            return current
        self._streak = 0
        self._connections = fresh = _Connections(self._transport or self._network(), now)
        if current is not None:
            current.replaced = True
            await _close_unused(current)
        return fresh

    def _network(self) -> AiohttpTransport:
        # Nothing is taken from the environment: a proxy variable or ~/.netrc must not decide where events and the key go.
        def session() -> aiohttp.ClientSession:
            connector = aiohttp.TCPConnector(limit=self._in_flight, resolver=OwnResolver(), ssl=self._tls or True)
            return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

        return AiohttpTransport(verify=self._tls or False, client=session)


async def _exchange(http: httpx.AsyncBaseTransport, request: httpx.Request) -> tuple[int, httpx.Headers, bytes]:
    """Status, headers and the first bytes of the answer's body.

    By the transport alone: what `httpx.AsyncClient` adds to it (cookies, redirects, authentication, a log line a request) is not wanted here, and costs more than the request itself.
    """
    response = await http.handle_async_request(request)
    try:
        answer = b""
        async for part in response.aiter_raw():
            answer += part
            if len(answer) >= LONGEST_ANSWER:
                break
        return response.status_code, response.headers, answer[:LONGEST_ANSWER]
    finally:
        await response.aclose()


async def _close_unused(connections: _Connections) -> None:
    if not connections.users:
        await connections.http.aclose()


def _stamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_KINDS: Final[tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...]] = (
    ((aiohttp.ClientConnectorDNSError, socket.gaierror), "dns"),
    ((aiohttp.ClientSSLError, ssl.SSLError), "tls"),
    ((TimeoutError, aiohttp.ServerTimeoutError), "timeout"),
    (ConnectionRefusedError, "refused connection"),
    (aiohttp.ClientConnectorError, "unreachable"),
    ((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError, ConnectionError), "reset"),
    (aiohttp.ClientResponseError, "protocol"),
    (httpx.TimeoutException, "timeout"),
    (httpx.ConnectError, "unreachable"),
    (httpx.NetworkError, "reset"),
    (httpx.ProtocolError, "protocol"),
    (OSError, "unreachable"),
)
"""Kinds of network fault, the more exact before the more general."""


def _kind(error: BaseException) -> str:
    """A short stable label of a network fault; raises what is none (a URL that is no URL is a bug of the caller).

    The transport's own translation is not to be believed (a lost connection becomes its `ConnectTimeout`), so the cause is looked at first.
    """
    if isinstance(error, httpx.UnsupportedProtocol | aiohttp.InvalidURL):
        raise error
    chain = [error]
    while (below := chain[0].__cause__ or _os_error(chain[0])) is not None:
        chain.insert(0, below)
    for link in chain:
        for types, kind in _KINDS:
            if isinstance(link, types):
                return kind
    raise error


def _os_error(error: BaseException) -> BaseException | None:
    return error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None
