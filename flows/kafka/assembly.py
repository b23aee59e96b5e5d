"""Messages of one partition as what flows: frames are told, schemas found, files taken apart. It never waits."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from currents_segment.codecs import container
from currents_segment.codecs.chunk import RAW_KEPT, Damage, Framed, Origin, Records
from currents_segment.codecs.frame_kernel import ODD, Frames
from currents_segment.codecs.frames import HEADER, Frame, Framer, Framing, fingerprint
from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.config import Kafka
from currents_segment.flows.errors import UserError
from currents_segment.flows.kafka.registry import Pending, SchemaRegistry, Unusable
from currents_segment.flows.kafka.run import UNSAID, Run

LIMIT: Final = 4000  # messages that flow together
LIMIT_BYTES: Final = 2 << 20  # or these bytes of values
LIMIT_TIME: Final = 60.0  # or these seconds of arrivals: a chunk has one clock, and no event may expire more than a minute after its own
FILE_BYTES: Final = 16 << 20  # unpacked, of a message that is a file: its events are one chunk, and a megabyte of bombs would be gigabytes
FILE_EVENTS: Final = 50_000  # or this many; a message of a megabyte has some thousands
TYPE_HEADER: Final = "header:"


@dataclass(frozen=True, slots=True)
class Assembled:
    """A chunk's worth of messages.

    Attributes:
        records: of all of them, the oldest arrival first: all single datums as one, each file and each that cannot be read for itself.
        count: how many messages they are.
        why: what holds the message behind them: its schema is not known yet; or "".
    """

    records: tuple[Records | Framed, ...]
    count: int
    why: str


class Assembler:
    """Makes what flows of messages, for one connector and source.

    Attributes:
        headers: names of the headers that it must see.

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
        self._by_topic, self._types = kafka.type == "topic", kafka.types
        self._type = kafka.type.removeprefix(TYPE_HEADER) if kafka.type.startswith(TYPE_HEADER) else None
        self._bare = None if kafka.bare_schema is None else _read(source, kafka.bare_schema.read_text)
        try:
            self._framer = Framer(Framing(kafka.format), self._bare)
            self._frames = Frames(self._framer)
            texts = [_read(source, path.read_text) for path in kafka.schemas]
            self._by_fingerprint = {fingerprint(text): text for text in texts}
        except ValueError as error:
            raise UserError(f"source {source!r}: {error}") from None
        framing = [HEADER] if self._framer.looks_for(Framing.CONFLUENT) else []
        self.headers = (*framing, self._type) if self._type else tuple(framing)

    def assemble(self, run: Run, topic: str, partition: int) -> Assembled:
        """As many of the messages, which are of one partition, as go together; none where the first is held."""
        came = arrivals(run.times, self._clock())
        building = _Building(self, run.cut(0, together(came)), came, Origin(f"{self._source}/{topic}", str(partition)))
        return building.assembled(self._types.get(topic, topic) if self._by_topic else "")

    def frames(self, run: Run) -> tuple[list[Frame], NDArray[np.uint16], NDArray[np.int64]]:
        """As `Frames.tell`; a message with a header that matters is left to `frame`."""
        found, which, inner = self._frames.tell(run.data, run.begins, run.ends)
        if run.headers:
            which[np.isin(run.offsets, list(run.headers))] = ODD
        return found, which, inner

    def frame(self, run: Run, number: int, at: Origin) -> Frame | Damage:
        """The frame of one message, or the damage that it is."""
        value = run.value(number)
        if value is None:
            return Damage(Outcome.BAD_FRAME, "a message without a value (a tombstone)", 1, b"", 0, at)
        frame = self._framer.of(value, run.headers.get(int(run.offsets[number])))
        return frame if isinstance(frame, Frame) else frame.damage(value, at)

    def schema(self, frame: Frame) -> str | Pending | Unusable:
        """What a frame refers to; "" where the value holds its own."""
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

    def said(self, run: Run, number: int) -> str | None:
        """The event type that a header names, if there is one."""
        said = next((value for name, value in run.headers.get(int(run.offsets[number])) or () if name == self._type), None)
        return None if said is None else said.decode("utf-8", "replace")

    def ask_ahead(self, run: Run) -> None:
        """All schemas that the messages need are asked for at once, so that they do not wait one behind the other. To be called when a message is first held."""
        found, which, _ = self.frames(run)
        odd = (self.frame(run, number, Origin("", "")) for number in np.flatnonzero(which == ODD).tolist())
        for frame in (*found, *odd):
            if isinstance(frame, Frame):
                self.schema(frame)

    def arrival(self, run: Run) -> float:
        """When the first message came into the log, if the broker says so, else now."""
        return float(arrivals(run.times[:1], self._clock())[0])


