"""One pod and two, each with the same limit of CPU, while Kafka and the endpoint have what they need: how many times the events/s of one two carry.

    .venv/bin/python -m tests.bench --only pods

Two processes on all of a small machine share it with Kafka and the endpoint, so they show nothing. Each process here is started as in a pod: by the usual
command, with the addresses of all, its own folder, and a limit of its own.
"""

import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from tests.bench import job, used
from tests.bench.contenders import Source
from tests.bench.data import WAVES
from tests.bench.limits import limited
from tests.bench.logs import Logs
from tests.bench.race import PATIENCE, SLOWEST, arrived
from tests.bench.receiver import Endpoint, requests
from tests.system.rig import free_port

CORES: Final = 0.4  # of a pod: two of them leave more than a core for Kafka and the endpoint
STEADY: Final = (
    0.2,
    0.8,
)  # of the deliveries, between which speed is measured: before, not all have started, and in the end not all have something to do


class TooFewError(Exception):
    """No speed can be told of so few requests."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is carried.

    Attributes:
        source: `Kafka` or `bucket`.
        connectors: each gets all events.
        waves: how much of the data.
        times: how often it is measured.
    """

    source: Source
    connectors: int
    waves: int = WAVES
    times: int = 1


PART: Final = 3 * WAVES // 20  # of the data, for ten connectors: less than ten seconds tell of a start
SHAPES: Final = (Shape("Kafka", 1, times=5), Shape("Kafka", 10, PART, 3), Shape("bucket", 1, times=3), Shape("bucket", 10, PART, 3))
"""The first is what a goal is about."""


@dataclass(frozen=True, slots=True)
class Pods:
    """One run.

    Attributes:
        source: `Kafka` or `bucket`.
        connectors: each gets all events.
        processes: pods.
        cores: limit of each.
        rate: events/s, once it runs steadily; an event counts once for each connector.
        cpu: s per million events, likewise.
        used: share of its limit that it used, likewise: much less than all of it, and it was waiting, or other work had the machine.
        equal: what arrived is what had to.
    """

    source: str
    connectors: int
    processes: int
    cores: float
    rate: float
    cpu: float
    used: float
    equal: bool


def measure(logs: Logs, shape: Shape, processes: int, spool: Path) -> Pods:
    """One run to the end of the log.

    Raises:
        UnlimitedError: there are no limits here.
        TooFewError: there was too little to carry.
    """
    reads = logs.kafka(shape.waves) if shape.source == "Kafka" else logs.bucket(shape.waves)
    events = logs.data.first(shape.waves) * shape.connectors
    home, port = logs.home / "pods", free_port(processes)
    shutil.rmtree(home, ignore_errors=True)
    environ = dict(job.KEY)
    if processes > 1:
        environ["CURRENTS_SEGMENT_ADDRESSES"] = ";".join(f"127.0.0.1:{port + number}" for number in range(processes))
    with ExitStack() as running:
        endpoint = running.enter_context(closing(Endpoint(spool)))
        limits = [running.enter_context(limited(CORES)) for _ in range(processes)]

        spent: list[list[tuple[float, float]]] = [[] for _ in range(processes)]

        def pod(number: int) -> None:
            config = job.configure(home / str(number), reads, endpoint.url, shape.connectors)
            used.run(
                [*limits[number], *job.command(config)],
                home / str(number) / "log",
                env=environ | ({"CURRENTS_SEGMENT_PROCESS_ID": str(number)} if processes > 1 else {}),
                within=PATIENCE + events / SLOWEST,
                meanwhile=lambda pid: spent[number].append((time.time(), used.cpu(pid))),
            )

        with ThreadPoolExecutor(processes) as pool:
            list(pool.map(pod, range(processes)))
    came = arrived(requests(spool))
    begin, end, delivered = steady(came.taken)
    rate = delivered / (end - begin) * events / sum(count for _, count in came.taken)
    cores = sum(float(np.diff(np.interp((begin, end), *zip(*each, strict=True)))[0]) for each in spent) / (end - begin)
    equal = came.equal(logs.data.truth(shape.waves), shape.connectors)
    return Pods(shape.source, shape.connectors, processes, CORES, rate, cores / rate * 1e6, cores / (CORES * processes), equal)


def steady(taken: Sequence[tuple[float, int]]) -> tuple[float, float, int]:
    """The time between two shares of all messages, and how many came meanwhile; of times, and how many came then."""
    times, counts = (np.array(column) for column in zip(*sorted(taken), strict=True))
    upto = counts.cumsum()
    first, last = np.searchsorted(upto, np.array(STEADY) * upto[-1])
    if first == last:
        raise TooFewError(f"{len(times)} requests are too few to tell a speed")
    return float(times[first]), float(times[last]), int(upto[last] - upto[first])
