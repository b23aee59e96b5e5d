"""What an epoch writes to the recovery store, whatever a connector's state: with events of 30 KB that hardly compress, one connector, default settings.

    .venv/bin/python -m tests.bench.epochs

For each state: events held, what the committed state of the sink slots takes, and what the process writes a second (an epoch is one second; SQLite writes twice).
"""

import base64
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fastavro
from tests.bench.roll import DEFAULTS, cost
from tests.system.double import Double
from tests.system.exports import Export, export
from tests.system.jobs import OFFSET_FILE, Job

from currents_segment.flows.committed import SLOTS, committed

EVENTS = 4_000
SIZE = 30_000  # bytes of a message, nearly the most that Segment takes
WATCHED = 5.0  # s

STATES: dict[str, tuple[dict[str, Any], float, bool]] = {
    "working": ({"do": "pass", "delay": 20.0, "skip": 16}, 0, True),
    "failing": ({"do": "status", "status": 503}, 0, True),
    "held": ({"do": "status", "status": 401}, 0, True),
    "rolling": ({"do": "status", "status": 503}, 49 * 3600.0, True),
    "rolling, letters cannot be written": ({"do": "status", "status": 503}, 49 * 3600.0, False),
}
"""A fault of the endpoint, how far the clock is moved, and whether dead letters can be written."""


def fatten(made: Export) -> None:
    """Give every event a text that makes it as large as an event can be."""
    rng = random.Random(7)
    for file in made.files():
        with file.open("rb") as stream:
            reader = fastavro.reader(stream)
            schema, records = reader.writer_schema, list(reader)
        free = next(name for name, value in records[0].items() if isinstance(value, str) and len(value) > 5_000)
        for record in records:
            record[free] = base64.b64encode(rng.randbytes(SIZE * 3 // 4 - 1_000)).decode()
        with file.open("wb") as out:
            fastavro.writer(out, schema, records, codec="null")


def measure(home: Path, double: Double, made: Export, state: str) -> str:
    """One state's line."""
    fault, moved, letters = STATES[state]
    offset = home / "offset"
    offset.write_text("0")
    double.reset()
    double.fault(**fault)
    job = Job(home / "job", double, made.folder, {"shop": {"limits": DEFAULTS | {"timeout": "30s"}}}, epoch="1s")
    if not letters:
        job.dead_letters.write_text("a file where the folder should be")
    run = job.start(env={OFFSET_FILE: str(offset)})

    def settled() -> Callable[[], bool]:
        seen: list[int] = []

        def look() -> bool:
            held = job.connector()["in_flight"] + job.connector()["letters_pending"]
            seen.append(held)
            return held > 0 and len(seen) > 100 and seen[-100:] == [held] * 100

        return look

    try:
        job.until(settled(), f"{state} to settle")
        if moved:
            offset.write_text(str(moved))
            job.until(lambda: job.connector()["outcomes"].get("expired", 0) > 0, "the first to expire")
        (_, before), begin = cost(run), time.monotonic()
        sizes: list[int] = []
        most = 0
        while time.monotonic() - begin < WATCHED:
            with committed(job.state) as now:
                sizes.append(sum(len(row) for _, _, _, row in now.places(SLOTS)))
            most = max(most, job.connector()["in_flight"] + job.connector()["letters_pending"])
            time.sleep(0.1)
        written = (cost(run)[1] - before) / (time.monotonic() - begin)
        return f"{state:<36} {most:>6,} events held at the most, state {max(sizes) / 1e6:5.1f} MB at the most, {written / 1e6:5.1f} MB written a second"
    finally:
        job.close()
        double.clear()


def main() -> None:
    """All states, one after the other."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        made = export(home / "export", "--tidy", "--share", "long=1", "--codec", "null", "--events-per-file", 250, count=EVENTS)
        fatten(made)
        double = Double(home)
        try:
            for state in sys.argv[1:] or STATES:
                place = home / state.replace(" ", "-")
                place.mkdir()
                print(measure(place, double, made, state), flush=True)  # noqa: T201 - a command's output
        finally:
            double.close()


if __name__ == "__main__":
    main()
