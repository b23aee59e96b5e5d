"""One attempt against real sockets: what goes out, and what each way of failing is called."""

import asyncio
import gzip
import os
import socket
import ssl
import struct
import threading
import time
from base64 import b64decode
from contextlib import asynccontextmanager

import numpy as np
import orjson
import pytest
from tests.authority import Authority

from currents_segment.codecs.chunk import Origin
from currents_segment.sinks.segment.answers import Delivered, Retry, SetupFault, Split, WithoutRetryCount
from currents_segment.sinks.segment.batch import Piece
from currents_segment.sinks.segment.client import RENEW_AFTER, RENEW_STREAK, Client
from currents_segment.sinks.segment.keys import Key
from currents_segment.sinks.segment.pool import IDLE

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
        lines: the first of each.
        connections: how many were made.
    """

    def __init__(self, reply) -> None:
        self.reply, self.requests, self.lines, self.connections, self.url = reply, [], [], 0, ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.lines.append(head[0])
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
async def _serving(reply, **tls):
    server = Server(reply)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, **tls)
    server.url = f"http{'s' if tls else ''}://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1/batch"
    try:
        yield server
    finally:
        listening.close()


@asynccontextmanager
async def _client(endpoint, limit=5.0):
    client = Client(endpoint=endpoint, key=Key(Secret()), timeout=limit)
    try:
        yield client
    finally:
        await client.close()


async def _send(client, tries=0, now=NOW, with_retry_count=True, batch=BATCH):
    return await client.send(batch, tries=tries, with_retry_count=with_retry_count, now=lambda: now)


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
            client = Client(endpoint=server.url, key=Key(secret), timeout=5.0)
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


async def _drip_head(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def _truncate(writer):
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"succ')
    writer.close()


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        ("timeout", _hang),
        ("timeout", _drip),
        ("timeout", _drip_head),
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


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Who signs the endpoint's certificate for 127.0.0.1; nobody knows it."""
    return Authority.new(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize(
    ("trusted", "host", "answer", "requests"),
    [(True, "127.0.0.1", Delivered(), 3), (True, "localhost", Retry("tls", None), 0), (False, "127.0.0.1", Retry("tls", None), 0)],
)
def test_trust(authority, monkeypatch, *, trusted, host, answer, requests):
    """An endpoint that is not whom we trust, or not the host that was asked for, gets neither key nor events."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.issue("endpoint"))

    async def law():
        async with _serving(_answering(OK), ssl=tls) as server, _client(server.url.replace("127.0.0.1", host)) as client:
            assert [answer] * 3 == [await _send(client) for _ in range(3)]
            return len(server.requests)

    assert requests == asyncio.run(law())


def test_dns(monkeypatch):
    """A name that cannot be resolved is a retry."""

    def lookup(*_args, **_named):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)

    async def law():
        async with _client("http://nowhere.example/") as client:
            return await _send(client)

    assert Retry("dns", None) == asyncio.run(law())


def test_unreachable():
    """An address where nothing can be connected to is none that refuses."""

    async def law():
        async with _client("http://255.255.255.255:9/") as client:
            return await _send(client)

    assert Retry("unreachable", None) == asyncio.run(law())


def test_chunks():
    """An answer in chunks, behind an interim one, is read as any other, and its connection is kept."""
    reply = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n"

    async def law():
        async with _serving(_answering(reply)) as server, _client(server.url) as client:
            assert [Delivered()] * 3 == [await _send(client) for _ in range(3)]
            return server.connections

    assert 1 == asyncio.run(law())


@pytest.mark.parametrize(("status", "answer"), [(413, Split("413", 413)), (401, SetupFault("401")), (200, Retry("protocol", None))])
def test_early_answer(status, answer):
    """What is answered before the whole batch was sent counts, but for a 2xx: what was not sent cannot have been taken. The connection is not used again."""
    noise = os.urandom(1_000_000)  # more than sockets hold, as nothing packs it
    large = [Piece(noise, np.array([len(noise)], np.int64), 1.0, None, Origin("log", "object"))] * 20
    connections = []

    async def serve(reader, writer):
        connections.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d Early\r\nContent-Length: 0\r\n\r\n" % status)

    async def law():
        listening = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with _client(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/") as client:
            answers = [await _send(client, batch=large) for _ in range(2)]
        for writer in connections:
            writer.transport.abort()
        listening.close()
        return answers

    assert [answer] * 2 == asyncio.run(law())
    assert 2 == len(connections)


@pytest.mark.parametrize("behind", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
def test_idle_connection(behind):
    """A connection that was closed while it was idle, or on which more was said than asked for, is replaced: no attempt fails."""

    async def law():
        closed = asyncio.Event()

        async def reply(writer):
            writer.write(OK)
            await writer.drain()
            asyncio.get_running_loop().call_soon(_later, writer)

        def _later(writer):
            writer.write(behind)
            writer.close()
            closed.set()

        async with _serving(reply) as server, _client(server.url) as client:
            answers = []
            for _ in range(4):
                closed.clear()
                answers.append(await _send(client))
                await closed.wait()
                await _seen(client)
            return answers, server.connections

    assert ([Delivered()] * 4, 4) == asyncio.run(law())


async def _seen(client):
    """Wait until the client has noticed that its connection is no good."""
    while any(connection.usable for connection in client._pool._idle):  # noqa: ASYNC110 - it is asyncio that notices
        await asyncio.sleep(0)


def test_long_idle():
    """A connection that was idle for so long that the other side may be about to close it is not used again."""

    async def law():
        async with _serving(_answering(OK)) as server, _client(server.url) as client:
            made = []
            for pause in (0.0, IDLE - 1, IDLE):
                for connection in client._pool._idle if client._pool else ():
                    connection.since -= pause
                assert Delivered() == await _send(client)
                made.append(server.connections)
            return made

    assert [1, 1, 2] == asyncio.run(law())


def test_as_many_connections_as_requests():
    """Requests at once have a connection each, looked up once for all, and all of them are kept."""
    looked_up = []

    async def law(monkeypatch):
        real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **named: (looked_up.append(args), real(*args, **named))[1])
        together = asyncio.Barrier(5)

        async def reply(writer):
            await together.wait()
            writer.write(OK)

        async with _serving(reply) as server, _client(server.url) as client:
            for _ in range(3):
                assert [Delivered()] * 5 == await asyncio.gather(*(_send(client) for _ in range(5)))
            return server.connections

    with pytest.MonkeyPatch.context() as monkeypatch:
        assert 5 == asyncio.run(law(monkeypatch))
    assert 1 == len(looked_up)


def test_every_address_is_tried(monkeypatch):
    """Where the first addresses of a name take no connection, the next is tried."""
    real = socket.getaddrinfo

    def lookup(_host, port, **named):
        return [found for address in ("127.0.0.2", "127.0.0.3", "127.0.0.1") for found in real(address, port, **named)]

    async def law():
        async with _serving(_answering(OK)) as server, _client(server.url.replace("127.0.0.1", "several.example")) as client:
            monkeypatch.setattr(socket, "getaddrinfo", lookup)
            return await _send(client)

    assert Delivered() == asyncio.run(law())


def test_no_proxy(monkeypatch, tmp_path):
    """A proxy or password of the environment decides nothing."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password other")
    monkeypatch.setenv("HOME", str(tmp_path))
    answer, server = asyncio.run(_once(_answering(OK)))
    assert (Delivered(), b"the-key:") == (answer, b64decode(server.requests[0][0]["authorization"][6:]))


@pytest.mark.parametrize(
    ("url", "line", "host"),
    [
        ("http://127.0.0.1:%d", "POST / HTTP/1.1", "127.0.0.1:%d"),
        ("http://127.0.0.1:%d/a b/ü?x=%%20&y=/", "POST /a%%20b/%%C3%%BC?x=%%20&y=/ HTTP/1.1", "127.0.0.1:%d"),
        ("http://LOCALHOST:%d/v1/batch", "POST /v1/batch HTTP/1.1", "localhost:%d"),
    ],
)
def test_target(url, line, host):
    """The URL is asked for as it was written, percent-encoded where it must be."""

    async def law():
        async with _serving(_answering(OK)) as server:
            port = int(server.url.split(":")[2].split("/")[0])
            async with _client(url % port) as client:
                assert Delivered() == await _send(client)
            return server.lines[0], server.requests[0][0]["host"], port

    asked, named, port = asyncio.run(law())
    assert (line.replace("%%", "%"), host % port) == (asked, named)


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
