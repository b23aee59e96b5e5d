"""What to ask for at a rate of events, worked out from what was measured. Values in, values out."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log10
from typing import Any, Final

RATES: Final = (100, 1_000, 10_000, 100_000)  # events/s
HEADROOM: Final = 2.0  # as much again: peaks, and a backlog that has to drain while events go on coming
QUARTER: Final = 0.25  # cores: in such steps they are asked for
STEP: Final = 128e6  # bytes of memory, likewise
DAY: Final = 86_400.0  # s: the window of deduplication
MOST_IDS: Final = 100e6  # the default of `max_ids`
DISK: Final = 8  # bytes of an id in the state folder, for each time slot in which it is seen
BUSY: Final = 0.6  # of what one process can do at the most


@dataclass(frozen=True, slots=True)
class Size:
    """What to ask for.

    Attributes:
        rate: events/s that come.
        cpu: cores that they use.
        cores: to ask for.
        processes: that are needed.
        memory: bytes to ask for, all processes.
        store: bytes of the state folder.
        window: s back to which copies are known, with the default `max_ids`.
        requests: a second to Segment.
    """

    rate: int
    cpu: float
    cores: float
    processes: int
    memory: float
    store: float
    window: float
    requests: float


def sizes(found: Mapping[str, Any]) -> list[Size]:
    """For each rate, with one connector that reads Kafka and gets all events.

    Needs `race`, `latency`, `outage` and `known` of the results.
    """
    full = next(
        row for row in found["race"] if (row["group"], row["source"], row["processes"], row["connectors"]) == ("ours", "Kafka", 1, 1)
    )
    resident = max(full["memory"], *(size for _, size in found["outage"]["memory"]))
    held = max(size for _, size in found["outage"]["store"])
    every = []
    for rate in RATES:
        ids, cpu = min(rate * DAY, MOST_IDS), spent(found, rate, full["after_start"])
        processes = max(1, ceil(rate / (BUSY * full["rate"])))
        every.append(
            Size(
                rate,
                cpu,
                max(QUARTER, ceil(cpu * HEADROOM / QUARTER) * QUARTER),
                processes,
                ceil((resident * processes + ids * id_size(found, ids)) * 1.25 / STEP) * STEP,
                2 * held + ids * DISK,
                min(DAY, MOST_IDS / rate),
                rate * full["requests"] / full["events"],
            )
        )
    return every


def id_size(found: Mapping[str, Any], ids: float) -> float:
    """Bytes of memory an id, as measured with about as many."""
    near = min(found["known"]["tables"], key=lambda table: abs(log10(table["ids"] / ids)))
    return float(near["size"])


def spent(found: Mapping[str, Any], rate: float, after_start: float) -> float:
    """Cores at a rate: between measured rates a straight line, above the last one what a million events cost at full speed."""
    every = sorted(found["latency"], key=lambda one: one["rate"])
    points = [(0, sum(one["idle"] for one in every) / len(every)), *((one["rate"], one["cpu"]) for one in every)]
    for (low, less), (high, more) in pairwise(points):
        if rate <= high:
            return float(less + (more - less) * (rate - low) / (high - low))
    last, cpu = points[-1]
    return float(cpu + (rate - last) * after_start / 1e6)
