"""An outage and what follows: the endpoint answers 503, a backlog grows, the endpoint is back, the backlog drains. Throughput, backlog, memory and store over time.

.venv/bin/python -m tests.bench --only outage
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from tests.bench.chart import Line, Panel, plot
from tests.bench.following import Following, following, paced
from tests.bench.logs import Logs
from tests.bench.race import message_ids
from tests.bench.receiver import requests
from tests.system.rig import PATIENCE

RATE: Final = 5_000  # events/s before
BEFORE: Final = 10.0  # s
DOWN: Final = 20.0  # s with 503, the append of the backlog included
AFTER: Final = 5.0  # s to see that it is quiet again
LOOK: Final = 0.25  # s
SPAN: Final = 0.5  # s over which deliveries are counted


@dataclass(frozen=True, slots=True)
class Outage:
    """What was seen; times in seconds since the beginning.

    Attributes:
        down: from and to, when the endpoint answered 503.
        backlog: events that had to be delivered when it was back.
        drained: s from the first delivery after that to the last.
        rate: events/s of the drain.
        delivered: (time, events/s).
        memory: (time, bytes resident).
        store: (time, bytes in the state folder).
    """

    down: tuple[float, float]
    backlog: int
    drained: float
    rate: float
    delivered: list[tuple[float, float]]
    memory: list[tuple[float, int]]
    store: list[tuple[float, int]]


def measure(logs: Logs, events: int, spool: Path, *, before: float = BEFORE, down: float = DOWN, after: float = AFTER) -> Outage:
    """One outage; all events but those of the time before are its backlog."""
    steady = min(int(RATE * before), events // 4)
    with following(logs, "outage", spool) as one, watched(one) as seen:
        begin = seen.begin
        paced(logs, one.topic, 0, steady, RATE)
        one.until(steady, PATIENCE)
        one.endpoint.answer(503)
        failing = time.time()
        logs.append(one.topic, steady, events)
        time.sleep(max(0.0, down - (time.time() - failing)))
        one.endpoint.answer(200)
        back = time.time()
        one.until(events, PATIENCE + events / 1000)
        time.sleep(after)
        end = time.time()
    taken = [(request.answered, len(message_ids(request.body))) for request in requests(spool) if request.status == 200]
    assert int(logs.data.due[:events].sum()) == sum(count for _, count in taken)
    late = [(at, count) for at, count in taken if at >= back]
    drained = late[-1][0] - late[0][0]
    edges = np.arange(0.0, end - begin + SPAN, SPAN)
    counts, _ = np.histogram([at - begin for at, _ in taken], edges, weights=[count for _, count in taken])
    return Outage(
        (failing - begin, back - begin),
        sum(count for _, count in late),
        drained,
        sum(count for _, count in late[1:]) / drained if drained else 0.0,  # one request is no rate
        [(float(at) + SPAN / 2, float(count) / SPAN) for at, count in zip(edges, counts, strict=False)],
        seen.memory,
        seen.store,
    )


class Seen:
    """Memory and store, looked at again and again."""

    def __init__(self) -> None:
        self.begin = time.time()
        self.memory: list[tuple[float, int]] = []
        self.store: list[tuple[float, int]] = []

    def look(self, one: Following) -> None:
        """Now."""
        at = time.time() - self.begin
        self.memory.append((at, one.memory()))
        self.store.append((at, one.store()))


@contextmanager
def watched(one: Following) -> Iterator[Seen]:
    """While the block runs."""
    seen, ended = Seen(), threading.Event()

    def look() -> None:
        while not ended.wait(LOOK):
            seen.look(one)

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield seen
    finally:
        ended.set()
        looking.join()


def chart(one: Outage) -> str:
    """Three panels over time."""
    panels = [
        Panel("delivered, events/s", [Line("", one.delivered)]),
        Panel(
            "MB",
            [
                Line("memory", [(at, size / 1e6) for at, size in one.memory]),
                Line("state folder", [(at, size / 1e6) for at, size in one.store]),
            ],
        ),
    ]
    title = f"An outage, and {one.backlog:,} events that waited"
    return plot(title, panels, "seconds", band=(*one.down, "the endpoint answers 503"))
