"""Our command as it runs for months: it follows a topic into which events come, and is looked at from outside."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from confluent_kafka import Producer
from numpy.typing import NDArray
from tests.bench import job, used
from tests.bench.data import Data
from tests.bench.logs import PARTITIONS, Logs
from tests.bench.receiver import Endpoint
from tests.system.rig import PATIENCE, wait

from currents_segment.flows.status import Status
from currents_segment.flows.telemetry import ask

BEAT: Final = 0.005  # s: how often events are appended


@dataclass(frozen=True)
class Following:
    """A run that follows a topic.

    Attributes:
        logs: where its topic is.
        topic: its own, empty at first.
        endpoint: where it sends.
        home: its folder.
        pid: of its process.
    """

    logs: Logs
    topic: str
    endpoint: Endpoint
    home: Path
    pid: int

    def status(self) -> Status | None:
        """What it wrote about itself, at most a second ago."""
        found = ask.saved(self.home / "state")
        return found.document if found else None

    def received(self) -> int:
        """Events that have come to an end."""
        document = self.status()
        return sum(document["connectors"]["bench-1"]["outcomes"].values()) if document else 0

    def until(self, events: int, within: float) -> None:
        """Wait until so many have."""
        wait(lambda: self.received() >= events, f"{events:,} events; there were {self.received():,}", within)

    def cpu(self) -> float:
        """Spent by it until now, s."""
        return used.cpu(self.pid)

    def memory(self) -> int:
        """Resident now, bytes."""
        return used.resident(self.pid)

    def store(self) -> int:
        """Bytes in its state folder now."""
        sizes = 0
        for file in (self.home / "state").rglob("*"):
            with suppress(FileNotFoundError):
                sizes += file.stat().st_size if file.is_file() else 0
        return sizes


@contextmanager
def following(logs: Logs, topic: str, spool: Path) -> Iterator[Following]:
    """While the block runs; ready when it begins, stopped in good order when it ends."""
    logs.broker.create(topic, PARTITIONS, retention_ms="-1")
    home, endpoint = logs.home / topic, Endpoint(spool)
    try:
        source = {"kafka": {**logs.kafka(0)["kafka"], "topics": [topic]}}
        config = job.configure(home, source, endpoint.url)
        ready = f"http://127.0.0.1:{json.loads(config.read_text())['http']['port']}/readyz"
        with (home / "log").open("wb") as log:
            words = list(map(str, job.command(config, once=False)))
            process = subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, **job.KEY})
        try:
            wait(lambda: answers(ready), "it to be ready")
            yield Following(logs, topic, endpoint, home, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(PATIENCE)
        assert 0 == code, (home / "log").read_text()[-4000:]
    finally:
        endpoint.close()


def answers(url: str) -> bool:
    """200."""
    with suppress(OSError), urllib.request.urlopen(url) as answer:
        return bool(answer.status == 200)
    return False


def paced(logs: Logs, topic: str, begin: int, end: int, rate: float) -> NDArray[np.float64]:
    """Events with these numbers come into a topic at a rate; gives when each was handed over, seconds since the epoch."""
    data: Data = logs.data
    producer = Producer({"bootstrap.servers": logs.broker.address(), "linger.ms": 1, "log_level": 0})
    times, done, started, values = np.empty(end - begin), 0, time.time(), data.each(begin, end)
    while done < len(times):
        now = time.time()
        due = min(len(times), int((now - started) * rate) + 1)
        times[done:due] = now
        for number in range(begin + done, begin + due):
            producer.produce(topic, next(values), partition=number % PARTITIONS)
        done = due
        producer.poll(0)
        time.sleep(BEAT)
    assert 0 == producer.flush(PATIENCE)
    return times
