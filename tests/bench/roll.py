"""How fast a connector that has been down for longer than `expire_after` rolls: what it holds expires, is kept, and lets the next be read.

    .venv/bin/python -m tests.bench.roll [EVENTS [EVENTS_PER_FILE]]

The real command line with the default settings and a clock that is moved by 49 hours; dead letters go to a folder. Prints events a second, processor time
an event, and what a second costs the disk while nothing can be delivered, before and during the roll.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.system.double import Double
from tests.system.exports import export
from tests.system.jobs import OFFSET_FILE, Job, Run

DEFAULTS = {"batch_age": "1s", "batch_events": 2500}
WATCHED = 5.0  # s


def cost(run: Run) -> tuple[float, int]:
    """Processor seconds and bytes written by its process since its start."""
    fields = Path(f"/proc/{run.process.pid}/stat").read_text().rpartition(")")[2].split()
    written = next(line for line in Path(f"/proc/{run.process.pid}/io").read_text().splitlines() if line.startswith("wchar"))
    return (int(fields[11]) + int(fields[12])) / 100, int(written.split()[1])


def say(text: str) -> None:
    """A figure."""
    print(text, flush=True)  # noqa: T201 - a command's output


def main(events: int = 100_000, per_file: int = 1_000) -> None:
    """One roll, and its figures."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        made = export(home / "export", "--tidy", "--events-per-file", per_file, count=events)
        offset, double = home / "offset", Double(home)
        offset.write_text("0")
        double.fault(do="status", status=503)
        job = Job(home / "job", double, made.folder, {"shop": {"limits": DEFAULTS}}, epoch="1s")
        run = job.start(env={OFFSET_FILE: str(offset)})
        try:
            job.until(lambda: job.connector()["health"] == "failing", "the connector to fail")
            _, before = cost(run)
            time.sleep(WATCHED)
            _, after = cost(run)
            say(f"failing: {job.connector()['in_flight']:,} events held, {(after - before) / WATCHED / 1e6:.1f} MB written a second")
            offset.write_text(str(49 * 3600))
            begin, (cpu, written) = time.monotonic(), cost(run)
            job.until(lambda: job.connector()["outcomes"].get("expired", 0) == events, "all to expire", within=600)
            took = time.monotonic() - begin
            spent, wrote = (now - then for now, then in zip(cost(run), (cpu, written), strict=True))
            say(
                f"rolling: {events:,} events in {took:.1f} s, {events / took:,.0f} events/s, {spent / events * 1e6:.0f} µs of processor time an event, "
                f"{wrote / took / 1e6:.1f} MB written a second"
            )
        finally:
            job.close()
            double.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
