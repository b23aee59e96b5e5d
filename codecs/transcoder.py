"""Records in, messages out, for one connector: the fast path, by a compiled loop.

What the loop is not sure of goes to the reference path, event by event, and is counted by reason.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
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
        which, begins, ends, counts: see `columns.Runs`.
        span: of the run of that number.
        of: the records that the run of that number is of.
    """

    data: bytes
    writers: tuple[tuple[str, str], ...]
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
            slow=np.empty((MOST_SLOW, 7), np.int64),
            tally=np.empty((0, 2), np.int64),
            state=np.empty(6, np.int64),
            seen=np.zeros((columns.SECTIONS, columns.SEEN), np.int64),
            drafts=np.empty(0, np.uint8),
            drafted=np.empty(columns.DRAFTED, np.int64),
        )

    def decode(self, records: Records | Framed) -> Messages:
        """What `Decoder.decode` makes of them, byte for byte, and how many of them took the slow path."""
        if isinstance(records, Framed):
            return self._transcode(_of_framed(records))
        if records.damage is not None:
            return self._reference.decode(records)
        return self._transcode(_of_messages(records) if records.ends is not None else _of_blocks((records,)))

    def together(self, several: Sequence[Records | Framed]) -> Messages:
        """What `decode` makes of each, joined: blocks that stand side by side cost one call of the loop."""
        parts: list[Messages] = []
        for are_blocks, group in groupby(several, key=_are_blocks):
            these = tuple(group)
            parts += [self._transcode(_of_blocks(these))] if are_blocks else map(self.decode, these)  # type: ignore[arg-type]
        return joined(parts)

    def _transcode(self, source: _Source) -> Messages:
        rows = self._tables.rows_of(source.writers)
        room = (
            self._tables.constant + (1 + 6) * MAX_MESSAGE + SPARE
        )  # of a draft that a text may still be added to; of its bytes \0 becomes six: \u0000
        if len(self._made.drafts) < columns.SECTIONS * room:
            bodies = np.empty(max(MOST_BYTES, (columns.SECTIONS + 1) * room), np.uint8)  # one message always finds its room
            self._made = self._made._replace(bodies=bodies, drafts=np.empty(columns.SECTIONS * room, np.uint8))
        made = self._made._replace(tally=np.zeros((len(rows), 2), np.int64))
        made.state[:] = 0
        runs = Runs(np.frombuffer(source.data, np.uint8), source.which, source.begins, source.ends, source.counts, rows)
        parts: list[Messages] = []
        whole = False
        while not whole:
            whole = transcode(runs, self._tables.rows, made, anonymous_users=self._anonymous_users, largest=MAX_MESSAGE)
            parts += self._pieces(source, rows)
        return self._with_counts(joined(parts), rows, made.tally)

    def _pieces(self, source: _Source, rows: NDArray[np.int64]) -> Iterator[Messages]:
        """What the loop has made, and in its place what the reference path makes of what the loop left to it."""
        _, _, _, written, sent, handed = self._made.state.tolist()
        to = number = 0
        for run, nth, begin, end, why, before, sent_before in self._made.slow[:handed].tolist():
            if sent_before > number:
                yield self._cut(to, before, number, sent_before)
            to, number = before, sent_before
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
            yield replace(made, slow={_REASONS[why]: made.received}) if read else made
        yield self._cut(to, written, number, sent)

    def _cut(self, begin: int, end: int, first: int, last: int) -> Messages:
        made = self._made
        ends = made.ends[first:last] - begin
        return Messages(made.bodies[begin:end].tobytes(), ends, made.ids[first:last].copy(), last - first, {}, ())

    def _with_counts(self, messages: Messages, rows: NDArray[np.int64], tally: NDArray[np.int64]) -> Messages:
        """Also the events that ended without a message, and the names that the catalogue does not know."""
        ended: Counter[Outcome] = Counter()
        unknown = Counter(messages.unknown)
        for row, (count, anonymous) in zip(rows.tolist(), tally.tolist(), strict=True):
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

    return _Source(framed.data, framed.writers, framed.which, framed.begins, framed.ends, _ONE_EACH, span, lambda _: framed)


def _of_messages(records: Records) -> _Source:
    ends, blocks = records.ends, records.blocks
    assert ends is not None and blocks is not None  # noqa: S101, PT018 - asked before
    begins = np.concatenate([[0], ends[:-1]], dtype=np.int64)
    which, writers = np.zeros(len(ends), np.uint16), ((records.schema, records.hint),)

    def span(run: int) -> Span:
        return Span(int(blocks[run]), 0, 1, int(ends[run] - begins[run]))

    return _Source(records.data, writers, which, begins, ends, _ONE_EACH, span, lambda _: records)


def _are_blocks(records: Records | Framed) -> bool:
    return isinstance(records, Records) and records.damage is None and records.ends is None


def _of_blocks(several: Sequence[Records]) -> _Source:
    writers: dict[tuple[str, str], int] = {}
    spans: list[Span] = []
    of: list[Records] = []
    which: list[int] = []
    for records in several:
        mine = records.spans or (Span(records.origin.block, records.origin.record, records.count, len(records.data)),)
        spans += mine
        of += [records] * len(mine)
        which += [writers.setdefault((records.schema, records.hint), len(writers))] * len(mine)
    sizes = np.array([span.size for span in spans], np.int64)
    ends = sizes.cumsum()
    counts = np.array([span.count for span in spans], np.int64)
    data = b"".join(records.data for records in several)
    return _Source(data, tuple(writers), np.array(which, np.uint16), ends - sizes, ends, counts, spans.__getitem__, of.__getitem__)
