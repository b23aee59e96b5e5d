"""What reading a bucket costs beside the floor, which is to read each file and to unpack its blocks. By hand.

    .venv/bin/python -m tests.bench.bucket_read [--files 2000] [--events 500] [--codec deflate] [--listed 50000]

A folder with so many files of so many events: processor time an event of the log with all its units and threads until everything was taken, and of the floor; then how long a
folder with `--listed` objects takes until the first of them can be read.
"""

import argparse
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.load import tell
from tests.system.rig import command

from currents_segment.codecs.container import Block, Container
from currents_segment.flows.bucket import CLASSES, BucketLog
from currents_segment.flows.config import Source

KIND = "users.messages.email.Open"
TOGETHER = 4_000  # events that the gate lets in at once
PAUSE = 0.001  # s: when nothing is ready, as the flow has other things to do


def cpu() -> float:
    """CPU-seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def floor(folder: Path) -> tuple[int, float]:
    """Events, and CPU-seconds of reading and unpacking them."""
    began, events = cpu(), 0
    for file in folder.rglob("*.avro"):
        with file.open("rb") as stream:
            events += sum(block.count for block in Container(stream).blocks() if isinstance(block, Block))
    return events, cpu() - began


@contextmanager
def opened(folder: Path) -> Iterator[BucketLog]:
    """The log as one connector has it."""
    source = Source(url=str(folder))
    source._name = "currents"
    log = BucketLog(
        source, connector="shop", start="earliest", selected=frozenset({KIND}), everything=False,
        units=dict.fromkeys(range(CLASSES)), once=True, clock=time.time,
    )  # fmt: skip
    try:
        yield log
    finally:
        log.close()


def through(folder: Path) -> tuple[int, float, float, int]:
    """Events, CPU-seconds and seconds through the log, and chunks."""
    used, began, events, chunks = cpu(), time.monotonic(), 0, 0
    with opened(folder) as log:
        left = set(range(CLASSES))
        while left:
            got = [read for unit in tuple(left) if (read := log.read(unit, TOGETHER)) is not None]
            events, chunks = events + sum(records.count for read in got for records in read.records), chunks + len(got)
            if not got:
                left = {unit for unit in left if not log.exhausted(unit)}
                time.sleep(PAUSE)
        return events, cpu() - used, time.monotonic() - began, chunks


def listing(folder: Path) -> float:
    """Seconds until the first object can be taken."""
    began = time.monotonic()
    with opened(folder) as log:
        while not any(log.read(unit, TOGETHER) for unit in range(CLASSES)):
            time.sleep(PAUSE)
        return time.monotonic() - began


def spread(made: Path, folder: Path, files: int) -> None:
    """So many files, each of them one of those that were made under another name, over a day."""
    few = sorted(made.rglob("*.avro"))
    for number in range(files):
        place = folder / f"event_type={KIND}" / f"date=2026-01-02-{number % 24:02d}" / "version=1" / "prod-01" / f"{number:06d}.avro"
        place.parent.mkdir(parents=True, exist_ok=True)
        os.link(few[number % len(few)], place)


def main() -> None:
    """Print what it costs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--block", type=int, default=100)
    parser.add_argument("--codec", default="deflate")
    parser.add_argument("--listed", type=int, default=50_000)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        home = Path(folder)
        command(
            "simulate", "currents", "--out", home / "made", "--count", min(20_000, given.files * given.events), "--types", KIND, "--tidy",
            "--codec", given.codec, "--events-per-file", given.events, "--block", given.block,
        )  # fmt: skip
        spread(home / "made", home / "bucket", given.files)
        floor(home / "bucket")
        events, least = floor(home / "bucket")
        taken, used, took, chunks = through(home / "bucket")
        assert events == taken, (events, taken)
        tell(
            f"{given.files:,} files, {events:,} events, {given.codec}: {used / events * 1e6:.2f} µs of processor time an event, floor {least / events * 1e6:.2f}, "
            f"ratio {used / least:.2f}; {events / took:,.0f} events/s, {chunks:,} chunks"
        )
        if given.listed:
            spread(home / "made", home / "many", given.listed)
            tell(f"{given.listed:,} objects: the first can be read after {listing(home / 'many'):.1f} s")


if __name__ == "__main__":
    main()
