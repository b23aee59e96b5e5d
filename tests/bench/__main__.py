"""`make bench`: what a million events cost, beside what others take for the same job; latency, an outage, known ids, and what to ask for.

    .venv/bin/python -m tests.bench [--events 1000000] [--rounds 3] [--only race pods shell growth latency outage known] [--publish]

Makes its data once, starts a real Apache Kafka and an endpoint, runs everything in turn and prints its tables. They lie in build/bench too, with the charts (SVG) and
all figures (results.json); parts that are run alone keep the others' figures. `--publish` puts tables and charts into docs/performance.md.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from deploy.broker.jars import classpath
from tests.bench import contenders, latency, outage, pods, profile, race, report, results, shell
from tests.bench import known as known_ids
from tests.bench.contenders import Contender, ours
from tests.bench.data import WAVES, currents
from tests.bench.limits import UnlimitedError
from tests.bench.load import tell
from tests.bench.logs import Logs, opened
from tests.bench.pods import TooFewError
from tests.bench.race import Lap
from tests.bench.rivals import redpanda

HOME: Final = Path(__file__).parents[2] / "build" / "bench"
IDS: Final = (0, 1_000_000, 10_000_000, 100_000_000)
QUICK: Final = [ours("Kafka", 1, 1), ours("bucket", 1, 1), contenders.CLIENT, contenders.FLOW, contenders.LOOP, contenders.CONSUME]
FULL: Final = [*contenders.OURS, contenders.LOOP, contenders.CLIENT, contenders.FLOW, contenders.CONSUME]
GROWTH: Final = (  # what, and the contender with it; all of the events are in the race
    ("half of the events, 8 partitions", ours("Kafka", 1, 1, WAVES // 2)),
    ("a fifth of the events, 8 partitions", ours("Kafka", 1, 1, WAVES // 5)),
    ("half of the events, 1 partition", ours("Kafka", 1, 1, WAVES // 2, 1)),
    ("half of the events, 64 partitions", ours("Kafka", 1, 1, WAVES // 2, 64)),
)


@dataclass(frozen=True)
class Bench:
    """One call of the command.

    Attributes:
        logs: to read from.
        spool: where the endpoint writes.
        rounds: of the race.
        quick: only what shows that it works.
    """

    logs: Logs
    spool: Path
    rounds: int
    quick: bool

    def warm(self) -> None:
        """A run that counts nowhere: what a first start compiles and caches is there for all others."""
        race.lap(self.logs, ours("Kafka", 1, 1), 1, self.spool, started=False)

    def race(self) -> dict[str, Any]:
        """All contenders in turn, round by round."""
        everyone = QUICK if self.quick else list(FULL)
        absent = []
        if redpanda.binary() is None:
            absent.append({"name": contenders.CONNECT.name, "why": "not run: neither redpanda-connect nor rpk is on the path"})
        elif not self.quick:
            everyone.append(contenders.CONNECT)
        laps: dict[Contender, list[Lap]] = {}
        for number in range(self.rounds):
            for one in (each for each in everyone if each.judged or not number):
                laps.setdefault(one, []).append(
                    race.lap(self.logs, one, WAVES if self.quick else one.waves, self.spool, started=not self.quick)
                )
                self._told(number, one.name, laps[one][-1])
                if one is everyone[0]:
                    laps.setdefault(contenders.GZIP, []).append(race.gzip_alone(self.spool, laps[one][-1].events))
        rows = [results.row(one, each) for one, each in sorted(laps.items(), key=lambda pair: pair[0].group == "floor")]
        return {"race": rows, "absent": absent}

    def pods(self) -> dict[str, Any]:
        """One pod and two, by turns."""
        every = []
        for shape in pods.SHAPES:
            for processes in (1, 2) * shape.times:
                try:
                    every.append(pods.measure(self.logs, shape, processes, self.spool))
                except (UnlimitedError, TooFewError) as error:
                    return {"pods": {"why": str(error), "runs": []}}
                tell(f"  {shape.source}, {shape.connectors} connectors, {processes} pods: {every[-1].rate:,.0f} events/s")
        return {"pods": {"why": None, "runs": every}}

    def shell(self) -> dict[str, Any]:
        """Everything between reading and sending, by turns."""
        every = []
        for work in shell.WORKS * self.rounds:
            every.append({"processes": work.processes, "chunk": work.chunk, "bare": work.bare, **asdict(run := shell.measure(work))})
            tell(f"  {'bare flow, ' * work.bare}{work.processes} processes, chunks of {work.chunk:,}: {run.each:.3f} µs an event")
        return {"shell": every}

    def growth(self) -> dict[str, Any]:
        """One process and connector, with more of this and of that."""
        rows = []
        for what, one in GROWTH:
            rows.append(results.row(one, [race.lap(self.logs, one, one.waves, self.spool)], what=what))
            tell(f"  {what}: {rows[-1]['after_start']:.2f} CPU-s per million")
        return {"growth": rows}

    def latency(self) -> dict[str, Any]:
        """At each rate."""
        every = []
        for rate in latency.RATES:
            every.append(latency.measure(self.logs, rate, latency.SECONDS, self.spool))
            tell(f"  {rate:,} events/s: p99 {every[-1].percentiles['99']:.2f} s")
        return {"latency": every}

    def outage(self) -> dict[str, Any]:
        """One, and what follows."""
        return {"outage": outage.measure(self.logs, self.logs.data.events // 2, self.spool)}

    def known(self) -> dict[str, Any]:
        """Tables alone, and starts."""
        starts = []
        for ids in IDS:
            starts.append(known_ids.start(ids))
            tell(f"  {ids:,} known ids: first delivery after {starts[-1].first:.1f} s")
        known_ids.compiled()
        return {"known": {"tables": [known_ids.tables(ids) for ids in IDS if ids], "starts": starts}}

    def profile(self) -> dict[str, Any]:
        """Where the time goes."""
        found = profile.measure(self.logs, self.spool)
        report.write({"flame.svg": profile.chart(found)}, self.spool.with_name("charts"))
        return {"profile": {"events": found.events, "stages": found.stages}}

    def _told(self, number: int, name: str, lap: Lap) -> None:
        equal = {True: "equal", False: "NOT EQUAL", None: ""}[lap.equal]
        tell(f"  round {number + 1}: {name}: {lap.after_start:.2f} CPU-s per million, {lap.rate:,.0f} events/s {equal}")


PARTS: Final[dict[str, Callable[[Bench], dict[str, Any]]]] = {
    "race": Bench.race,
    "pods": Bench.pods,
    "shell": Bench.shell,
    "growth": Bench.growth,
    "latency": Bench.latency,
    "outage": Bench.outage,
    "known": Bench.known,
    "profile": Bench.profile,
}
USUAL: Final = ("race", "pods", "shell", "growth", "latency", "outage", "known")


def main(arguments: Sequence[str]) -> int:
    """The command; 1 when what arrived of anybody is not what had to, 2 when something that it needs is missing."""
    words = argparse.ArgumentParser(prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--events", type=int, default=1_000_000, help="of the data")
    words.add_argument("--rounds", type=int, default=3, help="of the race for those that a goal is about; the medians count")
    words.add_argument("--only", nargs="+", choices=list(PARTS), default=USUAL, help="parts")
    words.add_argument("--quick", action="store_true", help="one small race, to see that all of this works")
    words.add_argument("--publish", action="store_true", help="into docs/performance.md")
    words.add_argument("--home", type=Path, default=HOME, help="for data and results")
    given = words.parse_args(arguments)
    given.home.mkdir(parents=True, exist_ok=True)
    try:
        classpath()
    except AssertionError as missing:
        tell(str(missing))
        return 2
    tell("making the data ..." if not given.quick else "a small race")
    data = currents(given.home, given.events)
    file = given.home / "results.json"
    with ExitStack() as closing:
        home = Path(closing.enter_context(TemporaryDirectory(dir=given.home, prefix="run-")))
        bench = Bench(closing.enter_context(opened(home, data)), given.home / "spool", given.rounds, given.quick)
        found = results.begun(file, form=results.FORM, made=results.made(data), machine=results.machine())
        if not given.quick:
            bench.warm()
        for part in ["race"] if given.quick else given.only:
            tell(f"{part} ...")
            began = time.monotonic()
            found = results.keep(file, **PARTS[part](bench))
            tell(f"  {time.monotonic() - began:.0f} s")
    (given.home / "spool").unlink()
    said = report.terminal(found)
    charts = report.charts(found)
    report.write({"tables.txt": said + "\n"}, given.home)
    report.write(charts, given.home / "charts")
    if given.publish:
        report.publish(found, report.PAGE, given.home / "charts")
    tell(f"\n{said}\n\n{given.home}: tables.txt, results.json, charts/{', '.join(sorted(charts))}")
    unequal = report.unequal(found)
    for name in unequal:
        tell(f"{name}: what arrived is not what had to")
    return 1 if unequal else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
