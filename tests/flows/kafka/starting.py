"""A broker that has just started, in as much of Kafka's protocol as an administrator's first question takes: after its first answer it knows neither brokers nor topics.

Versions: ApiVersions 0, Metadata 1 (Kafka protocol guide).
"""

import socketserver
import struct
from contextlib import contextmanager
from threading import Thread

METADATA, API_VERSIONS = 3, 18
UNKNOWN_TOPIC, UNSUPPORTED_VERSION = 3, 35


class _Requests(socketserver.StreamRequestHandler):
    def handle(self):
        while head := self.rfile.read(4):
            request = self.rfile.read(int.from_bytes(head, "big"))
            key, version, correlation, client = struct.unpack(">hhih", request[:10])
            answer = struct.pack(">i", correlation)
            answer += self._versions(version) if key == API_VERSIONS else self._metadata(request[10 + client :])
            self.wfile.write(struct.pack(">i", len(answer)) + answer)

    @staticmethod
    def _versions(version):
        """Of the two that are known."""
        return struct.pack(">hi", UNSUPPORTED_VERSION if version else 0, 2) + struct.pack(">6h", METADATA, 0, 1, API_VERSIONS, 0, 0)

    def _metadata(self, asked):
        """Itself as the only broker and controller, once; then nothing but that the topics asked for are unknown."""
        port, self.server.told = (0 if self.server.told else self.server.server_address[1]), True
        brokers = struct.pack(">ii", 1, 1) + _text(b"127.0.0.1") + struct.pack(">ih", port, -1) if port else struct.pack(">i", 0)
        (count,) = struct.unpack(">i", asked[:4])
        names, at = [], 4
        for _ in range(count):
            (size,) = struct.unpack(">h", asked[at : at + 2])
            names.append(asked[at + 2 : at + 2 + size])
            at += 2 + size
        topics = b"".join(struct.pack(">h", UNKNOWN_TOPIC) + _text(name) + struct.pack(">?i", False, 0) for name in names)
        return brokers + struct.pack(">ii", 1 if port else -1, len(names)) + topics


def _text(text):
    return struct.pack(">h", len(text)) + text


@contextmanager
def starting():
    """Its address."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Requests) as server:
        server.daemon_threads, server.told = True, False
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
