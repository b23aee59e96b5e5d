"""A proxy in front of an object store, whose answers can be spoiled: refused, cut off, reset, slowed down. It also keeps what was asked."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import unquote, urlsplit

PIECE = 1 << 10  # bytes of a slow answer that come at a time


@dataclass(frozen=True)
class Request:
    """What was asked.

    Attributes:
        method: GET, PUT, …
        key: of the object, with its bucket; "" when something is listed.
        query: of the URL.
        first: the first byte that was asked for.
    """

    method: str
    key: str
    query: str
    first: int


@dataclass(frozen=True)
class Refuse:
    """An error as S3 says it, instead of the store's answer."""

    status: int
    code: str


@dataclass(frozen=True)
class Cut:
    """So many bytes of the answer's body, then nothing more: the connection is closed, or reset."""

    after: int
    reset: bool = False


@dataclass(frozen=True)
class Drip:
    """A pause of so many seconds before each KiB of the body."""

    pause: float


Spoil = Callable[[Request], Refuse | Cut | Drip | None]


@dataclass
class Proxy:
    """What stands before a store.

    Attributes:
        upstream: port of the store on this machine.
        spoil: what is done about a request; None lets it pass.
        requests: all that was asked, in order.
        struck: how often an answer was spoiled.
    """

    upstream: int
    spoil: Spoil = lambda _: None
    requests: list[Request] = field(default_factory=list)
    struck: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def answer(self) -> None:
                proxy.serve(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - the base class's names

            def log_message(self, *_args) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that went away is its own business
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """One request."""
        parts = urlsplit(handler.path)
        path = unquote(parts.path).strip("/")
        first = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        request = Request(handler.command, path if "/" in path else "", parts.query, first)
        self.requests.append(request)
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        fault = self.spoil(request)
        self.struck += fault is not None
        if isinstance(fault, Refuse):
            status, headers, answer = fault.status, [], f"<Error><Code>{fault.code}</Code><Message>of {path}</Message></Error>".encode()
        else:
            status, headers, answer = self._forward(handler, body)
        handler.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                handler.send_header(name, value)
        length = next((value for name, value in headers if name.lower() == "content-length"), None) if handler.command == "HEAD" else None
        handler.send_header("Content-Length", length or str(len(answer)))
        handler.end_headers()
        if handler.command != "HEAD":
            _send(handler, answer, fault)

    def _forward(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the store says; the signature holds, since the host that was signed is handed on."""
        upstream = HTTPConnection("127.0.0.1", self.upstream)
        try:
            upstream.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
            for name, value in handler.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            upstream.close()


def _send(handler: BaseHTTPRequestHandler, answer: bytes, fault: Refuse | Cut | Drip | None) -> None:
    """The body, as far and as fast as the fault lets it."""
    if isinstance(fault, Cut):
        handler.wfile.write(answer[: fault.after])
        handler.wfile.flush()
        handler.close_connection = True
        if fault.reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif isinstance(fault, Drip):
        for start in range(0, len(answer), PIECE):
            time.sleep(fault.pause)  # the fault itself, not a wait for something
            handler.wfile.write(answer[start : start + PIECE])
            handler.wfile.flush()
    else:
        handler.wfile.write(answer)
