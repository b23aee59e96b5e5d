"""Records in, messages out, for one connector: the fast path, by a compiled loop.

What the loop is not sure of goes to the reference path, event by event, and is counted by reason.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from currents_segment.codecs import columns
from currents_segment.codecs.catalogue import Catalogue
from currents_segment.codecs.chunk import Framed, Messages, Origin, Records, Span, joined
from currents_segment.codecs.columns import Made, Runs
from currents_segment.codecs.decoder import MAX_NAME, Decoder
from currents_segment.codecs.json_text import SPARE
from currents_segment.codecs.kernel import transcode
from currents_segment.codecs.message import MAX_MESSAGE
from currents_segment.codecs.outcome import Outcome, Slow
from currents_segment.codecs.profile import Profile
from currents_segment.codecs.schema import Events, Writers
from currents_segment.codecs.tables import Tables

MOST_BYTES: Final = 8 << 20  # of messages in one go: four thousand events take half of it
MOST_MESSAGES: Final = 8_192  # in one go
MOST_SLOW: Final = 256  # events for the reference path in one go
_ONE_EACH: Final = np.empty(0, np.int64)
_REASONS: Final = tuple(Slow)


@dataclass(frozen=True, slots=True)
class _Source:
    """Records as the loop takes them.

    Attributes:
        data: in which the datums stand.
        writers: pairs of writer's schema and hint.
        objects: the object that each writer is of, counted from 0; the runs of an object stand side by side.
        which, begins, ends, counts: see `columns.Runs`.
        span: of the run of that number.
        of: the records that the run of that number is of.
    """

    data: bytes
    writers: tuple[tuple[str, str], ...]
    objects: tuple[int, ...]
    which: NDArray[np.uint16]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    counts: NDArray[np.int64]
    span: Callable[[int], Span]
    of: Callable[[int], Records | Framed]


class Transcoder:
    """Makes one connector's messages of records, as `Decoder` does; for one thread at a time."""

    def __init__(self, profile: Profile, catalogue: Catalogue) -> None:
        self._anonymous_users = profile.anonymous_users
        self._reference = Decoder(profile, catalogue)
        self._tables = Tables(Writers(profile, catalogue))
        self._made = Made(
            bodies=np.empty(MOST_BYTES, np.uint8),
            ends=np.empty(MOST_MESSAGES, np.int64),
            ids=np.empty(MOST_MESSAGES, np.uint64),
            slow=np.empty((MOST_SLOW, columns.HANDED), np.int64),
            tally=np.empty((0, columns.TALLY), np.int64),
            state=np.empty(6, np.int64),
            seen=np.zeros((columns.SECTIONS, columns.SEEN), np.int64),
            drafts=np.empty(0, np.uint8),
            drafted=np.empty(columns.DRAFTED, np.int64),
        )

    def decode(self, records: Records | Framed) -> Messages:
        """What `Decoder.decode` makes of them, byte for byte, and how many of them took the slow path."""
        return self.together([[records]])[0]

    def together(self, objects: Sequence[Sequence[Records | Framed]]) -> list[Messages]:
        """What `decode` makes of the records of each object, joined. Blocks cost one call of the loop, whatever objects they are of."""
        parts: list[list[Messages]] = [[] for _ in objects]
        several = [(number, each) for number, records in enumerate(objects) for each in records]
        for are_blocks, group in groupby(several, key=lambda item: _are_blocks(item[1])):
            for number, messages in self._transcode(_of_blocks(tuple(group))) if are_blocks else map(self._alone, group):  # type: ignore[arg-type]
                parts[number].append(messages)
        return [joined(each) for each in parts]

    def _alone(self, item: tuple[int, Records | Framed]) -> tuple[int, Messages]:
        number, records = item
        if isinstance(records, Records) and records.damage is not None:
            return number, self._reference.decode(records)
        made = self._transcode(_of_framed(records) if isinstance(records, Framed) else _of_messages(records))
        return number, joined([messages for _, messages in made])  # a chunk without a message has no writer, and nothing was made

    def _transcode(self, source: _Source) -> Iterator[tuple[int, Messages]]:
        """The messages of each object, by its number."""
        rows = self._tables.rows_of(source.writers)
        room = (
            self._tables.constant + (1 + 6) * MAX_MESSAGE + SPARE
        )  # of a draft that a text may still be added to; of its bytes \0 becomes six: \u0000
        if len(self._made.drafts) < columns.SECTIONS * room:
            bodies = np.empty(max(MOST_BYTES, (columns.SECTIONS + 1) * room), np.uint8)  # one message always finds its room
            self._made = self._made._replace(bodies=bodies, drafts=np.empty(columns.SECTIONS * room, np.uint8))
        made = self._made._replace(tally=np.zeros((len(rows), columns.TALLY), np.int64))
        made.state[:] = 0
        runs = Runs(np.frombuffer(source.data, np.uint8), source.which, source.begins, source.ends, source.counts, rows)
        parts: dict[int, list[Messages]] = {number: [] for number in source.objects}
        whole = False
        while not whole:
            made.tally[:, columns.SENT] = 0
            whole = transcode(runs, self._tables.rows, made, anonymous_users=self._anonymous_users, largest=MAX_MESSAGE)
            for number, messages in self._pieces(source, rows, made.tally[:, columns.SENT].tolist()):
                parts[number].append(messages)
        counts = zip(source.objects, rows.tolist(), made.tally.tolist(), strict=True)
        for number, of_writers in groupby(counts, key=itemgetter(0)):
            yield number, self._with_counts(joined(parts[number]), of_writers)

    def _pieces(self, source: _Source, rows: NDArray[np.int64], sent: Sequence[int]) -> Iterator[tuple[int, Messages]]:
        """What the loop has made of each object, and in its place what the reference path makes of what the loop left to it."""
        slow = deque(self._made.slow[: self._made.state[columns.SLOW_COUNT]].tolist())
        first = last = 0
        for number, of_writers in groupby(zip(source.objects, sent, strict=True), key=itemgetter(0)):
            last += sum(count for _, count in of_writers)
            while slow and source.objects[source.which[slow[0][columns.RUN]]] == number:
                run, nth, begin, end, why, before = slow.popleft()
                if before > first:
                    yield number, self._cut(first, before)
                first = before
                yield number, self._by_reference(source, rows, run, nth, begin, end, why)
            if last > first:
                yield number, self._cut(first, last)
            first = last

    def _by_reference(self, source: _Source, rows: NDArray[np.int64], run: int, nth: int, begin: int, end: int, why: int) -> Messages:  # noqa: PLR0917 - columns of `slow`
        span, writer, records = source.span(run), int(source.which[run]), source.of(run)
        made = self._reference.decode(
            Records(
                *source.writers[writer],
                data=source.data[begin : end if end >= 0 else int(source.ends[run])],
                count=1 if end >= 0 else span.count - nth,
                arrival=records.arrival,
                origin=Origin(records.origin.log, records.origin.object, span.block, span.record + nth),
            )
        )
        read = isinstance(self._tables.writers[rows[writer]], Events)
        return replace(made, slow={_REASONS[why]: made.received}) if read else made

    def _cut(self, first: int, last: int) -> Messages:
        made = self._made
        begin, end = int(made.ends[first - 1]) if first else 0, int(made.ends[last - 1])
        return Messages(made.bodies[begin:end].tobytes(), made.ends[first:last] - begin, made.ids[first:last].copy(), last - first, {}, ())

    def _with_counts(self, messages: Messages, of_writers: Iterable[tuple[int, int, Sequence[int]]]) -> Messages:
        """Also the events that ended without a message, and the names that the catalogue does not know."""
        ended: Counter[Outcome] = Counter()
        unknown = Counter(messages.unknown)
        for _, row, (count, anonymous, _) in of_writers:
            writer = self._tables.writers[row]
            if not count:
                continue
            if isinstance(writer, Events):
                for field in writer.plan.unknown:
                    unknown[f"{writer.type.name}.{field}"[:MAX_NAME]] += count
                if anonymous:
                    ended[Outcome.ANONYMOUS_USER] += anonymous
            else:
                ended[writer.outcome] += count
                if writer.outcome is Outcome.UNKNOWN_TYPE:
                    unknown[writer.name[:MAX_NAME]] += count
        tally_of_all = ended + Counter(messages.tally)
        return replace(messages, received=messages.received + ended.total(), tally=dict(tally_of_all), unknown=dict(unknown))


