"""The shapes that flow: raw records as a source reads them, and the chunk of messages that a decoder makes of them.

No object an event: one buffer of bodies, an array of ends, an array of ids.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from currents_segment.codecs.outcome import Outcome, Slow

RAW_KEPT: Final = 256 * 1024  # bytes of a damaged stretch that are kept: dead letters wait in memory and in the recovery store


@dataclass(frozen=True, slots=True)
class Origin:
    """Where records stand in the log, for spans, dead letters and messages to an operator.

    Attributes:
        log: the source's URL without credentials, or the topic.
        object: the object's key within the log (a bucket), or the partition number (Kafka).
        block: number of the container block within the object, from 0; or the offset of the first record.
        record: number of the first record within the block, from 0.
    """

    log: str
    object: str
    block: int = 0
    record: int = 0


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of the log that could not be read as Avro datums; the reader went on behind it.

    Attributes:
        outcome: `BAD_FRAME`, `UNKNOWN_SCHEMA` or `BAD_DATUM`.
        detail: what was wrong, in words; never holds the data itself.
        count: how many events it holds as far as its header can be believed, else 1.
        raw: its bytes, possibly cut (see `size`).
        size: how many bytes the stretch has.
        origin: where it stands.
    """

    outcome: Outcome
    detail: str
    count: int
    raw: bytes
    size: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class Span:
    """Datums that stand back to back in one container block; what is wrong with one span says nothing of the next.

    Attributes:
        block: number of the block within the object, from 0.
        record: number of the span's first record within the block, from 0.
        count: how many datums it holds.
        size: how many bytes they take.
    """

    block: int
    record: int
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Records:
    """Avro datums of one writer's schema, back to back, or a stretch of damage in their place.

    Attributes:
        schema: the writer's schema, JSON text; the same `str` object for all records of an object.
        hint: the event type that the place names (`event_type=…`), or ``""``; the schema's name has the last word when it is known.
        data: datums back to back, not compressed.
        count: how many datums `data` holds (about 1,000 at the most).
        arrival: when they came into the log, seconds since the epoch.
        origin: where the first of them stands.
        damage: set when this stretch cannot be read; then `data` is empty and `count` is 0.
        spans: where blocks were joined, in order; empty when all datums stand in one stretch that begins at `origin`.
        ends: int64[count], where each datum ends in `data`, if that is known (Kafka: a message each): what is wrong with one says nothing of the next.
        blocks: int64[count], with `ends`: the number of each datum's block (Kafka: the message's offset). Then there are no `spans`.
    """

    schema: str
    hint: str
    data: bytes
    count: int
    arrival: float
    origin: Origin
    damage: Damage | None = None
    spans: tuple[Span, ...] = ()
    ends: NDArray[np.int64] | None = field(default=None, compare=False)
    blocks: NDArray[np.int64] | None = field(default=None, compare=False)

    def stretches(self) -> Iterator[tuple[Span, bytes]]:
        """Each span with its bytes, in order."""
        if self.ends is not None and self.blocks is not None:
            begin = 0
            for block, end in zip(self.blocks.tolist(), self.ends.tolist(), strict=True):
                yield Span(block, 0, 1, end - begin), self.data[begin:end]
                begin = end
            return
        if not self.spans:
            yield Span(self.origin.block, self.origin.record, self.count, len(self.data)), self.data
            return
        begin = 0
        for span in self.spans:
            yield span, self.data[begin : begin + span.size]
            begin += span.size


