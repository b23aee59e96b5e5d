"""One connector's log of a bucket, read in this process: which events came, what was damaged, and what is said of it."""

import io
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fastavro
from tests.system.rig import wait

from currents_segment.flows.bucket import CLASSES, BucketLog
from currents_segment.flows.config import Source

MOST = 1_000  # events that are asked for at a time
TYPE = "users.messages.email.Open"
KEY = f"event_type={TYPE}/date=2026-03-04-05/42/prod-01/{{}}.avro"


def events(name: str, count: int) -> list[str]:
    """Ids of 60 characters at the most, each with its place in it."""
    return [f"{name}-{number:055d}" for number in range(count)]


def avro(ids: list[str], *, block: int = 16_000) -> bytes:
    """A file of events that have an id, in blocks of so many bytes."""
    schema = {"type": "record", "name": "Open", "namespace": "users.messages.email", "fields": [{"name": "id", "type": "string"}]}
    out = io.BytesIO()
    fastavro.writer(out, schema, [{"id": one} for one in ids], sync_interval=block)
    return out.getvalue()


class Reading:
    """A log that is read as the flow reads it.

    Attributes:
        ids: of all events, in the order in which they were read.
        damage: what could not be read: object and words.
    """

    def __init__(self, url: str, options: Mapping[str, str], *, once: bool = True) -> None:
        source = Source.model_construct(url=url, options=dict(options), poll=0.1, late=6 * 3600.0)
        source._name = "currents"
        self.log = BucketLog(
            source,
            connector="shop",
            start="earliest",
            selected=frozenset({TYPE}),
            everything=False,
            units=dict.fromkeys(range(CLASSES)),
            once=once,
            clock=time.time,
            pause=lambda _: 0.01,
        )
        self.ids: list[str] = []
        self.damage: list[str] = []

    def turn(self) -> None:
        """Take all that is ready."""
        for unit in range(CLASSES):
            while (read := self.log.read(unit, MOST)) is not None:
                for got in read.records:
                    if got.damage is not None:
                        self.damage.append(f"{got.origin.object} {got.damage.detail}")
                    data = io.BytesIO(got.data)
                    self.ids += [data.read(data.read(1)[0] >> 1).decode() for _ in range(got.count)]  # one short text each

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Read until something is so."""
        wait(lambda: (self.turn(), condition())[1], what)

    def all(self) -> None:
        """Read until all is read, then end it."""
        try:
            self.until(lambda: all(self.log.exhausted(unit) for unit in range(CLASSES)), "the end of the bucket")
        finally:
            self.log.close()


def put(folder: Path, name: str, data: bytes) -> None:
    """A file of a folder that is to be filled into a bucket."""
    path = folder / KEY.format(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
