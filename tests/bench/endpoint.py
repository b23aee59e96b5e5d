"""An endpoint that costs next to nothing: reads each request to its end and answers 200 after a while. A process of its own, for benchmarks.

    .venv/bin/python -m tests.bench.endpoint [SECONDS]

Prints its port. `Content-Length` must be there, as the sender writes it.
"""

import asyncio
import sys

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"success":true}'
LENGTH = b"content-length: "


class Endpoint(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, waits: float) -> None:
        self._waits, self._left, self._head = waits, 0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._left:
            self._head += data
            head, found, rest = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            length = head.lower().partition(LENGTH)[2].partition(b"\r\n")[0]
            self._left, self._head, data = int(length), b"", rest
        self._left -= len(data)
        if not self._left:
            asyncio.get_running_loop().call_later(self._waits, self._transport.write, ANSWER)


async def main(waits: float) -> None:
    """Until it is ended."""
    server = await asyncio.get_running_loop().create_server(lambda: Endpoint(waits), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - a command's output
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if sys.argv[1:] else 0.0))
