"""Load for the benchmarks: simulated Currents that come into a folder in waves, what became of each wave, and what the processes of a run use."""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from tests.system.double import Double
from tests.system.jobs import Job
from tests.system.rig import PATIENCE, command
from tests.system.runs import Run

EMAIL: Final = "users.messages.email.*"
PUSH: Final = "users.messages.pushnotification.*"
SLOWEST: Final = 100  # events/s: a wave that takes longer hangs, however busy the machine is
POLL: Final = "1s"  # how soon a wave is seen; oftener, and looking would cost as much as reading
_TICK: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Wave:
    """Events of a few types that come at once; no two waves of a benchmark share an event.

    Attributes:
        folder: where its files lie until it comes.
        events: how many; each is due to every connector that selects its type.
    """

    folder: Path
    events: int

    def come(self, inbox: Path) -> None:
        """All its files appear, each whole."""
        for file in sorted(self.folder.rglob("*.avro")):
            place = inbox / file.relative_to(self.folder).with_stem(f"{file.stem}-{self.folder.name}")
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, place)


def simulate(folder: Path, events: int, *, seed: int, types: str = EMAIL) -> Wave:
    """A wave in which every event is to be delivered, made by the command."""
    command("simulate", "currents", "--out", folder, "--count", events, "--seed", seed, "--types", types, "--tidy")
    return Wave(folder, events)


@contextmanager
def doubled(home: Path) -> Iterator[Double]:
    """A double of Segment in a process of its own."""
    home.mkdir(parents=True)
    double = Double(home)
    try:
        yield double
    finally:
        double.close()


@dataclass(frozen=True)
class Carried:
    """How a job carried one wave.

    Attributes:
        events: delivered, over all connectors.
        seconds: from the wave's coming to its last delivery.
        stall: s, the longest time between two deliveries of one of the connectors.
        cpu: CPU-seconds of all processes of the job.
        others: cores that were busy meanwhile with neither the job, nor its double, nor this process.
        memory: bytes resident at its end, all processes.
        store: bytes of the recovery store at its end.
    """

    events: int
    seconds: float
    stall: float
    cpu: float
    others: float
    memory: int
    store: int

    @property
    def rate(self) -> float:
        """Events a second, over all connectors."""
        return self.events / self.seconds


def carry(job: Job, wave: Wave, connectors: Sequence[str], meanwhile: Callable[[], None] = lambda: None) -> Carried:
    """Let a wave come and wait until these connectors have delivered it, and nothing else; `meanwhile` is called as soon as it is there."""
    double, begin, before = job.double, time.time(), Used.by(job)
    wanted = {name: double.kept(name) + wave.events for name in connectors}
    wave.come(job.source)
    meanwhile()
    job.until(lambda: all(double.kept(name) >= wanted[name] for name in connectors), "a wave", PATIENCE + wave.events / SLOWEST)
    after, end = Used.by(job), time.time()
    assert wanted == {name: double.kept(name) for name in connectors}
    answered = {name: [one for one in double.requests(name) if one["at"] >= begin and one["status"] == "200"] for name in connectors}
    assert all(wave.events == sum(one["events"] for one in each) for each in answered.values())
    return Carried(
        wave.events * len(connectors),
        max(one["at"] for each in answered.values() for one in each) - begin,
        max(longest_gap([one["at"] for one in each]) for each in answered.values()),
        after.job - before.job,
        (after.others - before.others) / (end - begin),
        memory(job.runs[-1]),
        store(job),
    )


@dataclass(frozen=True)
class Used:
    """CPU-seconds since the machine started: of the job, and of everything but what belongs to the benchmark."""

    job: float
    others: float

    @classmethod
    def by(cls, job: Job) -> "Used":
        """As of now."""
        user, nice, system, _idle, _iowait, *stolen = (int(field) / _TICK for field in Path("/proc/stat").read_text().split()[1:9])
        mine = cpu_seconds(processes(job.runs[-1]))
        rest = cpu_seconds([os.getpid(), job.double._process.pid])
        return cls(mine, user + nice + system + sum(stolen) - mine - rest)


def longest_gap(times: Sequence[float]) -> float:
    """The longest time between two of these; in no order, since requests overlap."""
    return max((later - earlier for earlier, later in pairwise(sorted(times))), default=0.0)


def processes(run: Run) -> list[int]:
    """The process ids of a run: of all its processes, the parent of a cluster included."""
    return [run.process.pid, *run.children()]


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of processes since they started."""
    return sum(sum(map(int, _stat(pid)[11:13])) for pid in pids) / _TICK


def memory(run: Run) -> int:
    """Bytes resident, of all processes."""
    return sum(int(_stat(pid)[21]) for pid in processes(run)) * os.sysconf("SC_PAGE_SIZE")


def _stat(pid: int) -> list[str]:
    """The fields behind the command's name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def store(job: Job) -> int:
    """Bytes of the recovery store, its write-ahead logs included."""
    return sum(file.stat().st_size for file in (job.state / "recovery").iterdir())


class Load(Job):
    """A job that looks for new files no oftener than it must."""

    def configure(self) -> None:
        super().configure()
        whole = json.loads(self.config.read_text())
        whole["workspaces"]["acme"]["sources"]["currents"]["poll"] = POLL
        self.config.write_text(json.dumps(whole, indent=1))


def connector(types: str, **limits: Any) -> dict[str, Any]:
    """A connector's settings, with the product's own limits where the rig of the system tests would set small ones for speed."""
    return {"events": [types], "limits": {"batch_age": "1s", "batch_events": 2500, **limits}}


def tell(text: str) -> None:
    """A line for whoever watches."""
    print(text, flush=True)  # noqa: T201 - a command's output
