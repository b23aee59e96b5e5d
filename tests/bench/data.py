"""The benchmarks' data: Currents of 20 types, made once by code and kept; the same for the same seed.

The same events lie in a folder of Avro files, as Braze would export them, and as messages for Kafka. What has to reach Segment is known from their making
and from the oracle's own rules: nothing of the pipeline is asked.
"""

import hashlib
import io
import json
import os
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
from fastavro import parse_schema, schemaless_writer
from fastavro.write import Writer
from numpy.typing import NDArray
from tests.bench import checksum
from tests.bench.checksum import Sum
from tests.oracle import truth

from currents_segment.flows.simulate import currents_layout
from currents_segment.flows.simulate.currents_events import Stream, people
from currents_segment.flows.simulate.currents_mess import TIDY
from currents_segment.flows.simulate.currents_types import load

TYPES: Final = {  # with their weights: about 420 B of Avro an event
    "users.messages.email.Send": 16,
    "users.messages.email.Delivery": 16,
    "users.messages.email.Open": 9,
    "users.messages.email.Click": 3,
    "users.messages.email.Bounce": 1,
    "users.messages.email.Unsubscribe": 1,
    "users.messages.pushnotification.Send": 6,
    "users.messages.pushnotification.Open": 2,
    "users.messages.pushnotification.Bounce": 1,
    "users.messages.inappmessage.Impression": 4,
    "users.messages.inappmessage.Click": 1,
    "users.messages.contentcard.Send": 4,
    "users.messages.contentcard.Impression": 3,
    "users.messages.sms.Send": 3,
    "users.messages.sms.Delivery": 3,
    "users.canvas.Entry": 10,
    "users.canvas.experimentstep.SplitEntry": 6,
    "users.canvas.Conversion": 3,
    "users.campaigns.EnrollInControl": 4,
    "users.messages.webhook.Send": 4,
}
NOT_SELECTED: Final = ("users.campaigns.EnrollInControl", "users.messages.webhook.Send")
SELECTED: Final = [name for name in TYPES if name not in NOT_SELECTED]
MESS: Final = replace(TIDY, duplicates=0.015, again=0.015, strange=0.02)
ANONYMOUS: Final = 0.08  # of the users
WAVES: Final = 20  # the data comes in so many equal parts, each whole in the folder and in Kafka, so that less of it can be taken
PER_FILE: Final = 500  # events: a million in about 2,000 files
PER_BLOCK: Final = 100  # events of a container block
BEGIN: Final = 1_767_225_600.0  # 2026-01-01T00:00:00Z
DAY: Final = 86_400.0
FORMAT: Final = 1  # counted up when this module makes other data
_POLICY: Final = truth.Connector("bench", "acme", {"events": SELECTED})


@dataclass(frozen=True)
class Data:
    """Made events.

    Attributes:
        folder: where they lie.
        events: how many, copies included.
        schemas: of the types, in the order of their registry ids, which begin with 1.
        values: the messages as they stand in Kafka (00, id of the schema, datum), one after the other.
        ends: int64[events], where each ends.
        prints: uint64[events], fingerprint of each event's id.
        due: bool[events]: it has to reach Segment, as the first of its copies.
        messages: uint64[events], number of the whole message of those that are due and sampled, else 0.
    """

    folder: Path
    events: int
    schemas: tuple[str, ...]
    values: NDArray[np.uint8]
    ends: NDArray[np.int64]
    prints: NDArray[np.uint64]
    due: NDArray[np.bool_]
    messages: NDArray[np.uint64]

    @property
    def size(self) -> float:
        """Bytes of Avro of an event, on average."""
        return len(self.values) / self.events - 5

    def first(self, waves: int) -> int:
        """How many events the first waves have."""
        return self.events * waves // WAVES

    def truth(self, waves: int = WAVES) -> Sum:
        """What has to reach Segment of the first waves."""
        due = self.due[: self.first(waves)]
        prints, messages = self.prints[: len(due)][due], self.messages[: len(due)][due]
        return Sum(int(due.sum()), int(prints.sum(dtype=np.uint64)), int(messages.sum(dtype=np.uint64)))

    def each(self, begin: int, end: int) -> Iterator[bytes]:
        """The messages with these numbers."""
        start = int(self.ends[begin - 1]) if begin else 0
        for stop in self.ends[begin:end].tolist():
            yield self.values[start:stop].tobytes()
            start = stop

    def schema_numbers(self) -> NDArray[np.uint8]:
        """Of each event, the id of its schema."""
        return self.values[np.concatenate(([0], self.ends[:-1])) + 4]

    def copies(self) -> int:
        """How many events are copies of another."""
        return self.events - len(np.unique(self.prints))

    def bucket(self, waves: int = WAVES) -> Path:
        """A folder of Avro files with the first waves."""
        place = self.folder / f"bucket-{waves}"
        if not place.is_dir():
            part = place.with_name(f"{place.name}.part")
            for wave in range(waves):
                for file in (self.folder / "waves" / str(wave)).rglob("*.avro"):
                    link = part / file.relative_to(self.folder / "waves" / str(wave))
                    link.parent.mkdir(parents=True, exist_ok=True)
                    os.link(file, link)
            part.rename(place)
        return place


