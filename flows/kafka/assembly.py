"""Messages of one partition as `Records`, one for each writer's schema: frames are told, schemas found, files taken apart. It never waits."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message

from currents_segment.codecs import container
from currents_segment.codecs.chunk import RAW_KEPT, Damage, Origin, Records
from currents_segment.codecs.frames import Frame, Framer, Framing, fingerprint
from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.config import Kafka
from currents_segment.flows.errors import UserError
from currents_segment.flows.kafka.registry import Pending, SchemaRegistry, Unusable

LIMIT: Final = 1000  # messages that flow together
LIMIT_BYTES: Final = 1 << 20  # or these bytes of values: as many as the gate takes
LIMIT_TIME: Final = 60.0  # or these seconds of arrivals: a chunk has one clock, and no event may expire more than a minute beside its own
FILE_BYTES: Final = 16 << 20  # unpacked, of a message that is a file: its events are one chunk, and a megabyte of bombs would be gigabytes
FILE_EVENTS: Final = 50_000  # or this many; a message of a megabyte has some thousands
HEADER: Final = "header:"


@dataclass(frozen=True, slots=True)
class Assembled:
    """A chunk's worth of messages.

    Attributes:
        records: of all of them; the order within is by schema.
        count: how many messages they are.
        why: what holds the message behind them: its schema is not known yet; or "".
    """

    records: tuple[Records, ...]
    count: int
    why: str


@dataclass(slots=True)
class _Group:
    """Datums of one writer's schema and hint."""

    arrival: float
    values: list[bytes] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)


class Assembler:
    """Makes records of messages, for one connector and source.

    Args:
        source: the source's name; with the topic it names the log.
        kafka: how messages are framed, and where their type is written.
        registry: of schemas, if there is one.
        clock: seconds since the epoch.

    Raises:
        UserError: a schema file cannot be read, or does not go with the framing.
    """

    def __init__(self, source: str, kafka: Kafka, registry: SchemaRegistry | None, clock: Callable[[], float]) -> None:
        self._source, self._registry, self._clock = source, registry, clock
        self._type, self._types = kafka.type, kafka.types
        self._bare = None if kafka.bare_schema is None else _read(source, kafka.bare_schema.read_text)
        try:
            self._framer = Framer(Framing(kafka.format), self._bare)
            texts = [_read(source, path.read_text) for path in kafka.schemas]
            self._by_fingerprint = {fingerprint(text): text for text in texts}
        except ValueError as error:
            raise UserError(f"source {source!r}: {error}") from None

    def assemble(self, messages: Sequence[Message], topic: str, partition: int) -> Assembled:
        """Records of as many of the messages, which are of one partition and in order, as go together; none where the first is held."""
        building = _Building(self, Origin(f"{self._source}/{topic}", str(partition)))
        hint = self._types.get(topic, topic) if self._type == "topic" else ""
        why = ""
        for message in messages:
            if not building.room(message):
                break
            if self._type.startswith(HEADER):
                hint = self._said(message)
            if why := building.add(message, hint):
                break
        return Assembled(building.records(), building.count, why)

    def frame(self, message: Message, value: bytes, at: Origin) -> tuple[Frame, str | Pending | Unusable] | Damage:
        """The frame and schema of a value, "" where it holds its own; or the damage that it is."""
        frame = self._framer.of(value, headers(message))
        return (frame, self._schema(frame)) if isinstance(frame, Frame) else frame.damage(value, at)

    def arrival(self, message: Message) -> float:
        """When it came into the log, if the broker says so, else now; never later than now."""
        kind, milliseconds = message.timestamp()
        now = self._clock()
        return min(milliseconds / 1000, now) if kind == TIMESTAMP_LOG_APPEND_TIME else now

    def _schema(self, frame: Frame) -> str | Pending | Unusable:
        match frame.ref:
            case None:
                return "" if frame.kind is Framing.CONTAINER else self._bare or ""
            case bytes() as mark:
                return self._by_fingerprint.get(mark) or Unusable(
                    f"none of the configured schemas has the fingerprint {mark.hex()}: add the file to schemas"
                )
            case ref if self._registry is None:
                return Unusable(f"it refers to schema {ref} of a registry, and none is configured")
            case ref:
                return self._registry.schema(ref)

    def ask_ahead(self, messages: Sequence[Message]) -> None:
        """All schemas that the messages need are asked for at once, so that they do not wait one behind the other. To be called when a message is first held."""
        for message in messages:
            value = message.value()
            if value is not None and isinstance(frame := self._framer.of(value, headers(message)), Frame):
                self._schema(frame)

    def _said(self, message: Message) -> str:
        """The event type that a header names, or ""."""
        name = self._type.removeprefix(HEADER)
        said = next((value for key, value in headers(message) or () if key == name), None)
        return (said or b"").decode("utf-8", "replace")


