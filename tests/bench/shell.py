"""What carrying the events costs, without reading, decoding and sending them: from a source whose chunks lie ready to batches for a sender that sends nothing.

    .venv/bin/python -m tests.bench.shell [--processes 1] [--chunk 1000] [--events 6000000] [--dropped 0.17] [--waits 0.2] [--under "perf record -g --"]
    .venv/bin/python -m tests.bench --only shell

The real flow with recovery on, epochs of a second, gates, deduplication with its files, sink slots, ledger, drivers, status. The log gives chunks that are ready and the
decoder messages that were made before, from simulated Currents; batches are packed as for requests (gzip reads their parts, nothing joins them), and each is acknowledged as soon as it is, or after `--waits`
seconds, as an endpoint would (then as much is un-acked, and written in every epoch, as would be). `--dropped` is the share of events that came before. Requests
are not limited to so many a second, or the limit would be measured: a batch is one request, and 1,000 of them a second are 600,000 of these events.

Prints processor time an event, all threads of all processes, from the first chunk to the last acknowledgement; and, as a floor, that of a bare flow that takes the same
chunks (`rivals/arrays.py`).
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from bytewax.run import cli_main
from tests.bench.load import tell
from tests.bench.rivals import arrays
from tests.system.rig import command, free_port

from currents_segment.codecs import catalogue, container
from currents_segment.codecs.chunk import Framed, Messages, Origin, Records, joined
from currents_segment.codecs.decoder import Decoder
from currents_segment.codecs.profile import Profile
from currents_segment.flows import config as configuration
from currents_segment.flows import recovery, segment
from currents_segment.flows.process import Process
from currents_segment.flows.slots import SLOTS, Key, Place, Unit
from currents_segment.flows.source import Logs, SlotSource
from currents_segment.flows.telemetry import logs as telemetry
from currents_segment.sinks.segment import driver
from currents_segment.sinks.segment.answers import Answer, Delivered
from currents_segment.sinks.segment.batch import Piece, document

NAME = "shop"


@dataclass(frozen=True, slots=True)
class Work:
    """What is carried, and how.

    Attributes:
        processes: of the cluster.
        chunk: events of one.
        events: of all processes together.
        dropped: share of them that came before.
        waits: s until an answer.
        in_flight: requests at a time.
        bare: by the floor instead.
    """

    processes: int = 1
    chunk: int = 1000
    events: int = 6_000_000
    dropped: float = 0.0
    waits: float = 0.0
    in_flight: int = 16
    bare: bool = False

    @property
    def rounds(self) -> int:
        """Chunks of a slot."""
        return self.events // self.chunk // SLOTS


CHUNKS: Final = (1000, 4000)
WORKS: Final = [Work(processes, chunk, bare=bare) for chunk in CHUNKS for processes in (1, 2) for bare in (True, False)]
"""Of `make bench`."""


@dataclass(frozen=True, slots=True)
class Carried:
    """How it went.

    Attributes:
        events: that were read.
        delivered: of them; the others were copies.
        cpu: s, all processes, from the first chunk on.
        seconds: likewise, of the slower one.
        memory: bytes, the sum of the most that each process had.
    """

    events: int
    delivered: int
    cpu: float
    seconds: float
    memory: int

    @property
    def each(self) -> float:
        """µs of processor time an event."""
        return self.cpu / self.events * 1e6


def cpu() -> float:
    """CPU-seconds of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Meter:
    """From the first chunk on."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None

    def tick(self) -> None:
        """Something is read."""
        self._began = self._began or (cpu(), time.monotonic())

    def carried(self, events: int, delivered: int) -> Carried:
        """That is the end."""
        assert self._began is not None
        used, now = cpu() - self._began[0], time.monotonic() - self._began[1]
        return Carried(events, delivered, used, now, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def made(export: Path, count: int) -> Messages:
    """The first messages of simulated Currents."""
    known = catalogue.load()
    profile = Profile(
        connector=NAME, workspace="acme", selected=known.select(["*"]).types, anonymous_users=True, names=known.names("glossary", {}).of,
        message_id="namespaced", unknown_fields="pass", integrations=None, integration_name=NAME,
    )  # fmt: skip
    decoder, found = Decoder(profile, known), list[Messages]()
    for file in sorted(export.rglob("*.avro")):
        with file.open("rb") as stream:
            found += [decoder.decode(each) for each, _ in container.records(stream, log="", key=file.name, hint="", arrival=0.0)]
    one = joined(found)
    assert len(one.ends) >= count
    ids = np.random.default_rng(0).integers(1, 1 << 63, count, np.uint64)
    return Messages(one.bodies[: one.ends[count - 1]], one.ends[:count].copy(), ids, count, {}, ())


class Made:
    """Messages, and the ids that a log would find in them."""

    def __init__(self, messages: Messages, dropped: float) -> None:
        self.messages = messages
        again = np.random.default_rng(1).random(messages.received) < dropped
        self._again, self._before = np.flatnonzero(again), np.flatnonzero(~again)[: again.sum()]

    def chunk(self, number: int) -> Messages:
        """A chunk whose ids are its own, but for those that the chunk before it in its slot had."""
        ids = self.messages.ids * np.uint64(2 * number + 1)
        if number >= SLOTS:
            ids[self._again] = self.messages.ids[self._before] * np.uint64(2 * (number - SLOTS) + 1)
        return replace(self.messages, ids=ids)

    def together(self, objects: Sequence[Sequence[Records | Framed]]) -> list[Messages]:
        """As a decoder: the number of the chunk is its block's."""
        return [self.chunk(records[0].origin.block) for records in objects]


