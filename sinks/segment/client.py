"""One connector's HTTP client: a batch goes out, an `Answer` comes back. Network faults are answers too; only bugs are raised.

Nothing is shared between connectors: neither connections, nor the resolver's threads. Nothing is taken from the environment but whom to trust (`SSL_CERT_FILE`,
`SSL_CERT_DIR`): a proxy variable or ~/.netrc must not decide where events and the key go.
"""

import asyncio
import os
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final
from urllib.parse import quote, urlsplit

import certifi
from httptools import HttpParserCallbackError, HttpParserError

from currents_segment.flows.errors import UserError
from currents_segment.sinks.segment.answers import Answer, SetupFault, classify, failure
from currents_segment.sinks.segment.batch import Piece, document, gzipped
from currents_segment.sinks.segment.keys import Key
from currents_segment.sinks.segment.pool import Pool

RENEW_AFTER: Final = 24 * 3600.0  # s: Segment's addresses change; its documentation asks for a lookup at least daily
RENEW_STREAK: Final = 5  # answers of 5xx in a row: the same page asks for a lookup after a streak of them
PORTS: Final = {"http": 80, "https": 443}
SAFE: Final = "/%:@!$&'()*+,;=~?"  # in a path and its query


class Client:
    """Sends batches of one connector, on as many connections as it is asked for at once.

    Args:
        endpoint: the region's URL, or an override for tests.
        key: the write key; read anew for each request.
        timeout: s, for the whole of one attempt: lookup, connection, upload, and an answer that drips byte by byte.
    """

    def __init__(self, *, endpoint: str, key: Key, timeout: float) -> None:
        url = urlsplit(endpoint)
        self._host, self._port = url.hostname or "", url.port or PORTS[url.scheme]
        self._tls = trusting(os.environ) if url.scheme == "https" else None
        self._key = key
        self._timeout = timeout
        host = f"[{self._host}]" if ":" in self._host else self._host.encode("idna").decode()
        target = quote((url.path or "/") + (f"?{url.query}" if url.query else ""), safe=SAFE)
        self._head = (
            f"POST {target} HTTP/1.1\r\n"
            f"Host: {host if self._port == PORTS[url.scheme] else f'{host}:{self._port}'}\r\n"
            "Content-Type: application/json\r\n"
            "Content-Encoding: gzip\r\n"
            "Accept: */*\r\n"
            "Accept-Encoding: identity\r\n"  # answers are tiny, and nothing unpacks a bomb
            f"User-Agent: currents-segment/{version('currents-segment')}\r\n"
        ).encode()
        self._pool: Pool | None = None
        self._streak = 0

    async def send(self, pieces: Sequence[Piece], *, tries: int, with_retry_count: bool, now: Callable[[], float]) -> Answer:
        """One attempt.

        Args:
            pieces: the batch.
            tries: failed tries of it before this one.
            with_retry_count: whether `X-Retry-Count` may be sent (it is on retries only).
            now: the clock, seconds since the epoch; read when the attempt starts and when its answer is there.
        """
        begin = now()
        retry_count = tries if with_retry_count else 0
        try:
            key = self._key.read()
        except UserError:
            return SetupFault("write key cannot be read")
        # In this thread: 0.4 ms for a full batch, without the interpreter lock; handing it to another costs 0.2 ms more (docs/architecture.md).
        packed = gzipped(document(pieces, sent_at=_stamp(begin)))
        request = b"".join((self._head, _varying(key, retry_count, len(packed)), packed))
        deadline = asyncio.get_running_loop().time() + self._timeout
        pool = self._current(begin)
        try:
            connection = pool.kept() or await pool.connect(deadline)
            try:
                status, headers, answer, _ = await connection.post(request, deadline)
            finally:
                pool.give(connection)
        except (OSError, HttpParserError) as error:
            return failure(_kind(error))
        self._streak = self._streak + 1 if status // 100 == 5 else 0  # noqa: PLR2004 - a 5xx
        return classify(status, headers, answer, retry_count=retry_count, now=now())

    async def close(self) -> None:
        """Ends all connections; one that a request uses, with it."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
            await asyncio.sleep(0)  # for the event loop to close them

    def _current(self, now: float) -> Pool:
        """The connections to use: new ones after a day or a streak of 5xx, so that the name is looked up again."""
        pool = self._pool
        if pool is None or now - pool.born >= RENEW_AFTER or self._streak >= RENEW_STREAK:
            if pool is not None:
                pool.close()
            self._streak = 0
            self._pool = pool = Pool(self._host, self._port, self._tls, now)
        return pool


def _varying(key: str, retry_count: int, length: int) -> bytes:
    """What differs from request to request, and the end of the head."""
    retries = b"X-Retry-Count: %d\r\n" % retry_count if retry_count else b""
    return b"%bAuthorization: Basic %b\r\nContent-Length: %d\r\n\r\n" % (retries, b64encode(key.encode() + b":"), length)


def trusting(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Whom to trust: the authorities that the environment names, else those that come with `certifi`."""
    file, folder = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    return ssl.create_default_context(cafile=file or (None if folder else certifi.where()), capath=None if file else folder)


def _stamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_KINDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (socket.gaierror, "dns"),
    (ssl.SSLError, "tls"),
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "refused connection"),
    (ConnectionError, "reset"),
    (OSError, "unreachable"),
    (HttpParserError, "protocol"),
)
"""Kinds of network fault, the more exact before the more general."""


def _kind(error: OSError | HttpParserError) -> str:
    """A short stable label of a network fault; raises what is none."""
    if isinstance(error, HttpParserCallbackError):
        raise error
    return next(kind for types, kind in _KINDS if isinstance(error, types))