class _Building:
    """Gathers the records of one chunk."""

    def __init__(self, assembler: Assembler, place: Origin) -> None:
        self.count = 0
        self._assembler, self._place = assembler, place
        self._size = 0
        self._first: float | None = None
        self._groups: dict[tuple[str, str], _Group] = {}
        self._others: list[Records] = []

    def room(self, message: Message) -> bool:
        """Whether the message goes with those that are there."""
        if self._first is None:
            return True
        return (
            self.count < LIMIT and self._size + len(message) <= LIMIT_BYTES and self._assembler.arrival(message) - self._first <= LIMIT_TIME
        )

    def add(self, message: Message, hint: str) -> str:
        """The message is taken; or why it is held."""
        value, offset, arrival = message.value(), _offset(message), self._assembler.arrival(message)
        if value is None:
            self._damaged(Damage(Outcome.BAD_FRAME, "a message without a value (a tombstone)", 1, b"", 0, self._at(offset)), hint, arrival)
        else:
            found = self._assembler.frame(message, value, self._at(offset))
            if isinstance(found, Damage):
                self._damaged(found, hint, arrival)
            else:
                frame, schema = found
                if isinstance(schema, Pending):
                    return schema.why
                self._framed(frame, schema, value, offset=offset, hint=hint, arrival=arrival)
        self.count += 1
        self._size += len(message)
        if self._first is None:
            self._first = arrival
        return ""

    def records(self) -> tuple[Records, ...]:
        """What was gathered, the oldest arrival first."""
        made = [
            Records(
                schema=schema,
                hint=hint,
                data=b"".join(group.values),
                count=len(group.values),
                arrival=group.arrival,
                origin=self._at(group.offsets[0]),
                ends=np.cumsum([len(value) for value in group.values], dtype=np.int64),
                blocks=np.array(group.offsets, dtype=np.int64),
            )
            for (schema, hint), group in self._groups.items()
        ]
        return tuple(sorted([*made, *self._others], key=lambda records: records.arrival))

    def _framed(self, frame: Frame, schema: str | Unusable, value: bytes, *, offset: int, hint: str, arrival: float) -> None:
        if isinstance(schema, Unusable):
            datum = value[frame.begin :]  # without its frame: with the schema at hand it can be read, and sent again
            self._damaged(Damage(Outcome.UNKNOWN_SCHEMA, schema.detail, 1, datum[:RAW_KEPT], len(datum), self._at(offset)), hint, arrival)
        elif frame.kind is Framing.CONTAINER:
            key = f"{self._place.object}@{offset}"  # blocks and records are numbered within the file
            files = container.records(io.BytesIO(value), log=self._place.log, key=key, hint=hint, arrival=arrival)
            self._file((records for records, _ in files), value, offset=offset, hint=hint, arrival=arrival)
        else:
            group = self._groups.get((schema, hint))
            if group is None:
                group = self._groups[schema, hint] = _Group(arrival)
            group.values.append(value[frame.begin :])
            group.offsets.append(offset)

    def _file(self, files: Iterator[Records], value: bytes, *, offset: int, hint: str, arrival: float) -> None:
        size = count = 0
        for records in files:
            size, count = size + len(records.data), count + max(1, records.count)
            if size > FILE_BYTES or count > FILE_EVENTS:
                detail = f"the file in the message has more than {FILE_EVENTS:,} events or {FILE_BYTES:,} bytes; the rest is not read"
                self._damaged(Damage(Outcome.BAD_FRAME, detail, 1, value[:RAW_KEPT], len(value), self._at(offset)), hint, arrival)
                return
            self._others.append(records)

    def _damaged(self, damage: Damage, hint: str, arrival: float) -> None:
        self._others.append(Records("", hint, b"", 0, arrival, damage.origin, damage))

    def _at(self, offset: int) -> Origin:
        return Origin(self._place.log, self._place.object, offset)


def headers(message: Message) -> list[tuple[str, bytes | None]] | None:
    """The headers, as a consumer gets them."""
    return message.headers()  # type: ignore[return-value]  # a producer may give them in other shapes


def _offset(message: Message) -> int:
    offset = message.offset()
    assert offset is not None  # noqa: S101  # of a message that was consumed
    return offset


def _read(source: str, read: Callable[[str], str]) -> str:
    try:
        return read("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise UserError(f"source {source!r}: a schema file cannot be read: {fault}") from None
