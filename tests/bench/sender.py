"""What sending costs: gzip, client and the rest, and how many events a second one connector carries where an answer takes a while. By hand.

    .venv/bin/python -m tests.bench.sender [--events 300000] [--answer 0.2] [--slots 16]

The product's sender, gates and default limits, but for the requests a second, against an endpoint in another process; what a source would read lies ready. Of the first
line all is processor time of this process an event; the second is of a run in which each answer takes `--answer` seconds.
"""

import argparse
import asyncio
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from tests.bench.load import tell
from tests.bench.shell import NAME, made
from tests.system.rig import command

from currents_segment.codecs.chunk import Origin
from currents_segment.flows.clock import clock
from currents_segment.flows.config import Connector
from currents_segment.flows.gate import Bounds, Gate
from currents_segment.sinks.segment.batch import Piece, document, gzipped
from currents_segment.sinks.segment.client import Client
from currents_segment.sinks.segment.dead import Dead
from currents_segment.sinks.segment.keys import Key
from currents_segment.sinks.segment.sender import Sender

CHUNK = 1000


def cpu() -> float:
    """CPU-seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def endpoint(answer: float) -> Iterator[str]:
    """Its URL."""
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.endpoint", str(answer)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1/batch"
    finally:
        process.terminate()
        process.wait()


class Fed:
    """A slot whose source always has more, as long as its gate is open and there are events left."""

    def __init__(self, number: int, sender: Sender, gate: Gate, piece: Piece, left: list[int]) -> None:
        self._number, self._sender, self._gate, self._left = number, sender, gate, left
        self._piece = replace(piece, slot=number)
        self._lane = sender.drivers[NAME].lane
        sender.slots[number] = self
        self.delivered_events = 0

    def feed(self) -> bool:
        """As its source slot would; whether it did."""
        with self._sender.lock:
            if self._left[0] <= 0 or not self._gate.room(self._number, NAME):
                return False
            self._left[0] -= CHUNK
            self._gate.arrived(self._number, NAME, 0, CHUNK, self._piece.size)
            self._lane.add([self._piece], time.monotonic())
        return True

    def delivered(self, connector: str, pieces: list[Piece]) -> None:
        """Called by the driver."""
        count = sum(piece.count for piece in pieces)
        self.delivered_events += count
        self._gate.released(self._number, connector, count, sum(piece.size for piece in pieces))

    def bury(self, dead: list[Dead]) -> None:
        """Nothing dies here."""
        raise AssertionError(dead)


def settings(url: str, key: Path) -> Connector:
    """A connector with the default limits; the requests a second must not be what is measured."""
    connector = Connector(
        write_key=f"file:{key}", region="us", events=["*"], start="earliest", endpoint=url, limits={"requests_per_second": 1000}
    )  # type: ignore[arg-type]  # as from a file
    connector._name = NAME
    return connector


def sent(connector: Connector, piece: Piece, events: int, slots: int) -> tuple[float, float]:
    """CPU-seconds and seconds that the sender takes for so many events; this thread, which feeds it, does not count."""
    gate, done = Gate(Bounds()), threading.Event()
    watch: Any = SimpleNamespace(request=lambda *_: done.set(), batch=lambda *_: None)
    sender = Sender({NAME: connector}, gate=gate, clock=clock({}), watch=watch, stopping=lambda: False)
    left = [events]
    fed = [Fed(number, sender, gate, piece, left) for number in range(slots)]
    sender.start()
    began, used = time.monotonic(), cpu() - time.thread_time()
    while sum(each.delivered_events for each in fed) < events - events % CHUNK:
        assert sender.bug is None, sender.bug
        if any([each.feed() for each in fed]):  # noqa: C419 - all of them
            sender.wake([NAME])
        else:
            done.clear()
            done.wait(0.02)
    result = cpu() - time.thread_time() - used, time.monotonic() - began
    sender.close(5)
    return result


def client(connector: Connector, batches: list[list[Piece]]) -> float:
    """CPU-seconds that sending takes, as many requests at a time as are allowed."""

    async def run() -> float:
        one = Client(endpoint=connector.endpoint, key=Key(connector.write_key), timeout=30)
        waiting = iter(batches)

        async def worker() -> None:
            for batch in waiting:
                await one.send(batch, tries=0, with_retry_count=False, now=time.time)

        used = cpu()
        await asyncio.gather(*(worker() for _ in range(connector.limits.in_flight)))
        await one.close()
        return cpu() - used

    return asyncio.run(run())


def spent(work: Callable[[], object]) -> float:
    """CPU-seconds."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def main() -> None:
    """Both lines."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--answer", type=float, default=0.2)
    parser.add_argument("--slots", type=int, default=16)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "key").write_text("a-write-key")
        command("simulate", "currents", "--out", home / "export", "--count", 2 * CHUNK, "--tidy")
        messages = made(home / "export", CHUNK)
        piece = Piece(messages.bodies, messages.ends, time.time(), None, Origin("log", "object"))
        with endpoint(0) as url:
            connector = settings(url, home / "key")
            per_batch = connector.limits.batch_size * CHUNK // piece.size
            batch = [piece.cut(per_batch)[0]]
            count = given.events // per_batch
            gzip = spent(lambda: [gzipped(document(batch, sent_at="")) for _ in range(count)])
            requests = client(connector, [batch] * count)
            whole, _ = sent(connector, piece, given.events, given.slots)
        each = 1e6 / count / per_batch
        tell(
            f"{per_batch} events of {piece.size // CHUNK} B a request; µs an event: gzip {gzip * each:.2f}, client without it {(requests - gzip) * each:.2f}, "
            f"the rest of the sender {whole / given.events * 1e6 - requests * each:.2f}, all {whole / given.events * 1e6:.2f}"
        )
        with endpoint(given.answer) as url:
            events = min(given.events, 200_000)
            _, took = sent(settings(url, home / "key"), piece, events, given.slots)
        tell(f"answers after {given.answer:g} s, {given.slots} slots: {events / took:,.0f} events/s of one connector")


if __name__ == "__main__":
    main()
