"""What known ids cost, in memory, in time and at a start. By hand, for each number of ids.

    .venv/bin/python -m tests.bench.known [0 1000000 10000000 100000000]

For each number of ids: memory of the shards' tables as the system counts it, time of an insert in parts of a chunk of 1,000, the longest insert, what a
snapshot writes beside 8 bytes a new id; then, through the real flow and store, how long a `run` takes to its first delivery, its CPU time and its memory.
"""

import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.run import cli_main
from tests.system.rig import CLI, command

from currents_segment.codecs.chunk import Messages, Origin
from currents_segment.flows import dedup, recovery, segment
from currents_segment.flows.items import Chunk, Load, Tick
from currents_segment.flows.known import SHARDS, Known, Window
from currents_segment.flows.known_files import Files
from currents_segment.flows.slots import SLOTS, Place

WINDOW = Window(86_400.0, 100_000_000)
PART = 1000 // SHARDS
CHUNK = 4000


@dataclass(frozen=True, slots=True)
class Tables:
    """The shards alone, filled over a window.

    Attributes:
        ids: known in the end.
        size: bytes of memory an id.
        insert: ns an id, in parts of a chunk.
        longest: s, the longest insert of a part.
        forget: s to forget a time slot.
        snapshot: bytes that a snapshot writes beside 8 bytes a new id.
    """

    ids: int
    size: float
    insert: float
    longest: float
    forget: float
    snapshot: int


@dataclass(frozen=True, slots=True)
class Started:
    """A run with so many known ids and 50 events to send.

    Attributes:
        ids: known.
        first: s to the first delivery.
        cpu: s.
        memory: bytes at the peak.
        disk: bytes of the state folder.
        filled: s to learn the ids.
    """

    ids: int
    first: float
    cpu: float
    memory: int
    disk: int
    filled: float


def tables(total: int) -> Tables:
    """Fill them."""
    random = np.random.default_rng(1)
    shards, worst, spent, before = [], 0.0, 0.0, _resident()
    for _ in range(SHARDS):
        known = Known(WINDOW)
        shards.append(known)
        for second in range(0, 86_400, 864):
            new = random.integers(0, 1 << 60, total // SHARDS // 100).astype(np.uint64)
            for at in range(0, len(new), PART):
                began = time.thread_time()  # of the CPU: other processes do not count
                known.add(new[at : at + PART], 1e9 + second)
                took = time.thread_time() - began
                worst, spent = max(worst, took), spent + took
    count = sum(known.count for known in shards)
    memory = (_resident() - before) / count
    began = time.perf_counter()
    shards[0].at(1e9 + 86_400 + 432)
    forget = time.perf_counter() - began
    snapshot = sum(len(pickle.dumps(tuple(known.past))) for known in shards)
    return Tables(count, memory, spent / count * 1e9, worst, forget, snapshot)


class Feed(StatefulSourcePartition[Tick | Load, None]):
    """Random ids in chunks, after a tick."""

    def __init__(self, slot: int, total: int) -> None:
        self._slot, self._left, self._random, self._epoch, self._tick = slot, total, np.random.default_rng(slot), True, 0

    def next_batch(self) -> list[Tick | Load]:
        if not self._left:
            raise StopIteration
        items: list[Tick | Load] = []
        if self._epoch:
            self._epoch, self._tick = False, self._tick + 1
            items.append(Tick(self._slot, self._tick))
        count = min(CHUNK, self._left)
        self._left -= count
        ids = self._random.integers(0, 1 << 64, count, np.uint64)
        messages = Messages(b"", np.zeros(count, np.int64), ids, count, {}, ())
        return [*items, dedup.gathered(0, (Chunk(self._slot, "shop", count, messages, 0.0, Origin("log", "object"), None),))]

    def snapshot(self) -> None:
        self._epoch = True


class Feeds(FixedPartitionedSource[Tick | Load, None]):
    """A slot each."""

    def __init__(self, total: int) -> None:
        self._total = total

    def list_parts(self) -> list[str]:
        return [f"{slot:02d}" for slot in range(SLOTS)]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> Feed:
        return Feed(int(for_part), self._total // SLOTS)


def fill(state: Path, total: int) -> None:
    """A state folder with so many known ids, by the steps that a run has."""
    flow = Dataflow("currents_segment")
    shard = partial(dedup.ShardLogic, window=WINDOW, clock=time.time, watch=lambda known: None)
    chunks = op.input("feed", flow, Feeds(total))
    answers = segment.deduplicated(flow, chunks, shard, place=Place(), files=Files(state / "known"))
    op.inspect("none", op.filter("nothing", answers, lambda item: False))
    cli_main(flow, epoch_interval=timedelta(seconds=1), recovery_config=recovery.store(state, first=True))


class Endpoint(BaseHTTPRequestHandler):
    """Takes everything and tells when the first came."""

    first: threading.Event

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.first.set()
        self.send_response(200)
        self.send_header("Content-Length", "16")
        self.end_headers()
        self.wfile.write(b'{"success":true}')

    def log_message(self, *_: object) -> None:
        """Nothing."""


def start(total: int) -> Started:
    """Start one."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        command("simulate", "currents", "--out", home / "in", "--count", 50, "--types", "users.messages.email.Open", "--tidy")
        began = time.perf_counter()
        fill(home / "state", total)
        filled = time.perf_counter() - began
        Endpoint.first = threading.Event()
        server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connector = {
            "integration_name": "shop", "contact_email": "data@example.com", "write_key": "env:BENCH_KEY", "region": "us",
            "events": ["*"], "start": "earliest", "endpoint": f"http://127.0.0.1:{server.server_address[1]}/v1/batch",
        }  # fmt: skip
        workspace = {"sources": {"currents": {"url": str(home / "in")}}, "connectors": {"shop": connector}}
        config = home / "segment.yaml"
        config.write_text(json.dumps({"state": "./state", "dead_letters": "./dead", "http": None, "workspaces": {"acme": workspace}}))
        began = time.perf_counter()
        run = subprocess.Popen(
            [*CLI, "run", str(config), "--once"],
            env={**os.environ, "BENCH_KEY": "bench-w3r1te-k3y"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        came = Endpoint.first.wait(600)
        first = time.perf_counter() - began
        _, status, used = os.wait4(run.pid, 0)
        server.shutdown()
        assert came
        assert status == 0
        disk = sum(file.stat().st_size for file in (home / "state").rglob("*") if file.is_file())
        return Started(total, first, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, disk, filled)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def compiled() -> None:
    """The loops are, so that none of it is measured."""
    Known(WINDOW).add(np.arange(1000, dtype=np.uint64), 1e9)


def main(totals: Sequence[int]) -> None:
    """Print the table."""
    compiled()
    # The last five columns are of the run.
    print("              B an   ns an   longest    forget   snapshot    first    CPU       RSS   on disk   filled")  # noqa: T201 - a command's output
    print("        ids     id   insert  insert ms       us          B delivery s    s        MB        MB     in s")  # noqa: T201 - a command's output
    for total in totals:
        told = ""
        if total:
            one = tables(total)
            told = f"{one.size:5.1f} {one.insert:7.0f} {one.longest * 1e3:9.2f} {one.forget * 1e6:9.0f} {one.snapshot:10,}"
        run = start(total)
        print(  # noqa: T201 - a command's output
            f"{total:11,}  {told:44}  {run.first:7.2f} {run.cpu:7.2f} {run.memory / 1e6:8.0f} {run.disk / 1e6:9.0f} {run.filled:8.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1:]] or [0, 1_000_000, 10_000_000, 100_000_000])