class _Building:
    """Gathers what one chunk is made of."""

    def __init__(self, assembler: Assembler, run: Run, came: NDArray[np.float64], place: Origin) -> None:
        self._assembler, self._run, self._came, self._place = assembler, run, came, place
        self._writers: dict[tuple[str, str], int] = {}
        self._others: list[Records] = []
        self._held, self._why = run.count, ""

    def assembled(self, hint: str) -> Assembled:
        """The common frames at once, all others one by one."""
        found, which, inner = self._assembler.frames(self._run)
        writers = [self._writer(self._assembler.schema(frame), hint, which, number) for number, frame in enumerate(found)]
        which = np.array([*writers, ODD], np.uint16).take(which, mode="clip")
        for number in np.flatnonzero(which == ODD).tolist():
            if number >= self._held:
                break
            self._odd(number, hint, which, inner)
        return Assembled(self._records(which, inner), self._held, self._why)

    def _writer(self, schema: str | Pending | Unusable, hint: str, which: NDArray[np.uint16], number: int) -> int:
        """The number of the writer of a frame; or `ODD` where each of its messages is looked at."""
        if isinstance(schema, Pending):
            self._hold(int((which == number).argmax()), schema.why)
        return self._number(schema, hint) if isinstance(schema, str) else ODD

    def _number(self, schema: str, hint: str) -> int:
        return self._writers.setdefault((schema, hint), len(self._writers))

    def _hold(self, number: int, why: str) -> None:
        if number < self._held:
            self._held, self._why = number, why

    def _odd(self, number: int, hint: str, which: NDArray[np.uint16], inner: NDArray[np.int64]) -> None:
        """One message whose frame is not a common one, or whose header says more, or which cannot be read."""
        at = Origin(self._place.log, self._place.object, int(self._run.offsets[number]))
        hint = self._assembler.said(self._run, number) or hint
        frame = self._assembler.frame(self._run, number, at)
        if isinstance(frame, Damage):
            self._damaged(frame, number, hint)
            return
        schema, value = self._assembler.schema(frame), self._run.value(number) or b""
        if isinstance(schema, Pending):
            self._hold(number, schema.why)
        elif isinstance(schema, Unusable):
            datum = value[frame.begin :]  # without its frame: with the schema at hand it can be read, and sent again
            self._damaged(Damage(Outcome.UNKNOWN_SCHEMA, schema.detail, 1, datum[:RAW_KEPT], len(datum), at), number, hint)
        elif frame.kind is Framing.CONTAINER:
            self._file(value, number, at, hint)
        else:
            which[number] = self._number(schema, hint)
            inner[number] = int(self._run.begins[number]) + frame.begin

    def _file(self, value: bytes, number: int, at: Origin, hint: str) -> None:
        size = count = 0
        key = f"{at.object}@{at.block}"  # blocks and records are numbered within the file
        for records, _ in container.records(io.BytesIO(value), log=at.log, key=key, hint=hint, arrival=self._arrival(number)):
            size, count = size + len(records.data), count + max(1, records.count)
            if size > FILE_BYTES or count > FILE_EVENTS:
                detail = f"the file in the message has more than {FILE_EVENTS:,} events or {FILE_BYTES:,} bytes; the rest is not read"
                self._damaged(Damage(Outcome.BAD_FRAME, detail, 1, value[:RAW_KEPT], len(value), at), number, hint)
                return
            self._others.append(records)

    def _damaged(self, damage: Damage, number: int, hint: str) -> None:
        self._others.append(Records("", hint, b"", 0, self._arrival(number), damage.origin, damage))

    def _arrival(self, number: int) -> float:
        return float(self._came[number])

    def _records(self, which: NDArray[np.uint16], inner: NDArray[np.int64]) -> tuple[Records | Framed, ...]:
        """What was gathered, the oldest arrival first."""
        mine = np.flatnonzero(which[: self._held] != ODD)
        if not len(mine):
            return tuple(sorted(self._others, key=lambda records: records.arrival))
        ends, offsets = self._run.ends, self._run.offsets
        first = int(offsets[mine[0]])
        mine = mine[
            which[mine].argsort(kind="stable")
        ]  # messages of a type are alike: side by side gzip makes half of them, in half the time
        framed = Framed(
            writers=tuple(self._writers),
            which=which[mine],
            data=self._run.data[: int(ends[self._held - 1])],
            begins=inner[mine],
            ends=ends[mine],
            offsets=offsets[mine],
            arrival=float(self._came[mine].max()),  # one clock for all, and no event may expire before its own time is over
            origin=Origin(self._place.log, self._place.object, first),
        )
        return tuple(sorted([framed, *self._others], key=lambda records: records.arrival)) if self._others else (framed,)


def arrivals(times: NDArray[np.int64], now: float) -> NDArray[np.float64]:
    """When messages came into the log, s since the epoch: as the broker says, whatever our own clock is; else now."""
    return np.where(times == UNSAID, now, times / 1000)


def together(came: NDArray[np.float64]) -> int:
    """How many of the first messages came within a minute of each other."""
    apart = np.maximum.accumulate(came) - np.minimum.accumulate(came) > LIMIT_TIME
    return int(apart.argmax()) if apart.any() else len(came)


def _read(source: str, read: Callable[[str], str]) -> str:
    try:
        return read("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise UserError(f"source {source!r}: a schema file cannot be read: {fault}") from None
