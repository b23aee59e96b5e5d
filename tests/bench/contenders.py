"""Who does the job: ours in several forms, what a team would write itself, and the floors below which nobody gets. Each as a command that ends when its log does."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from tests.bench import job
from tests.bench.data import SELECTED, WAVES
from tests.bench.logs import PARTITIONS, Logs
from tests.bench.rivals import redpanda
from tests.bench.rivals.job import Place, Task
from tests.oracle import truth

Source = Literal["Kafka", "bucket"]
Command = list[object]
Prepare = Callable[[Logs, Path, str, int], Command]
"""Of the logs, a folder of its own, the endpoint's URL and how many waves to read: its command; no waves: with nothing to do."""

SAMPLE: Final = 1  # wave: for those that take ten times as long
TAKEN: Final = {1: WAVES, 3: 7, 10: 2}  # waves by connectors: each run carries about as many events in all


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the table.

    Attributes:
        name: as it is shown.
        group: `ours`, `others` or `floor`.
        prepare: makes its command; None where it has none.
        waves: how much of the data it gets.
        connectors: how many times each event has to arrive.
        processes: of ours.
        source: `Kafka` or `bucket`.
        sends: it has an output that can be checked.
        judged: a goal is about it, so that it runs in every round; the others run in the first.
    """

    name: str
    group: Literal["ours", "others", "floor"]
    prepare: Prepare | None
    waves: int = WAVES
    connectors: int = 1
    processes: int = 1
    source: Source = "Kafka"
    sends: bool = True
    judged: bool = False


def ours(source: Source, processes: int, connectors: int, waves: int = WAVES, partitions: int = PARTITIONS) -> Contender:
    """Our command, everything on."""

    def prepare(logs: Logs, home: Path, url: str, waves: int) -> Command:
        reads = logs.kafka(waves, partitions) if source == "Kafka" else logs.bucket(waves)
        return job.command(job.configure(home, reads, url, connectors, processes), processes)

    forms = [f"{processes} processes" if processes > 1 else "1 process", f"{connectors} connectors" if connectors > 1 else "1 connector"]
    name, judged = f"currents-segment, {source}, {', '.join(forms)}", processes == connectors == 1
    return Contender(name, "ours", prepare, waves, connectors, processes, source, judged=judged)


def table() -> dict[str, tuple[str, list[Place]]]:
    """What a team would write down of the published mapping: names and places by type."""
    known = {entry["currents_type"]: entry for entry in truth.catalogue()}
    return {
        name: (
            known[name]["segment_name"],
            [
                (field, tuple(place.split(".")))
                for field, place in truth._places(known[name], [each["name"] for each in known[name]["fields"]], drop=False)
            ],
        )
        for name in SELECTED
    }


def task(logs: Logs, home: Path, url: str, waves: int) -> Task:
    """What a rival is told."""
    return Task(logs.broker.address(), logs.topic(waves), PARTITIONS, logs.registry.url, url, table())


def script(module: str) -> Prepare:
    """A module of `rivals`."""

    def prepare(logs: Logs, home: Path, url: str, waves: int) -> Command:
        home.mkdir(parents=True, exist_ok=True)
        (home / "task.json").write_text(json.dumps(asdict(task(logs, home, url, waves))))
        return [sys.executable, "-m", f"tests.bench.rivals.{module}", home / "task.json"]

    return prepare


def connect(logs: Logs, home: Path, url: str, waves: int) -> Command:
    """Redpanda Connect, configured for batches and deduplication in memory."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "connect.yaml").write_text(json.dumps(redpanda.configuration(task(logs, home, url, waves), logs.data.schemas)))
    return [*redpanda.binary(), "run", home / "connect.yaml"]


SOURCES: Final[tuple[Source, ...]] = ("Kafka", "bucket")
OURS: Final = [
    ours(source, processes, connectors, waves) for source in SOURCES for processes in (1, 2) for connectors, waves in TAKEN.items()
]
CLIENT: Final = Contender("a careful script with Segment's client", "others", script("client"), SAMPLE)
FLOW: Final = Contender("a plain Bytewax flow, an item an event", "others", script("flow"), SAMPLE)
CONNECT: Final = Contender("Redpanda Connect", "others", connect, SAMPLE)
GZIP: Final = Contender("floor: gzip of the same bodies, and nothing else", "floor", None, sends=False)
CONSUME: Final = Contender("floor: consume with Python's client, and nothing else", "floor", script("consume"), sends=False)
LOOP: Final = Contender("floor: all of it in a bare loop, without recovery", "floor", script("loop"), judged=True)
