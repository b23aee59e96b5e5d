"""A schema registry for tests: Confluent's API over real HTTP(S), in memory, with the answers and error codes of the real one, and faults.

Ids, GUIDs, subjects with versions, references, soft deletes; basic and bearer authentication. It was held against a real registry by hand.
"""

import base64
import json
import re
import ssl
import sys
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Entry:
    """One schema."""

    subject: str
    version: int
    schema: str
    kind: str
    references: list
    guid: str
    deleted: bool = False


class Server(ThreadingHTTPServer):
    """Who asks may go away before the answer: that is no error of ours."""

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@dataclass
class RegistryDouble:
    """What it holds, how it behaves, and what it was asked."""

    entries: dict[int, Entry] = field(default_factory=dict)
    authorization: str | None = None
    fault: tuple[int, bytes] | None = None  # status and body of every answer
    hold: threading.Event = field(default_factory=threading.Event)  # cleared: no answer
    asked: list[str] = field(default_factory=list)
    seen: list[dict] = field(default_factory=list)
    guids: bool = True  # older ones have none
    broken: set[int] = field(default_factory=set)  # ids that it fails on
    port: int = 0
    scheme: str = "http"

    def __post_init__(self):
        self.hold.set()

    @property
    def url(self):
        """Where it answers."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def register(self, subject, schema, *, kind="AVRO", references=(), number=None):
        """A new version of a subject; returns its id."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        version = 1 + sum(entry.subject == subject for entry in self.entries.values())
        number = number or 1 + max(self.entries, default=0)
        named = [{"name": name, "subject": of, "version": at} for name, of, at in references]
        self.entries[number] = Entry(subject, version, text, kind, named, str(uuid.uuid5(uuid.NAMESPACE_OID, text)))
        return number

    def allow(self, user=None, password=None, token=None):
        """Who may ask from now on."""
        self.authorization = f"Bearer {token}" if token else "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def answer(self, path, query):
        """Status and JSON body."""
        if found := re.fullmatch(r"/schemas/ids/(\d+)", path):
            number = int(found[1])
            if number in self.broken:
                return 500, {"error_code": 50001, "message": "Error in the backend data store"}
            if number not in self.entries:
                return 404, {"error_code": 40403, "message": f"Schema {number} not found"}
            return 200, self._schema(self.entries[number])
        if (found := re.fullmatch(r"/schemas/guids/([0-9a-f-]{36})", path)) and self.guids:
            entry = next((entry for entry in list(self.entries.values()) if entry.guid == found[1]), None)
            return (200, self._schema(entry)) if entry else (404, {"error_code": 40403, "message": "Schema not found"})
        if found := re.fullmatch(r"/subjects/([^/]+)/versions/(\d+)", path):
            return self._version(unquote(found[1]), int(found[2]), deleted=query.get("deleted") == ["true"])
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def _version(self, subject, version, *, deleted):
        mine = {entry.version: (number, entry) for number, entry in self.entries.items() if entry.subject == subject}
        if not mine or (not deleted and all(entry.deleted for _, entry in mine.values())):
            return 404, {"error_code": 40401, "message": f"Subject '{subject}' not found."}
        number, entry = mine.get(version, (0, None))
        if entry is None or (entry.deleted and not deleted):
            return 404, {"error_code": 40402, "message": f"Version {version} not found."}
        return 200, {"subject": subject, "version": version, "id": number, **self._schema(entry)}

    @staticmethod
    def _schema(entry):
        said = {"schema": entry.schema, "guid": entry.guid}
        if entry.kind != "AVRO":  # the real one leaves Avro out
            said["schemaType"] = entry.kind
        return said | ({"references": entry.references} if entry.references else {})

    @contextmanager
    def serving(self, tls=None):
        """Answer while the block runs; again on the same port the next time."""
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet, or each waits for the other's acknowledgement

            def do_GET(self):
                parts = urlsplit(self.path)
                double.asked.append(parts.path)
                double.seen.append(dict(self.headers))
                double.hold.wait()
                if double.fault:
                    status, body = double.fault
                elif double.authorization not in (None, self.headers["Authorization"]):
                    status, body = 401, b'{"error_code":401,"message":"Unauthorized"}'
                else:
                    status, said = double.answer(parts.path, parse_qs(parts.query))
                    body = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = Server(("127.0.0.1", self.port), Handler)
        self.port = server.server_port
        if tls:
            self.scheme = "https"
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.hold.set()
            server.shutdown()
            thread.join()
            server.server_close()


def server_context(certificate, key, authorities=None):
    """TLS for `serving`; with authorities clients need a certificate of theirs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if authorities:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authorities)
    return context
