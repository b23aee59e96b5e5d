"""`make scale`: a topic of 64 partitions, 10 connectors, 3 processes: what a start takes, what idling costs, and whether all connectors advance evenly."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.bench import job
from tests.bench.data import WAVES, currents
from tests.bench.load import cpu_seconds, memory, processes, tell
from tests.bench.logs import Logs, opened
from tests.bench.receiver import Endpoint
from tests.system.rig import PATIENCE
from tests.system.runs import Run

from currents_segment.flows.slots import SLOTS
from currents_segment.flows.status import Connector
from currents_segment.flows.telemetry import ask

PARTITIONS: Final = 64
CONNECTORS: Final = 10
PROCESSES: Final = 3
SOON: Final = 10.0  # s until all connectors have delivered something
IDLE: Final = 0.1  # cores that all processes together may use with nothing to do
EVEN: Final = 0.5  # progress of the slowest connector, of the fastest's
CHUNK: Final = 1000  # messages of a partition that flow together: a connector is never behind by less than one in each slot
NOTICE: Final = 0.2  # s between two looks at progress
SLOWEST: Final = 1000  # events/s: what is slower hangs, however busy the machine is
MB: Final = 1e6


@dataclass(frozen=True, slots=True)
class Start:
    """A start, until every connector had delivered something, or, with nothing to deliver, had looked at its log.

    Attributes:
        seconds: how long it took.
        cpu: CPU-seconds of all processes until then.
        memory: bytes resident then, of all processes.
    """

    seconds: float
    cpu: float
    memory: int


@dataclass(frozen=True, slots=True)
class Drain:
    """How a backlog was delivered.

    Attributes:
        seconds: from the start of the processes to its end.
        cpu: CPU-seconds of all processes.
        memory: bytes resident at its end.
        even: progress of the slowest connector, and a chunk in each slot, as a share of the fastest's: the least at any look.
    """

    seconds: float
    cpu: float
    memory: int
    even: float


class Scaled:
    """One run with many connectors in several processes, and what it says of itself.

    Args:
        run: its processes.
        port: where the first of them answers.
    """

    def __init__(self, run: Run, port: int) -> None:
        self._run, self._port, self._begin = run, port, time.monotonic()

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self._begin

    @property
    def cpu(self) -> float:
        """CPU-seconds, all processes."""
        return cpu_seconds(processes(self._run))

    @property
    def memory(self) -> int:
        """Bytes resident, all processes."""
        return memory(self._run)

    def connectors(self) -> list[Connector]:
        """What all processes say; nothing until all do."""
        assert self._run.running(), self._run.text()[-4000:]
        try:
            found = ask.running([f"http://127.0.0.1:{self._port}"])
        except ask.SilentError:
            return []
        return [] if found.missing else list(found.document["connectors"].values())

    def started(self, there: Callable[[Connector], object], what: str) -> Start:
        """Wait until every connector is so far."""
        self._until(lambda: (each := self.connectors()) and all(map(there, each)), what, PATIENCE)
        return Start(self.seconds, self.cpu, self.memory)

    def idle(self, seconds: float) -> float:
        """Cores that it uses for so long."""
        begin, before = time.monotonic(), self.cpu
        time.sleep(seconds)
        return (self.cpu - before) / (time.monotonic() - begin)

    def drained(self, events: int, within: float) -> Drain:
        """Wait until every connector is through with so many events."""
        even, step = [1.0], SLOTS * min(CHUNK, events // PARTITIONS)

        def looked() -> bool:
            done = [each["received"] - each["in_flight"] for each in self.connectors()]
            if done and max(done):
                even.append((min(done) + step) / max(done))
            return bool(done) and min(done) >= events

        self._until(looked, f"{events:,} events of each connector", within)
        return Drain(self.seconds, self.cpu, self.memory, min(even))

    def _until(self, true: Callable[[], object], what: str, within: float) -> None:
        deadline = time.monotonic() + within
        while not true():
            assert time.monotonic() < deadline, f"waited {within:g} s for {what}: {self.connectors()}"
            time.sleep(NOTICE)


@contextmanager
def scaled(home: Path, source: Mapping[str, Any], endpoint: Endpoint) -> Iterator[Scaled]:
    """A run on a source, while the block runs; it ends in good order."""
    config = job.configure(home, source, endpoint.url, CONNECTORS, PROCESSES)
    words, log = [str(word) for word in job.command(config, PROCESSES, once=False)], home / "run.log"
    with log.open("wb") as out:
        run = Run(Popen(words, stdout=out, stderr=out, env={**os.environ, **job.KEY}), log)
    try:
        yield Scaled(run, json.loads(config.read_text())["http"]["port"])
        run.stop()
    finally:
        if run.running() or run.children():
            run.kill()


def source(logs: Logs, waves: int) -> dict[str, Any]:
    """Of a topic with so much of the data, looked at as often as is usual."""
    kafka = logs.kafka(waves, PARTITIONS)["kafka"]
    return {"kafka": {name: value for name, value in kafka.items() if name != "poll"}}


def listed(connector: Connector) -> bool:
    """It has looked at its log, in every process."""
    return connector["lag"]["listed_at"] is not None


def delivered(connector: Connector) -> bool:
    """Something of it is delivered."""
    return connector["outcomes"].get("delivered", 0) > 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0 when every goal is met, 1 when one is missed."""
    parser = argparse.ArgumentParser(prog="make scale", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the backlog, for each connector")
    parser.add_argument("--idle", type=float, default=30.0, help="seconds in which nothing happens")
    parser.add_argument("--home", type=Path, help="where the data goes, and stays; else into a temporary folder")
    given = parser.parse_args(arguments)
    tell(f"{PARTITIONS} partitions, {CONNECTORS} connectors, {PROCESSES} processes")
    with TemporaryDirectory(prefix="scale-") as folder:
        home = Path(folder)
        tell(f"making {given.events:,} events, where they are not there yet")
        data = currents(given.home or home, given.events)
        with opened(home / "logs", data) as logs:
            endpoint = Endpoint(Path(os.devnull))
            try:
                missed = measured(home, logs, endpoint, given.idle)
            finally:
                endpoint.close()
    for miss in missed:
        tell(miss)
    return 1 if missed else 0


def measured(home: Path, logs: Logs, endpoint: Endpoint, seconds: float) -> list[str]:
    """All of it, told as it comes; the goals that are missed."""
    missed = []
    with scaled(home / "idle", source(logs, 0), endpoint) as run:
        start = run.started(listed, "all connectors to look at an empty topic")
        tell(f"nothing to do: ready after {start.seconds:.1f} s, {start.cpu:.1f} CPU-s, {start.memory / MB:,.0f} MB")
        cores = run.idle(seconds)
        tell(f"idle for {seconds:g} s: {cores:.1%} of a core, {run.memory / MB:,.0f} MB")
        missed += [f"idle: more than {IDLE:.0%} of a core"] if cores > IDLE else []
    backlog = source(logs, WAVES)
    tell(f"the backlog is in its topic: {logs.data.events:,} events")
    with scaled(home / "backlog", backlog, endpoint) as run:
        start = run.started(delivered, "every connector to deliver something")
        tell(f"a backlog: every connector has delivered something after {start.seconds:.1f} s, {start.cpu:.1f} CPU-s")
        missed += [f"start: more than {SOON:g} s"] if start.seconds > SOON else []
        drain = run.drained(logs.data.events, PATIENCE + logs.data.events * CONNECTORS / SLOWEST)
        events = logs.data.events * CONNECTORS
        tell(
            f"{events:,} events in {drain.seconds:.1f} s, {drain.cpu / events * 1e6:.2f} CPU-s a million, {drain.memory / MB:,.0f} MB; "
            f"the slowest connector had always at least {drain.even:.0%} of the fastest's progress"
        )
        missed += [f"a connector had less than {EVEN:.0%} of another's progress"] if drain.even < EVEN else []
    return missed


if __name__ == "__main__":
    sys.exit(main())