def _of_framed(framed: Framed) -> _Source:
    def span(run: int) -> Span:
        return Span(int(framed.offsets[run]), 0, 1, int(framed.ends[run] - framed.begins[run]))

    of_one = (0,) * len(framed.writers)
    return _Source(framed.data, framed.writers, of_one, framed.which, framed.begins, framed.ends, _ONE_EACH, span, lambda _: framed)


def _of_messages(records: Records) -> _Source:
    ends, blocks = records.ends, records.blocks
    assert ends is not None and blocks is not None  # noqa: S101, PT018 - asked before
    begins = np.concatenate([[0], ends[:-1]], dtype=np.int64)
    which, writers = np.zeros(len(ends), np.uint16), ((records.schema, records.hint),)

    def span(run: int) -> Span:
        return Span(int(blocks[run]), 0, 1, int(ends[run] - begins[run]))

    return _Source(records.data, writers, (0,), which, begins, ends, _ONE_EACH, span, lambda _: records)


def _are_blocks(records: Records | Framed) -> bool:
    return isinstance(records, Records) and records.damage is None and records.ends is None


def _of_blocks(several: Sequence[tuple[int, Records]]) -> _Source:
    writers: dict[tuple[int, str, str], int] = {}
    spans: list[Span] = []
    of: list[Records] = []
    which: list[int] = []
    for number, records in several:
        mine = records.spans or (Span(records.origin.block, records.origin.record, records.count, len(records.data)),)
        spans += mine
        of += [records] * len(mine)
        which += [writers.setdefault((number, records.schema, records.hint), len(writers))] * len(mine)
    sizes = np.array([span.size for span in spans], np.int64)
    ends = sizes.cumsum()
    return _Source(
        data=b"".join(records.data for _, records in several),
        writers=tuple((schema, hint) for _, schema, hint in writers),
        objects=tuple(number for number, _, _ in writers),
        which=np.array(which, np.uint16),
        begins=ends - sizes,
        ends=ends,
        counts=np.array([span.count for span in spans], np.int64),
        span=spans.__getitem__,
        of=of.__getitem__,
    )
