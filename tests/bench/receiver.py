"""An endpoint that does next to nothing, in a process of its own: it answers, and writes down what came. Whoever wants to know looks afterwards.

    python -m tests.bench.receiver SPOOL

Prints its port. The first part of a request's path names who sent it. `PUT /503` makes it answer 503 from now on, `PUT /200` as usual.
"""

import asyncio
import json
import signal
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from isal import igzip

HEAD: Final = struct.Struct("<ddHHI?")  # came, answered, status, length of the sender's name, of the body, whether it is gzip
LARGEST: Final = 1 << 20  # bytes of a request's head


@dataclass(frozen=True, slots=True)
class Request:
    """What came.

    Attributes:
        came: when its last byte was here, seconds since the epoch.
        answered: when the answer was handed to the system.
        status: of the answer.
        sender: who sent it.
        size: bytes of the body as it came.
        body: unpacked; empty where it was not taken.
    """

    came: float
    answered: float
    status: int
    sender: str
    size: int
    body: bytes


class Endpoint:
    """The process, as its user sees it."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self._process = subprocess.Popen([sys.executable, "-m", "tests.bench.receiver", str(spool)], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def answer(self, status: int) -> None:
        """From now on."""
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/{status}", method="PUT")) as answer:
            answer.read()

    def count(self) -> int:
        """Requests that were answered with 200 so far."""
        with urllib.request.urlopen(self.url) as answer:
            count: int = json.load(answer)["requests"]
        return count

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.communicate()


def requests(spool: Path, start: int = 0) -> Iterator[Request]:
    """What was written down, in the order in which it came; from a place on where all before it had been written."""
    with spool.open("rb") as file:
        file.seek(start)
        while head := file.read(HEAD.size):
            came, answered, status, name, size, packed = HEAD.unpack(head)
            sender, body = file.read(name).decode(), file.read(size)
            yield Request(came, answered, status, sender, size, igzip.decompress(body) if packed else body)


class _Server:
    def __init__(self, spool: IO[bytes]) -> None:
        self._spool, self._status, self._requests = spool, 200, 0

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = lines[0].split(" ")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                came, status, said = time.time(), 200, b'{"success":true}'
                if method == "POST":
                    status = self._status
                elif method == "PUT":
                    self._status = int(path[1:])
                else:
                    said = json.dumps({"requests": self._requests}).encode()
                writer.write(b"HTTP/1.1 %d .\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(said), said))
                if method == "POST":
                    self._keep(came, status, path.split("/")[1], body, packed=headers.get("content-encoding") == "gzip")

    def _keep(self, came: float, status: int, sender: str, body: bytes, *, packed: bool) -> None:
        if status == 200:
            self._requests += 1
        else:
            body = b""
        self._spool.write(HEAD.pack(came, time.time(), status, len(sender), len(body), packed and bool(body)) + sender.encode())
        self._spool.write(body)
        self._spool.flush()


async def _serve(spool: IO[bytes]) -> None:
    server = await asyncio.start_server(_Server(spool).connection, "127.0.0.1", 0, limit=LARGEST)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - its only output
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()


if __name__ == "__main__":
    with Path(sys.argv[1]).open("wb") as kept:
        asyncio.run(_serve(kept))