class Ready:
    """A log in which chunks lie ready."""

    def __init__(self, place: Place, rounds: int, made: Made, meter: Meter) -> None:
        units = [Unit(NAME, "currents", number) for number in range(SLOTS)]
        self._chunk, self._meter = made.messages.received, meter
        self._units = {slot: [unit for unit in units if unit.slot == slot] for slot in place.slots}
        self._next = dict.fromkeys(units, 0)
        self._last = rounds

    def units(self, slot: int) -> Sequence[Unit]:
        return self._units[slot]

    def read(self, unit: Unit, most: int) -> tuple[Records | Framed, ...] | None:
        self._meter.tick()
        number = self._next[unit]
        if number == self._last or most < self._chunk:
            return None
        self._next[unit] += 1
        return (Records("", "", b"", self._chunk, time.time(), Origin("currents", str(unit.partition), number * SLOTS + unit.partition)),)

    def positions(self, slot: int) -> Mapping[Key, Any]:
        return {(unit.connector, unit.log, unit.partition): self._next[unit] for unit in self._units[slot]}

    def exhausted(self, slot: int) -> bool:
        return all(self._next[unit] == self._last for unit in self._units[slot])


def null(waits: float) -> type:
    """A client that packs and has no network."""

    class Null:
        def __init__(self, **_: object) -> None:
            pass

        async def send(self, pieces: Sequence[Piece], *, now: Callable[[], float], **_: object) -> Answer:
            document(pieces, sent_at="")
            await asyncio.sleep(waits)
            return Delivered()

        async def close(self) -> None:
            pass

    return Null


class Shell(Process):
    """The product's process, with another log and decoder."""

    made: Made
    meter: Meter
    rounds: int

    def _parts(self) -> segment.Parts:
        def opened(_: object) -> Any:
            self.flowing()
            return Ready(self.place, self.rounds, self.made, self.meter)

        source = SlotSource(self.place, logs=Logs(self.place, opened), gate=self._gate, stop=self.stop, once=True, pace=self._pace)
        return replace(super()._parts(), source=source, decoders={NAME: self.made})


def shell(work: Work, home: Path, place: Place, addresses: list[str]) -> Carried:
    """One process of the cluster."""
    telemetry.configure(terminal=False, level="warning")
    settings = configuration.load(home / "segment.yaml")
    connectors: Any = settings.connectors
    limits = connectors[NAME].limits.model_copy(update={"requests_per_second": inf})  # more than may be asked for
    connectors[NAME] = connectors[NAME].model_copy(update={"limits": limits})
    driver.Client = null(work.waits)  # type: ignore[misc]
    one = Shell(settings, place=place, addresses=addresses, once=True, environ=os.environ)
    one.made, one.meter, one.rounds = Made(made(home / "export", work.chunk), work.dropped), Meter(), work.rounds
    told = one.stop.apart(one.run, lambda: None)["connectors"][NAME]
    return one.meter.carried(told["received"], told["outcomes"].get("delivered", 0))


