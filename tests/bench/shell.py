"""What carries the events costs, without reading, decoding and sending them. By hand.

    .venv/bin/python -m tests.bench.shell [--processes 1] [--chunk 1000] [--events 5000000] [--dropped 0.17] [--waits 0.2] [--under "perf record -g --"]

The real flow with recovery on, epochs of a second, gates, deduplication with its files, sink slots, ledger, drivers, status. The log gives chunks that are ready and the
decoder messages that were made before, from simulated Currents; batches are packed as for requests, and each is acknowledged as soon as it is, or after `--waits`
seconds, as an endpoint would (then as much is un-acked, and written in every epoch, as would be). `--dropped` is the share of events that came before.

Prints processor time an event, from the first chunk to the last acknowledgement, of all processes.
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
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tests.bench.load import tell
from tests.system.rig import command, free_port

from currents_segment.codecs import catalogue, container
from currents_segment.codecs.chunk import Framed, Messages, Origin, Records, joined
from currents_segment.codecs.decoder import Decoder
from currents_segment.codecs.profile import Profile
from currents_segment.flows import config as configuration
from currents_segment.flows import segment
from currents_segment.flows.process import Process
from currents_segment.flows.slots import SLOTS, Key, Place, Unit
from currents_segment.flows.source import Logs, SlotSource
from currents_segment.flows.telemetry import logs as telemetry
from currents_segment.sinks.segment import driver
from currents_segment.sinks.segment.answers import Answer, Delivered
from currents_segment.sinks.segment.batch import Piece, document

NAME = "shop"


def cpu() -> float:
    """CPU-seconds of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Meter:
    """From the first chunk on."""

    def __init__(self) -> None:
        self.began: tuple[float, float] | None = None
        self.ended = (0.0, 0.0)

    def tick(self) -> None:
        self.began = self.began or (cpu(), time.time())


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

    def __init__(self, place: Place, events: int, made: Made, meter: Meter) -> None:
        units = [Unit(NAME, "currents", number) for number in range(SLOTS)]
        self._chunk, self._meter = made.messages.received, meter
        self._units = {slot: [unit for unit in units if unit.slot == slot] for slot in place.slots}
        self._next = dict.fromkeys(units, 0)
        self._last = events // self._chunk // SLOTS

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
            b"".join(document(pieces, sent_at=""))
            await asyncio.sleep(waits)
            return Delivered()

        async def close(self) -> None:
            pass

    return Null


class Shell(Process):
    """The product's process, with another log and decoder."""

    made: Made
    meter: Meter
    events: int

    def _parts(self) -> segment.Parts:
        def opened(_: object) -> Any:
            return Ready(self.place, self.events, self.made, self.meter)

        source = SlotSource(self.place, logs=Logs(self.place, opened), gate=self._gate, stop=self.stop, once=True, pace=self._pace)
        return replace(super()._parts(), source=source, decoders={NAME: self.made})


def child(given: argparse.Namespace) -> None:
    """One process of the cluster."""
    telemetry.configure(terminal=False, level="warning")
    settings = configuration.load(given.home / "segment.yaml")
    driver.Client = null(given.waits)  # type: ignore[misc]
    addresses = given.addresses.split(";") if given.processes > 1 else []
    shell = Shell(settings, place=Place(given.child, given.processes), addresses=addresses, once=True, environ=os.environ)
    shell.made, shell.meter, shell.events = Made(made(given.home / "export", given.chunk), given.dropped), Meter(), given.events
    result = shell.stop.apart(shell.run, lambda: None)
    (given.home / f"status-{given.child}").write_text(json.dumps(result["connectors"][NAME]))
    assert shell.meter.began is not None
    spent = cpu() - shell.meter.began[0], time.time() - shell.meter.began[1], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (given.home / f"spent-{given.child}").write_text(json.dumps(spent))
    sys.stdout.flush()
    os._exit(0)


def measure(given: argparse.Namespace) -> None:
    """One run, and its line."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        command("simulate", "currents", "--out", home / "export", "--count", 10_000, "--tidy")
        connector = {
            "integration_name": NAME, "contact_email": "data@example.com", "write_key": "env:HOME", "region": "us",
            "events": ["*"], "anonymous_users": True, "start": "earliest", "endpoint": "http://127.0.0.1:9/v1/batch",
            "limits": {"requests_per_second": 1000, "in_flight": given.in_flight},
        }  # fmt: skip
        workspace = {"sources": {"currents": {"url": str(home / "export")}}, "connectors": {NAME: connector}}
        (home / "segment.yaml").write_text(
            json.dumps({"state": "./state", "dead_letters": "./dead", "http": None, "workspaces": {"acme": workspace}})
        )
        port = free_port(given.processes)
        addresses = ";".join(f"127.0.0.1:{port + i}" for i in range(given.processes))
        again = [*given.under, sys.executable, "-m", "tests.bench.shell", *sys.argv[1:], "--home", str(home), "--addresses", addresses]
        children = [subprocess.Popen([*again, "--child", str(number)]) for number in range(given.processes)]
        assert [0] * given.processes == [one.wait() for one in children]
        spent = [json.loads((home / f"spent-{number}").read_text()) for number in range(given.processes)]
        results = [json.loads((home / f"status-{number}").read_text()) for number in range(given.processes)]
        received, delivered = (sum(one["received"] for one in results), sum(one["outcomes"].get("delivered", 0) for one in results))
        used, took = sum(one[0] for one in spent), max(one[1] for one in spent)
        tell(
            f"{given.processes} processes, chunks of {given.chunk:,}: {used / received * 1e6:.3f} µs of processor time an event, {received / took:,.0f} events/s; "
            f"{received:,} received, {delivered:,} delivered, {sum(one[2] for one in spent):,.0f} MB"
        )


def main() -> None:
    """As the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--chunk", type=int, default=1000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--dropped", type=float, default=0.0)
    parser.add_argument("--waits", type=float, default=0.0)
    parser.add_argument("--in-flight", type=int, default=8)
    parser.add_argument("--under", type=str.split, default=[], help="a profiler's command line")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--addresses", default="")
    parser.add_argument("--child", type=int)
    given = parser.parse_args()
    measure(given) if given.child is None else child(given)


if __name__ == "__main__":
    main()
