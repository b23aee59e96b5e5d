"""How long an event is under way: from its append to Kafka to the endpoint's 200, at several rates. And what a rate costs, CPU a second.

.venv/bin/python -m tests.bench --only latency
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tests.bench import checksum
from tests.bench.chart import Line, Panel, plot
from tests.bench.data import Data
from tests.bench.following import following, paced
from tests.bench.logs import Logs
from tests.bench.race import message_ids
from tests.bench.receiver import requests
from tests.system.rig import PATIENCE

RATES: Final = (1_000, 5_000, 20_000)  # events/s
SECONDS: Final = 20.0
WARM: Final = 3.0  # s: connections are made
IDLE: Final = 4.0  # s without an event, for what it costs to be there
POINTS: Final = (0.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 100.0)  # percent


@dataclass(frozen=True, slots=True)
class Latency:
    """At one rate.

    Attributes:
        rate: events/s that came.
        events: that were delivered, after the first seconds.
        percentiles: s, by percent as text.
        cpu: s a second, while events came.
        idle: s a second, before.
        memory: bytes resident at the end.
    """

    rate: int
    events: int
    percentiles: dict[str, float]
    cpu: float
    idle: float
    memory: int


def measure(logs: Logs, rate: int, seconds: float, spool: Path, idle: float = IDLE) -> Latency:
    """One rate, for so long."""
    count = min(logs.data.events, int(rate * seconds))
    with following(logs, f"latency-{rate}", spool) as one:
        before, since = one.cpu(), time.monotonic()
        time.sleep(idle)
        idling = (one.cpu() - before) / (time.monotonic() - since)
        before, since = one.cpu(), time.monotonic()
        appended = paced(logs, one.topic, 0, count, rate)
        spent = (one.cpu() - before) / (time.monotonic() - since)
        one.until(count, PATIENCE + seconds)
        memory = one.memory()
    took = under_way(logs.data, appended, spool)
    return Latency(rate, len(took), {f"{point:g}": float(np.percentile(took, point)) for point in POINTS}, spent, idling, memory)


def under_way(data: Data, appended: NDArray[np.float64], spool: Path) -> NDArray[np.float64]:
    """Seconds from the append of each event to the answer; every event that was due has to be there, but the first are left out."""
    numbers = np.flatnonzero(data.due[: len(appended)])
    prints = data.prints[numbers]
    order = np.argsort(prints)
    took, seen = [], 0
    for request in requests(spool):
        got = checksum.fingerprints(message_ids(request.body))
        at = appended[numbers[order[np.searchsorted(prints[order], got)]]]
        seen += len(got)
        took.append((request.answered - at)[at >= appended[0] + min(WARM, (appended[-1] - appended[0]) / 2)])
    assert len(prints) == seen, f"{seen:,} events arrived, {len(prints):,} had to"
    return np.concatenate(took)


def chart(every: Sequence[Latency]) -> str:
    """A line a rate over the percentiles, the rare ones drawn apart as is usual."""
    points = [float(name) for name in every[0].percentiles]
    at = {point: number for number, point in enumerate(points)}
    lines = [Line(f"{one.rate:,} events/s", [(at[float(name)], took) for name, took in one.percentiles.items()]) for one in every]
    marks = [(float(number), {0.0: "least", 100.0: "most"}.get(point, f"{point:g} %")) for point, number in at.items()]
    return plot("From the append to Kafka to Segment's 200", [Panel("seconds", lines)], "share of the events that took no longer", marks)