def floor(work: Work, home: Path, place: Place, addresses: list[str]) -> Carried:
    """The same for the same chunks in a bare flow."""
    ready, meter, delivered = Made(made(home / "export", work.chunk), work.dropped), Meter(), [0]

    def chunk(number: int) -> Messages:
        meter.tick()
        return ready.chunk(number)

    state = home / f"floor-{place.process}"
    state.mkdir()
    cli_main(
        arrays.build(place, work.rounds, chunk, delivered),
        process_id=place.process if addresses else None,
        addresses=addresses or None,
        epoch_interval=timedelta(seconds=1),
        recovery_config=recovery.store(state, first=place.process == 0),
    )
    return meter.carried(work.rounds * len(place.slots) * work.chunk, delivered[0])


def child(home: Path, number: int) -> None:
    """One process."""
    task = json.loads((home / "task.json").read_text())
    work, addresses = Work(**task["work"]), task["addresses"]
    carried = (floor if work.bare else shell)(work, home, Place(number, work.processes), addresses)
    (home / f"carried-{number}.json").write_text(json.dumps(asdict(carried)))
    sys.stdout.flush()
    os._exit(0)


def measure(work: Work, *, under: Sequence[str] = ()) -> Carried:
    """One run, in processes of its own; each beneath the command line `under`."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        command("simulate", "currents", "--out", home / "export", "--count", 2 * work.chunk + 2000, "--tidy")
        connector = {
            "integration_name": NAME, "contact_email": "data@example.com", "write_key": "env:HOME", "region": "us",
            "events": ["*"], "anonymous_users": True, "start": "earliest", "endpoint": "http://127.0.0.1:9/v1/batch",
            "limits": {"in_flight": work.in_flight},
        }  # fmt: skip
        workspace = {"sources": {"currents": {"url": str(home / "export")}}, "connectors": {NAME: connector}}
        (home / "segment.yaml").write_text(
            json.dumps({"state": "./state", "dead_letters": "./dead", "http": None, "workspaces": {"acme": workspace}})
        )
        port, count = free_port(work.processes), work.processes
        addresses = [f"127.0.0.1:{port + number}" for number in range(count)] if count > 1 else []
        (home / "task.json").write_text(json.dumps({"work": asdict(work), "addresses": addresses}))
        again = [*under, sys.executable, "-m", "tests.bench.shell", "--home", str(home)]
        children = [subprocess.Popen([*again, "--child", str(number)]) for number in range(count)]
        assert [0] * count == [one.wait() for one in children]
        every = [Carried(**json.loads((home / f"carried-{number}.json").read_text())) for number in range(count)]
    return Carried(
        sum(one.events for one in every), sum(one.delivered for one in every), sum(one.cpu for one in every),
        max(one.seconds for one in every), sum(one.memory for one in every),
    )  # fmt: skip


def main() -> None:
    """As the arguments say."""
    usual, parser = Work(), argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=usual.processes)
    parser.add_argument("--chunk", type=int, default=usual.chunk)
    parser.add_argument("--events", type=int, default=usual.events)
    parser.add_argument("--dropped", type=float, default=usual.dropped)
    parser.add_argument("--waits", type=float, default=usual.waits)
    parser.add_argument("--in-flight", type=int, default=usual.in_flight)
    parser.add_argument("--under", type=str.split, default=[], help="a profiler's command line")
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        child(given.home, given.child)
    if given.chunk < 1 or given.processes < 1 or given.events < SLOTS * given.chunk:
        parser.error(
            f"each of {SLOTS} slots has to have a chunk: --events {SLOTS * max(1, given.chunk):,} at least, --chunk and --processes 1"
        )
    work = Work(given.processes, given.chunk, given.events, given.dropped, given.waits, given.in_flight)
    least, run = (measure(each, under=given.under) for each in (replace(work, bare=True), work))
    tell(
        f"{work.processes} processes, chunks of {work.chunk:,}: {run.each:.3f} µs of processor time an event, {run.each / least.each:.2f} times a bare flow ({least.each:.3f}), "
        f"{run.events / run.seconds:,.0f} events/s; {run.events:,} received, {run.delivered:,} delivered, {run.memory / 1e6:,.0f} MB"
    )


if __name__ == "__main__":
    main()