def currents(home: Path, events: int, seed: int = 1) -> Data:
    """The data, made where it is not there yet (about 80 s for a million events)."""
    folder = home / f"currents-{FORMAT}-{events}-{seed}"
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _make(part, events, Random(seed))
        part.rename(folder)
    arrays = np.load(folder / "facts.npz")
    values = np.memmap(folder / "values", np.uint8, "r")
    schemas = tuple(json.loads((folder / "schemas.json").read_text()))
    return Data(folder, events, schemas, values, arrays["ends"], arrays["prints"], arrays["due"], arrays["messages"])


@dataclass(slots=True)
class _Type:
    """One of the types while data is made."""

    name: str
    number: int
    stream: Stream
    text: str
    parsed: Any
    known: dict[str, Any]
    fields: tuple[str, ...]


def _make(folder: Path, events: int, rng: Random) -> None:
    kinds, catalogue = load(), {entry["currents_type"]: entry for entry in truth.catalogue()}
    crowd, types = people(rng, ANONYMOUS), []
    for number, name in enumerate(TYPES, 1):
        schema = kinds[name].schema(name, "")
        fields = tuple(field.name for field in kinds[name].fields)
        types.append(
            _Type(name, number, Stream(kinds[name], crowd, MESS, rng), json.dumps(schema), parse_schema(schema), catalogue[name], fields)
        )
    seen: set[bytes] = set()
    lengths, ids, due, messages = [], [], [], []
    with (folder / "values").open("wb") as values:
        for wave in range(WAVES):
            count = events * (wave + 1) // WAVES - events * wave // WAVES
            made = list(_wave(folder / "waves" / str(wave), types, count, wave))
            rng.shuffle(made)  # copies come on any partition, types in any order
            prints = checksum.fingerprints([event["id"].encode() for _, event, _ in made])
            for (kind, event, datum), sampled in zip(made, checksum.sampled(prints).tolist(), strict=True):
                name = event["id"].encode()
                first, number = name not in seen, 0
                is_due = first and kind.name in SELECTED and event["external_user_id"] is not None
                if is_due and sampled:
                    outcome = truth.outcome(_POLICY, kind.known, kind.fields, event)
                    assert isinstance(outcome, truth.Due)
                    number = checksum.message(outcome.message)
                seen.add(name)
                lengths.append(values.write(b"\x00" + kind.number.to_bytes(4, "big") + datum))
                due.append(is_due)
                messages.append(number)
            ids.append(prints)
    (folder / "schemas.json").write_text(json.dumps([kind.text for kind in types]))
    np.savez(
        folder / "facts.npz",
        ends=np.cumsum(lengths),
        prints=np.concatenate(ids),
        due=np.array(due),
        messages=np.array(messages, np.uint64),
    )


def _wave(folder: Path, types: list[_Type], events: int, wave: int) -> Iterator[tuple[_Type, dict[str, Any], bytes]]:
    """Writes the files of a wave; gives its events with their datums."""
    total, upto, done = sum(TYPES.values()), 0, 0
    begin, span = BEGIN + DAY * wave / WAVES, DAY / WAVES
    for kind in types:
        upto += TYPES[kind.name]
        count = events * upto // total - done
        done += count
        for first in range(0, count, PER_FILE):
            records = kind.stream.records(
                "current", min(PER_FILE, count - first), begin + span * first / count, begin + span * min(count, first + PER_FILE) / count
            )
            datums = [_datum(kind.parsed, record) for record in records]
            key = currents_layout.key("new", kind.name, begin, 1, wave * 1_000_000 + kind.number * 1_000 + first // PER_FILE)
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / key).write_bytes(_container(kind.parsed, datums))
            yield from ((kind, record, datum) for record, datum in zip(records, datums, strict=True))


def _datum(schema: Any, record: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    schemaless_writer(out, schema, record)
    return out.getvalue()


def _container(schema: Any, datums: list[bytes]) -> bytes:
    """An Avro object container file, deflated: each datum is encoded once for both logs (Avro specification, "Object container files")."""
    out = io.BytesIO()
    sync = hashlib.md5(datums[0], usedforsecurity=False).digest()
    Writer(out, schema, codec="deflate", sync_marker=sync)  # writes the head
    for first in range(0, len(datums), PER_BLOCK):
        block = datums[first : first + PER_BLOCK]
        packed = zlib.compress(b"".join(block), 1, -15)
        out.write(_long(len(block)) + _long(len(packed)) + packed + sync)
    return out.getvalue()


def _long(number: int) -> bytes:
    """Avro's variable length of a number that is not negative."""
    number, out = number << 1, bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
