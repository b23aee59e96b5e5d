"""One attempt against real sockets: what goes out, and what each way of failing is called."""

import asyncio
import gzip
import socket
import struct
import threading
import time
from base64 import b64decode
from contextlib import asynccontextmanager

import httpx
import numpy as np
import orjson
import pytest

from currents_segment.codecs.chunk import Origin
from currents_segment.flows.config.model import ENDPOINTS
from currents_segment.sinks.segment.answers import Delivered, Retry, SetupFault, Split, WithoutRetryCount
from currents_segment.sinks.segment.batch import Piece
from currents_segment.sinks.segment.client import RENEW_AFTER, RENEW_STREAK, Client
from currents_segment.sinks.segment.keys import Key

NOW = 1_800_000_000.25
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"success":true}'
BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n"
BATCH = [Piece(b'{"n":1},{"n":2},', np.array([8, 16], np.int64), 1.0, None, Origin("log", "object"))]


class Secret:
    """A secret that stands in memory."""

    reference = "env:WRITE_KEY"
    value = "the-key"

    def read(self) -> str:
        """The value now."""
        return self.value


class Server:
    """Reads whole requests and answers each by `reply(writer)`.

    Attributes:
        requests: headers (lower-case) and JSON document of each.
        connections: how many were made.
    """

    def __init__(self, reply) -> None:
        self.reply, self.requests, self.connections, self.url = reply, [], 0, ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.requests.append((headers, orjson.loads(gzip.decompress(body))))
                await self.reply(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def _answering(*parts: bytes):
    """Answers with the parts in turn, the last one for ever."""
    left = list(parts)

    async def reply(writer):
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()

    return reply


@asynccontextmanager
async def _serving(reply):
    server = Server(reply)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1/batch"
    try:
        yield server
    finally:
        listening.close()


@asynccontextmanager
async def _client(endpoint, limit=5.0, **other):
    client = Client(endpoint=endpoint, key=Key(Secret()), timeout=limit, in_flight=8, **other)
    try:
        yield client
    finally:
        await client.close()


async def _send(client, tries=0, now=NOW, with_retry_count=True):
    return await client.send(BATCH, tries=tries, with_retry_count=with_retry_count, now=lambda: now)


async def _once(reply, limit=5.0, tries=0):
    async with _serving(reply) as server, _client(server.url, limit) as client:
        return await _send(client, tries), server


def test_request():
    """A request is Segment's: gzip, basic authentication with an empty password, one batch with the time of sending."""
    answer, server = asyncio.run(_once(_answering(OK)))
    [(headers, document)] = server.requests
    assert Delivered() == answer
    assert {"batch": [{"n": 1}, {"n": 2}], "sentAt": "2027-01-15T08:00:00.250Z"} == document
    assert "Basic" == headers["authorization"][:5]
    assert b"the-key:" == b64decode(headers["authorization"][6:])
    assert ("application/json", "gzip") == (headers["content-type"], headers["content-encoding"])
    assert headers["user-agent"].startswith("currents-segment/")
    assert "x-retry-count" not in headers


def test_retry():
    """A retry says how often it failed, is stamped anew, and goes over the same connection."""

    async def law():
        async with _serving(_answering(BUSY, OK)) as server, _client(server.url) as client:
            assert Retry("503", 9.0) == await _send(client)
            assert Delivered() == await _send(client, tries=3, now=NOW + 60)
            return server

    server = asyncio.run(law())
    headers, document = server.requests[1]
    assert ("3", "2027-01-15T08:01:00.250Z") == (headers["x-retry-count"], document["sentAt"])
    assert 1 == server.connections


def test_without_retry_count():
    """After a 422 for the header the retry goes without it, and a second 422 is about the events."""

    async def law():
        async with _serving(_answering(b"HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n")) as server, _client(server.url) as client:
            assert WithoutRetryCount("422") == await _send(client, tries=3)
            assert 422 == (await _send(client, tries=3, with_retry_count=False)).status
            return server

    assert ["3", None] == [headers.get("x-retry-count") for headers, _ in asyncio.run(law()).requests]


def test_rotated_key():
    """A rotated key is sent from the next attempt on, though nothing failed."""

    async def law():
        secret = Secret()
        async with _serving(_answering(OK)) as server:
            client = Client(endpoint=server.url, key=Key(secret), timeout=5.0, in_flight=1)
            await _send(client)
            secret.value = "another"
            await _send(client)
            await client.close()
            return [b64decode(headers["authorization"][6:]) for headers, _ in server.requests]

    assert [b"the-key:", b"another:"] == asyncio.run(law())


def test_redirect():
    """A redirect is not followed."""
    reply = b"HTTP/1.1 307 Elsewhere\r\nLocation: /v1/other\r\nContent-Length: 0\r\n\r\n"
    answer, server = asyncio.run(_once(_answering(reply)))
    assert (SetupFault("redirect"), 1) == (answer, len(server.requests))


def test_body_is_bounded():
    """Of an endless answer 64 KiB are read, and the status stands."""

    async def reply(writer):
        writer.write(b"HTTP/1.1 413 Large\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            await writer.drain()

    assert Split("413", 413) == asyncio.run(_once(reply))[0]


async def _hang(writer):
    await writer.wait_closed()


async def _drip(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def _reset(writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _leave(writer):
    writer.close()


async def _truncate(writer):
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"succ')
    writer.close()


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        ("timeout", _hang),
        ("timeout", _drip),
        ("reset", _reset),
        ("reset", _leave),
        ("reset", _truncate),
        ("protocol", _answering(b"220 mail.example ESMTP\r\n\r\n")),
    ],
)
def test_fault(kind, reply):
    """Each way of not answering is a retry by its own name; the timeout is of the whole attempt, even if bytes go on coming."""
    assert Retry(kind, None) == asyncio.run(_once(reply, limit=0.3 if kind == "timeout" else 5.0))[0]


def test_refused_connection():
    """A port where nobody listens refuses the connection."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))

        async def law():
            async with _client(f"http://127.0.0.1:{free.getsockname()[1]}/") as client:
                return await _send(client)

        assert Retry("refused connection", None) == asyncio.run(law())


def test_tls():
    """An endpoint that does not speak TLS fails as TLS."""

    async def plain(_reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async def law():
        listening = await asyncio.start_server(plain, "127.0.0.1", 0)
        async with listening, _client(f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}/") as client:
            return await _send(client)

    assert Retry("tls", None) == asyncio.run(law())


def test_dns(monkeypatch):
    """A name that cannot be resolved is a retry."""

    def lookup(*_args, **_named):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)

    async def law():
        async with _client("http://nowhere.example/") as client:
            return await _send(client)

    assert Retry("dns", None) == asyncio.run(law())


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("timeout", httpx.ReadTimeout("")),
        ("unreachable", httpx.ConnectError("")),
        ("reset", httpx.ReadError("")),
        ("protocol", httpx.RemoteProtocolError("")),
    ],
)
def test_other_transport(kind, error):
    """Any httpx transport's faults are known by the same names."""

    def handle(_request):
        raise error

    async def law():
        async with _client(ENDPOINTS["eu"], transport=httpx.MockTransport(handle)) as client:
            return await _send(client)

    assert Retry(kind, None) == asyncio.run(law())


@pytest.mark.parametrize("error", [RuntimeError("a bug"), httpx.UnsupportedProtocol("a URL that is none")])
def test_bug(error):
    """A bug is raised, not taken for the network."""

    def handle(_request):
        raise error

    async def law():
        async with _client(ENDPOINTS["us"], transport=httpx.MockTransport(handle)) as client:
            await _send(client)

    with pytest.raises(type(error)):
        asyncio.run(law())


def test_renewed_daily():
    """After a day the connections are made anew, so that the name is looked up again."""

    async def law():
        async with _serving(_answering(OK)) as server, _client(server.url) as client:
            for now in (NOW, NOW + RENEW_AFTER - 1, NOW + RENEW_AFTER):
                assert Delivered() == await _send(client, now=now)
            return server.connections

    assert 2 == asyncio.run(law())


def test_renewed_after_a_streak():
    """After a streak of 5xx the connections are made anew, once a streak."""

    async def law():
        async with _serving(_answering(BUSY)) as server, _client(server.url) as client:
            made = []
            for _ in range(2 * RENEW_STREAK):
                await _send(client)
                made.append(server.connections)
            return made

    assert [1] * RENEW_STREAK + [2] * RENEW_STREAK == asyncio.run(law())


def test_renewal_disturbs_nothing():
    """A request that is in flight while connections are renewed comes to its end."""

    async def law():
        arrived, release = asyncio.Event(), asyncio.Event()

        async def reply(writer):
            if len(server.requests) == 1:
                arrived.set()
                await release.wait()
            writer.write(OK)

        async with _serving(reply) as server, _client(server.url) as client:
            first = asyncio.create_task(_send(client))
            await arrived.wait()
            assert Delivered() == await _send(client, now=NOW + RENEW_AFTER)
            release.set()
            return await first

    assert Delivered() == asyncio.run(law())


def test_key_is_never_shown(caplog):
    """No log of an attempt, at any level, holds the key, encoded or not."""
    caplog.set_level(0)
    asyncio.run(_once(_answering(BUSY)))
    asyncio.run(_once(_reset))
    assert "the-key" not in caplog.text
    assert "dGhlLWtleTo" not in caplog.text


def test_hanging_lookup_delays_no_other(monkeypatch):
    """While one connector's lookup hangs, for many attempts on end, another's new connections are made at once."""
    release, real = threading.Event(), socket.getaddrinfo

    def lookup(host, *args, **named):
        if host == "hanging.example":
            release.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "late")
        return real("127.0.0.1", *args, **named)

    async def law():
        async with _serving(_answering(OK)) as server, _client("http://hanging.example/", limit=0.1) as hanging:
            url = server.url.replace("127.0.0.1", "quick.example")
            assert [Retry("timeout", None)] * 40 == await asyncio.gather(*(_send(hanging) for _ in range(40)))
            start = time.monotonic()
            async with _client(url) as quick:
                assert Delivered() == await _send(quick)
            took = time.monotonic() - start
            release.set()
            return took

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert asyncio.run(law()) < 2.0
