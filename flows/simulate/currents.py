"""A Braze that exports Currents: files of events in Braze's layouts, the same for the same seed byte for byte, with all that makes real exports hard.

Values in, files out: it knows no clock, and who writes the files where is its caller's business.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import ceil
from random import Random
from typing import Final

from currents_segment.flows.simulate import currents_file, currents_layout
from currents_segment.flows.simulate.currents_events import Person, Record, Stream, people
from currents_segment.flows.simulate.currents_file import Codec
from currents_segment.flows.simulate.currents_layout import Layout
from currents_segment.flows.simulate.currents_mess import DAMAGES, EXTRAS, VERSIONS, Mess, Rota
from currents_segment.flows.simulate.currents_types import UNKNOWN_TYPES, EventType, Version

HOUR: Final = 3600.0  # s


@dataclass(frozen=True, slots=True)
class Round:
    """A span of time and how many events fall into it; its files are written when it is over.

    Attributes:
        start: seconds since the epoch.
        end: likewise.
        events: how many, copies included.
    """

    start: float
    end: float
    events: int


@dataclass(frozen=True, slots=True)
class Export:
    """What is exported.

    Attributes:
        types: the event types, at least one.
        seed: decides every value.
        codec: of the container files.
        layout: of the keys.
        events_per_file: at most.
        block: events in a container block.
        least: files with fewer events are avoided by leaving out types in a round; 1: every type in every round that has enough events.
        mess: how untidy it is.
    """

    types: Sequence[EventType]
    seed: int = 0
    codec: Codec = "deflate"
    layout: Layout = "new"
    events_per_file: int = 1_000
    block: int = 100
    least: int = 1
    mess: Mess = field(default_factory=Mess)


@dataclass(frozen=True, slots=True)
class File:
    """One file of the export, and what a reader finds in it.

    Attributes:
        key: below the source's URL.
        data: its bytes.
        folder: the type that its folder names: canonical, or of a type that nobody knows.
        kind: the type of its records, in the version of its schema; None where it holds none.
        records: what can be read.
        damaged: how many events cannot, as far as its headers tell; a file without headers counts as one.
        at: when it is written, seconds since the epoch.
    """

    key: str
    data: bytes
    folder: str
    kind: EventType | None
    records: Sequence[Record]
    damaged: int
    at: float


def spread(events: int, hours: int, end: float) -> Iterator[Round]:
    """So many events over whole spans of an hour up to `end`."""
    for hour in range(hours):
        begin = end - (hours - hour) * HOUR
        yield Round(begin, begin + HOUR, events * (hour + 1) // hours - events * hour // hours)


def paced(rate: float, duration: float | None, every: float, begin: float) -> Iterator[Round]:
    """Events at a rate, in files every so many seconds, without end when `duration` is None; the last round may be shorter."""
    for number in count() if duration is None else range(ceil(duration / every)):
        start, end = number * every, (number + 1) * every
        end = end if duration is None else min(end, duration)
        yield Round(begin + start, begin + end, round(rate * end) - round(rate * start))


class Simulator:
    """Makes an export file by file; two with the same `Export` and rounds make the same."""

    def __init__(self, export: Export) -> None:
        self._export = export
        self._rng = Random(export.seed)  # noqa: S311 - repeatable, not secret
        crowd: list[Person] = people(self._rng, export.mess.anonymous)
        self._streams = {kind.name: Stream(kind, crowd, export.mess, self._rng) for kind in (*export.types, *UNKNOWN_TYPES)}
        self._weights = [1 + 7 * self._rng.random() ** 2 for _ in export.types]  # a few types make most of an export
        self._versions, self._damages, self._extras = (Rota(export.mess.of(names)) for names in (VERSIONS, DAMAGES, EXTRAS))
        self._files = 0
        self._turn = 0

    def files(self, rounds: Iterator[Round]) -> Iterator[File]:
        """The files in the order in which they are written."""
        for span in rounds:
            for kind, events in self._shares(span.events):
                pieces = max(1, ceil(events / self._export.events_per_file))
                for piece in range(pieces):
                    width = (span.end - span.start) / pieces
                    begin = span.start + piece * width
                    part = Round(begin, begin + width, events * (piece + 1) // pieces - events * piece // pieces)
                    yield from self._extra(kind, span)
                    yield self._regular(kind, part, span)

    def _shares(self, events: int) -> Iterator[tuple[EventType, int]]:
        """How a round's events fall to the types: by weight, whole events, nothing left over."""
        types = self._export.types
        taking = max(1, min(len(types), events // self._export.least))
        chosen = [(self._turn + i) % len(types) for i in range(taking)]
        self._turn += taking
        spare = events - min(events, taking)  # one for each before any gets more
        total = sum(self._weights[i] for i in chosen)
        done, before = 0.0, 0
        for number, i in enumerate(chosen):
            done += self._weights[i]
            upto = spare if number == taking - 1 else int(spare * done / total)
            share = (1 if number < events else 0) + upto - before
            before = upto
            if share:
                yield types[i], share

    def _regular(self, kind: EventType, part: Round, span: Round) -> File:
        version: Version = {"older": "older", "newer": "newer", None: "current"}[self._versions.turn()]  # type: ignore[assignment]
        damage = self._damages.turn()
        folder = kind
        if damage == "misplaced":
            folder = self._elsewhere(kind)
        return self._file(kind.of(version), folder, part, span, damage)

    def _elsewhere(self, kind: EventType) -> EventType:
        """A type far from this one in the catalogue: of another family, so that some connectors read one and not the other."""
        types = self._export.types
        return types[(types.index(kind) + max(1, len(types) // 2)) % len(types)]

    def _extra(self, kind: EventType, span: Round) -> Iterator[File]:
        """The file, if any, that lies about before the next regular one."""
        match self._extras.turn():
            case "unknown":
                unknown = self._rng.choice(UNKNOWN_TYPES)
                yield self._file(unknown, unknown, Round(span.start, span.end, 5), span, None)
            case "not_avro":
                yield File(self._key(kind, "current", span), currents_file.NOT_AVRO, kind.name, None, (), 1, span.end)
            case "empty":
                yield File(self._key(kind, "current", span), b"", kind.name, None, (), 1, span.end)

    def _file(self, kind: EventType, folder: EventType, part: Round, span: Round, damage: str | None) -> File:
        records = self._streams[kind.name].records(kind.version, part.events, part.start, part.end)
        key = self._key(folder, kind.version, span)
        prefix = currents_layout.RECORD_PREFIX if self._export.layout == "old" else ""
        schema = kind.schema(self._rng.choice(kind.spellings), prefix)
        packed = currents_file.pack(schema, records, self._export.codec, self._export.block, f"{self._export.seed} {key}")
        data, lost = packed.data, range(0)
        if damage == "corrupt":
            data, lost = packed.corrupt(self._rng.randrange(len(packed.blocks)))
        elif damage == "truncated":
            data, lost = packed.truncate()
        return File(key, data, folder.name, kind, records[: lost.start] + records[lost.stop :] if lost else records, len(lost), span.end)

    def _key(self, folder: EventType, version: Version, span: Round) -> str:
        self._files += 1
        schema_id = ("older", "current", "newer").index(version) + 1
        # a file is written within its hour: a span that ends on the full hour belongs to the hour before
        return currents_layout.key(self._export.layout, self._rng.choice(folder.spellings), span.end - 1, schema_id, self._files)
