"""`make isolation FLAT=EVENTS`: memory and recovery store of a run, wave after wave, while one connector is down and two carry so many events in all.

What grows by design is kept small, so that the rest can be seen: the ids that deduplication knows are capped, and so soon no longer grow. The files stay
in the folder, since the connector that is down has not read them.
"""

import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import linear_regression
from typing import Final

from tests.bench.load import EMAIL, Carried, Load, Taker, carry, connector, doubled, simulate, tell
from tests.system.rig import key, wait

from currents_segment.flows.status import Status, balance

HEALTHY: Final = ("healthy-1", "healthy-2")
DOWN: Final = "down"
WAVE: Final = 60_000  # events
MOST_IDS: Final = "200K"  # known at a time; reached within the first waves
MOST: Final = 5.0  # B an event: less than one pointer, so whatever is kept of each event breaks it
WARM: Final = 5  # the first fifth is left out: caches and tables fill
LEAST: Final = 4  # waves, two in each half


def main(home: Path, *, events: int, wave: int, processes: int, most: float = MOST) -> int:
    """The command; 0 when memory and store grow by no more than `most` bytes an event."""
    count = max(LEAST, -(-events // (wave * len(HEALTHY))))
    each = events // (count * len(HEALTHY))
    carried = run(home, [each] * count, processes)
    grown = growth(carried)
    tell(f"growth: memory {grown[0]:+.2f}, store {grown[1]:+.2f} B an event; at most {most:g} is wanted")
    return 1 if max(grown) > most else 0


def run(home: Path, waves: Sequence[int], processes: int) -> list[Carried]:
    """Carry the waves, one after the other; the next is simulated meanwhile."""
    with ExitStack() as closing:
        good, bad = Taker(home / "spool"), closing.enter_context(doubled(home / "bad"))
        closing.callback(good.close)
        inbox = home / "inbox"
        inbox.mkdir()
        connectors = {name: connector(EMAIL) for name in HEALTHY}
        connectors[DOWN] = {**connector(EMAIL), "endpoint": f"{bad.url}/v1/batch"}
        bad.source(DOWN, key=key(DOWN))
        bad.fault(source=DOWN, do="status", status=503)
        job = Load(home / "job", good, inbox, connectors, epoch="1s", dedup={"window": "1m", "max_ids": MOST_IDS})
        closing.callback(job.close)
        running = job.start(processes=processes)
        carried: list[Carried] = []
        pool = closing.enter_context(ThreadPoolExecutor(1))
        making = [pool.submit(simulate, home / f"wave-{seed}", count, seed=seed) for seed, count in enumerate(waves)]
        tell(
            f"{'delivered':>10} {'events/s':>9} {'memory, MB':>11} {'store, MB':>10} {'ids':>9} {'held by the one that is down':>30} {'its backlog':>12}"
        )
        for made in making:
            wave = made.result()
            carried.append(carry(job, wave, HEALTHY))
            shutil.rmtree(wave.folder)  # the job's links stay
            document = fresh(job)
            down = document["connectors"][DOWN]
            assert down["failing_since"]
            last = carried[-1]
            tell(
                f"{sum(one.events for one in carried):>10,} {last.rate:>9,.0f} {last.memory / 1e6:>11.0f} {last.store / 1e6:>10.1f}"
                f" {document['dedup']['ids']:>9,} {down['in_flight']:>30,} {down['lag']['bytes'] / 1e6:>9.0f} MB"
            )
        running.stop()
        assert {} == balance(fresh(job, since=0.0))
        assert not bad.kept(DOWN)
    return carried


def fresh(job: Load, since: float | None = None) -> Status:
    """What the run says of itself after this moment; the processes write it every second."""
    moment = time.time() if since is None else since
    wait(lambda: (document := job.status()) is not None and document["at"] >= moment, "a status")
    document = job.status()
    assert document is not None
    return document


def growth(carried: Sequence[Carried]) -> tuple[float, float]:
    """Bytes of memory and of store that each event adds: of the two halves of the run, without its first fifth, the one that grew less.

    What is kept of events shows in both. A step does not: where a machine becomes faster more is under way at a time, and files and memory stay as large as
    they ever had to be.
    """
    seen = [sum(one.events for one in carried[: number + 1]) for number in range(len(carried))]
    begin = len(carried) // WARM
    middle = (begin + len(carried)) // 2

    def least(sizes: Sequence[int]) -> float:
        return min(linear_regression(seen[half], sizes[half]).slope for half in (slice(begin, middle), slice(middle, None)))

    return least([one.memory for one in carried]), least([one.store for one in carried])
