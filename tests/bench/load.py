"""Load for the benchmarks: simulated Currents that come into a folder in waves, what became of each wave, and what the processes of a run use."""

import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from tests.bench.checksum import Sum, fingerprints
from tests.bench.race import message_ids
from tests.bench.receiver import Endpoint, requests
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
        """All its files appear in one moment: no listing sees a part of them."""
        coming = inbox.with_name(f"{inbox.name}-coming") / self.folder.name
        shutil.copytree(self.folder, coming, copy_function=os.link)
        coming.rename(inbox / self.folder.name)

    def go(self, inbox: Path) -> None:
        """Its files disappear: they are not listed again and again, every second of a test as every minute of a month."""
        shutil.rmtree(inbox / self.folder.name)


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
        seconds: from its first delivery to its last.
        stall: s, the longest time between two deliveries of one of the connectors, or from the wave's coming to its first.
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


def carry(job: "Load", wave: Wave, connectors: Sequence[str], meanwhile: Callable[[], None] = lambda: None) -> Carried:
    """Let a wave come and wait until these connectors have delivered it, and nothing else; `meanwhile` is called as soon as it is there."""
    begin, before, start = time.time(), Used.by(job), job.endpoint.spool.stat().st_size
    wanted = {name: job.delivered(name) + wave.events for name in connectors}
    wave.come(job.inbox)
    meanwhile()
    job.until(lambda: all(job.delivered(name) >= wanted[name] for name in connectors), "a wave", PATIENCE + wave.events / SLOWEST)
    after, end = Used.by(job), time.time()
    assert wanted == {name: job.delivered(name) for name in connectors}
    came, sums = defaultdict[str, list[float]](list), defaultdict(Sum)
    for request in requests(job.endpoint.spool, start):
        prints = fingerprints(message_ids(request.body))
        came[request.sender].append(request.came)
        sums[request.sender] += Sum(len(prints), int(prints.sum(dtype=np.uint64)))
    assert {*connectors} == {*sums}
    assert {wave.events} == {each.events for each in sums.values()}
    assert 1 == len({each.ids for each in sums.values()}), "they did not get the same events"
    return Carried(
        wave.events * len(connectors),
        max(map(max, came.values())) - min(map(min, came.values())),
        max(longest_gap([begin, *each]) for each in came.values()),
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
    def by(cls, job: "Load") -> "Used":
        """As of now."""
        user, nice, system, _idle, _iowait, *stolen = (int(field) / _TICK for field in Path("/proc/stat").read_text().split()[1:9])
        mine = cpu_seconds(processes(job.runs[-1]))
        rest = cpu_seconds([os.getpid(), job.endpoint.pid])
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


def store(job: "Load") -> int:
    """Bytes of the recovery store, its write-ahead logs included."""
    return sum(file.stat().st_size for file in (job.state / "recovery").iterdir())


class Taker(Endpoint):
    """An endpoint that is no bottleneck, for connectors that work: it takes whatever comes, whoever asks, and what came is looked at after each wave."""

    def source(self, name: str, **change: Any) -> None:
        """There are no keys."""


class Load(Job):
    """A job that looks for new files no oftener than it must, and delivers to a `Taker` what has no endpoint of its own.

    Of a double it asks for no more than that: what was delivered its status tells, and the endpoint's spool.
    """

    def __init__(self, home: Path, endpoint: Taker, inbox: Path, connectors: Mapping[str, Mapping[str, Any]], **settings: Any) -> None:
        self.endpoint, self.inbox = endpoint, inbox
        there = {name: {"endpoint": f"{endpoint.url}/{name}/v1/batch", **each} for name, each in connectors.items()}
        super().__init__(home, cast("Double", endpoint), {"url": str(inbox), "poll": POLL}, there, **settings)

    def delivered(self, connector: str) -> int:
        """Events of a connector, as of its last status."""
        return self.connector(connector)["outcomes"].get("delivered", 0)


def connector(types: str, **limits: Any) -> dict[str, Any]:
    """A connector's settings, with the product's own limits where the rig of the system tests would set small ones for speed; but a wave's last events wait for no others."""
    return {"events": [types], "limits": {"batch_age": "100ms", "batch_events": 2500, **limits}}


def tell(text: str) -> None:
    """A line for whoever watches."""
    print(text, flush=True)  # noqa: T201 - a command's output