@dataclass(frozen=True, slots=True)
class Framed:
    """Avro datums of one Kafka partition, each with the writer's schema that its frame named: those of a writer side by side, in the order of the log.

    Attributes:
        writers: what `which` counts: pairs of writer's schema (JSON text) and hint, as of `Records`.
        which: uint16[n], the writer of each datum.
        data: the messages' values as they came, back to back, frames included.
        begins: int64[n], where each datum begins in `data`, behind its frame.
        ends: int64[n], where it ends.
        offsets: int64[n], its message's offset.
        arrival: when the first of them came into the log, seconds since the epoch.
        origin: where the first of them stands.
    """

    writers: tuple[tuple[str, str], ...]
    which: NDArray[np.uint16] = field(compare=False)
    data: bytes
    begins: NDArray[np.int64] = field(compare=False)
    ends: NDArray[np.int64] = field(compare=False)
    offsets: NDArray[np.int64] = field(compare=False)
    arrival: float
    origin: Origin

    @property
    def count(self) -> int:
        """Datums."""
        return len(self.ends)

    def records(self) -> Iterator[Records]:
        """The same datums as `Records`, in the same order: neighbours of one writer together. For who reads them one by one."""
        bounds = [0, *(np.flatnonzero(np.diff(self.which)) + 1).tolist(), self.count]
        for first, last in pairwise(bounds):
            if first == last:
                continue
            schema, hint = self.writers[self.which[first]]
            begins, ends, offsets = self.begins[first:last], self.ends[first:last], self.offsets[first:last]
            yield Records(
                schema=schema,
                hint=hint,
                data=b"".join(self.data[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)),
                count=last - first,
                arrival=self.arrival,
                origin=Origin(self.origin.log, self.origin.object, int(offsets[0])),
                ends=(ends - begins).cumsum(),
                blocks=offsets,
            )


@dataclass(frozen=True, slots=True)
class Letter:
    """An event that cannot be sent, to be kept as a dead letter. Decoders make it; the sink slot stores it.

    Attributes:
        outcome: why it ended; its state is one of `outcome.KEPT`.
        id: names the event for an operator: the messageId, or `object#block.record` where there is none.
        count: how many events it stands for (more than 1 only for damage).
        body: the Segment message, UTF-8 JSON, or the raw bytes when `schema` is set or `raw` is true.
        raw: `body` is raw log bytes, not a message.
        schema: the writer's schema when `body` is raw datums, else ``""``.
        detail: what was wrong, in words, without data of persons or keys.
        origin: where the event stands in the log.
        arrival: when it came into the log, seconds since the epoch.
    """

    outcome: Outcome
    id: str
    count: int
    body: bytes
    raw: bool
    schema: str
    detail: str
    origin: Origin
    arrival: float


@dataclass(frozen=True, slots=True)
class Messages:
    """What a decoder makes of one `Records` for one connector.

    Attributes:
        bodies: Segment messages as UTF-8 JSON, each followed by one comma.
        ends: int64[n], where each message ends in `bodies`, its comma included.
        ids: uint64[n], the deduplication id of each message.
        received: how many events were read; always n + the sum of `tally`.
        tally: events that ended here, by outcome (filtered, rejected, undecodable).
        letters: the dead letters among them; the sum of their counts equals the rejected and undecodable ones in `tally`.
        unknown: names met that the catalogue does not know: `type` or `type.field`, with how often.
        slow: events that the transcoder handed to the reference path, by reason.
    """

    bodies: bytes
    ends: NDArray[np.int64]
    ids: NDArray[np.uint64]
    received: int
    tally: Mapping[Outcome, int]
    letters: tuple[Letter, ...]
    unknown: Mapping[str, int] = field(default_factory=dict)
    slow: Mapping[Slow, int] = field(default_factory=dict)


def joined(parts: Sequence[Messages]) -> Messages:
    """The messages of several `Records` as one chunk: their position moves together."""
    if len(parts) == 1:
        return parts[0]
    sizes = np.cumsum([0, *(len(part.bodies) for part in parts)])
    tally: Counter[Outcome] = Counter()
    unknown: Counter[str] = Counter()
    slow: Counter[Slow] = Counter()
    for part in parts:
        tally.update(part.tally)
        unknown.update(part.unknown)
        slow.update(part.slow)
    return Messages(
        bodies=b"".join(part.bodies for part in parts),
        ends=np.concatenate([np.empty(0, np.int64), *(part.ends + size for part, size in zip(parts, sizes, strict=False))], dtype=np.int64),
        ids=np.concatenate([np.empty(0, np.uint64), *(part.ids for part in parts)]),
        received=sum(part.received for part in parts),
        tally=dict(tally),
        letters=tuple(letter for part in parts for letter in part.letters),
        unknown=dict(unknown),
        slow=dict(slow),
    )
