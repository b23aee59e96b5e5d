"""What it costs to find the events of one full batch that Segment refuses: requests and seconds, at the default limits.

.venv/bin/python -m tests.bench.poison
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.sinks.segment.world import chunk, until, world

from currents_segment.sinks.segment.batch import MAX_EVENTS


def measure(folder: Path, poisoned: int) -> str:
    """One batch with so many bad events, spread over it."""
    every = MAX_EVENTS // poisoned
    names = ["bad" if i % every == 0 and i < poisoned * every else f"good-{i}" for i in range(MAX_EVENTS)]
    with world(folder, limits={"timeout": "30s"}) as one:
        one.double.script({"do": "status", "status": 422, "match": {"messageId": "bad"}})
        begin = time.monotonic()
        one.epoch(chunk(*names))
        until(lambda: sum(one.counts.values()) == MAX_EVENTS, patience=300.0)
        refused, took = one.counts["rejected/refused"], time.monotonic() - begin
    return f"{refused:>5,} of {MAX_EVENTS:,} refused: {len(one.requests):>5,} requests, {took:6.1f} s"


def main() -> None:
    """A few, many and only bad events."""
    for poisoned in (1, 10, 100, MAX_EVENTS):
        with TemporaryDirectory() as folder:
            print(measure(Path(folder), poisoned), flush=True)  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()
