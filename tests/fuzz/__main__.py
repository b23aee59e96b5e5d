"""Spoil the input: so many cases, each in a process of limited memory that is watched; prints what became of them, and fails on any that broke a law.

python -m tests.fuzz --cases 1000000 --seed 7
python -m tests.fuzz --seed 7 --only container:4711     one case again
python -m tests.fuzz --kinds twins,spoiled_twins        these alone: a hundred events a case, by the reference path and by the fast one
"""

import argparse
import multiprocessing
import os
import resource
import secrets
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz import directed
from tests.fuzz.kinds import KINDS

SLICE = 2_000  # cases of one process
MEMORY = 512 << 20  # bytes that a process may add to what it has at its start: a block of 64 MiB is there three times at the most
HANG = 60.0  # s in which a case must end, on any machine; they take milliseconds
SHARES = {"container": 6, "datum": 6, "frame": 6, "schema": 4, "reference": 2, "twins": 1, "spoiled_twins": 1}


@dataclass
class Report:
    """What some cases of one kind came to."""

    kind: str
    cases: int = 0
    became: Counter = field(default_factory=Counter)
    slowest: float = 0.0
    memory: int = 0
    failures: list = field(default_factory=list)

    def add(self, other):
        """Two reports as one."""
        self.cases += other.cases
        self.became += other.became
        self.slowest, self.memory = max(self.slowest, other.slowest), max(self.memory, other.memory)
        self.failures += other.failures


def one(kind, seed, number):
    """Do one case; returns what became of its events."""
    return directed.check(number) if kind == "directed" else KINDS[kind](Random(f"{seed}/{kind}/{number}"))


def work(kind, seed, numbers, at, sender):
    """The process: cases one after the other, the number of the present one where the parent sees it."""
    held = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = Report(kind)
    for number in numbers:
        at.value = number
        began = time.process_time()
        try:
            report.became += one(kind, seed, number)
        except BaseException:  # noqa: BLE001 - whatever it is, it is what we look for
            report.failures.append((number, traceback.format_exc(limit=-4)))
        report.cases += 1
        report.slowest = max(report.slowest, time.process_time() - began)
    report.memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    sender.send(report)


def watched(kind, seed, numbers):
    """The cases in a process of their own; one that dies or hangs is a failure, and the others are done all the same."""
    at = multiprocessing.RawValue("q", numbers[0])
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=work, args=(kind, seed, numbers, at, sender))
    process.start()
    sender.close()
    seen, since = at.value, time.monotonic()
    while not receiver.poll(0.5):
        if at.value != seen:
            seen, since = at.value, time.monotonic()
        elif time.monotonic() - since > HANG:
            process.kill()
            break
    try:
        report = receiver.recv()
    except EOFError:
        report = None
    process.join()
    if report is None:
        report = Report(
            kind,
            cases=1,
            failures=[(at.value, f"the process ended with {process.exitcode} after {time.monotonic() - since:.0f} s of this case\n")],
        )
        for rest in (range(numbers[0], at.value), range(at.value + 1, numbers[-1] + 1)):
            if rest:
                report.add(watched(kind, seed, rest))
    return report


def campaign(cases, seed, kinds):
    """The directed cases once, the others by their shares. Yields the report of each kind."""
    shares = {kind: share for kind, share in SHARES.items() if kind in kinds}
    counts = {"directed": len(directed.CASES)} if kinds == set(SHARES) else {}
    counts |= {kind: -(-cases * share // sum(shares.values())) for kind, share in shares.items()}
    for kind, count in counts.items():
        report = Report(kind)
        for first in range(0, count, SLICE):
            report.add(watched(kind, seed, range(first, min(count, first + SLICE))))
        yield report


def row(report):
    """A line of the table."""
    became = (
        {name if name.startswith("slow/") else name.rpartition("/")[2]: count for name, count in report.became.items()}
        if report.kind != "directed"
        else {"as they must": report.cases - len(report.failures)}
    )
    said = ", ".join(f"{name} {count:,}" for name, count in sorted(became.items(), key=lambda each: -each[1]))
    return (
        f"{report.kind:<13} {report.cases:>9,} {len(report.failures):>6} {report.slowest * 1000:>8,.0f} {report.memory >> 20:>6}   {said}"
    )


def main():
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Spoil the input.")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--kinds", default=",".join(SHARES), help="some of them, with commas between")
    parser.add_argument("--only", help="KIND:NUMBER, one case again")
    options = parser.parse_args()
    seed = secrets.randbelow(1 << 32) if options.seed is None else options.seed
    if options.only:
        kind, number = options.only.split(":")
        print(dict(one(kind, seed, int(number))))  # noqa: T201 - a command
        return 0
    print(f"seed {seed}\n{'kind':<13} {'cases':>9} {'failed':>6} {'CPU ms':>8} {'MiB':>6}   what became of their events")  # noqa: T201
    total = Report("total")
    for report in campaign(options.cases, seed, set(options.kinds.split(","))):
        print(row(report), flush=True)  # noqa: T201
        for number, why in report.failures[:5]:
            print(f"--- again: python -m tests.fuzz --seed {seed} --only {report.kind}:{number}\n{why}", flush=True)  # noqa: T201
        total.add(report)
    print(f"cases={total.cases} failed={len(total.failures)} seed={seed}")  # noqa: T201
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
