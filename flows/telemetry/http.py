"""A small HTTP server of its own thread: `/livez`, `/readyz`, `/metrics`, `/status`. It reads, and changes nothing."""

import json
import logging
import socketserver
import sys
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from currents_segment.flows.errors import UserError
from currents_segment.flows.status import Status
from currents_segment.flows.telemetry.metrics import Document, Requests

PATHS: Final = {
    "/livez": "200 while the process works, 503 with the reason when it should be restarted",
    "/readyz": "200 when the process has started and reads its log, 503 with the reason",
    "/metrics": "for Prometheus; docs/metrics.md",
    "/status": "the ledger and every connector's health, JSON",
}
TIMEOUT: Final = 10.0  # s: a client that says nothing for so long gives its thread back
Answer = tuple[int, str, bytes]


class Server:
    """A running server.

    Attributes:
        host: the address that it listens on.
        port: the port, also where 0 was asked for.
    """

    def __init__(self, http: ThreadingHTTPServer) -> None:
        self.host: str = str(http.server_address[0])
        self.port: int = http.server_address[1]
        self._http = http
        # 50 ms: how often it looks whether it is to stop
        self._thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, name="http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; requests under way are not waited for. May be called twice."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def serve(
    host: str,
    port: int,
    document: Callable[[], Status],
    *,
    live: Callable[[], str | None],
    ready: Callable[[], str | None],
    collectors: Iterable[Collector | Requests] = (),
) -> Server:
    """Listen and answer from a daemon thread until `close`.

    Args:
        host: an address or a name of this machine; `127.0.0.1` keeps it to this machine.
        port: 0 takes a free one.
        document: makes the status document; called in the server's threads, at every scrape.
        live: None, or the reason why the process should be restarted.
        ready: None, or the reason why it is not ready.
        collectors: further metrics, such as `metrics.Requests`.

    Raises:
        UserError: the port is taken or not allowed, or the address is not this machine's.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    for collector in (Document(document), *collectors):
        registry.register(collector)

    def metrics(accept: str) -> Answer:
        encode, kind = choose_encoder(accept)
        return 200, kind, encode(registry)

    routes: dict[str, Callable[[str], Answer]] = {
        "/livez": lambda _: _probe(live()),
        "/readyz": lambda _: _probe(ready()),
        "/metrics": metrics,
        "/status": lambda _: (200, "application/json", json.dumps(document()).encode()),
    }

    class Handler(_Handler):
        answers = routes

    class Http(_Http):
        address_family = AF_INET6 if ":" in host else AF_INET

    try:
        return Server(Http((host, port), Handler))
    except OSError as error:
        raise UserError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; another process may run there: "
            "stop it, or set another `http.port` in the configuration (`http: null` turns it off)"
        ) from error


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Without the look-up of the machine's full name that `HTTPServer` does here: it can take seconds where DNS does not answer."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the base class's signature
        """A client that goes away in the middle is its own business; anything else in a handler is a bug of ours."""
        gone = isinstance(sys.exception(), ConnectionError | TimeoutError)
        structlog.get_logger().log(logging.DEBUG if gone else logging.ERROR, "http.broken", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    answers: dict[str, Callable[[str], Answer]]
    timeout = TIMEOUT
    server_version = "currents-segment"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer, whatever happens: a document that cannot be made is a 500 and a log line, never a dead thread."""
        path = self.path.partition("?")[0]
        answer = self.answers.get(path)
        if answer is None:
            listing = "".join(f"{path:<9} {what}\n" for path, what in PATHS.items())
            self._send(404, "text/plain; charset=utf-8", f"there is no {path!a} here; there are\n{listing}".encode())
            return
        try:
            status, kind, body = answer(self.headers.get("Accept", ""))
        except Exception as error:  # noqa: BLE001 - a bug in making the document must not take the probes away
            structlog.get_logger().exception("http.failed", path=path)
            status, kind, body = 500, "text/plain; charset=utf-8", f"{type(error).__name__}; the log has the details\n".encode()
        self._send(status, kind, body)

    do_HEAD = do_GET  # noqa: N815 - the base class calls it so

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing: a request is no change of state."""


def _probe(reason: str | None) -> Answer:
    return (200, "text/plain; charset=utf-8", b"ok\n") if reason is None else (503, "text/plain; charset=utf-8", f"{reason}\n".encode())
