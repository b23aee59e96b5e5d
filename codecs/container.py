"""Records out of an Avro object container file: blocks joined to chunks of a useful size, with the place to go on from behind each."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final

from currents_segment.codecs.blocks import Block, Broken, Container
from currents_segment.codecs.chunk import Damage, Origin, Records, Span
from currents_segment.codecs.datums import DatumError, Datums
from currents_segment.codecs.shape import SchemaError, Shape, parse
from currents_segment.codecs.stream import Stream

MAX_JOINED: Final = 1 << 20  # bytes, twice what a thousand events take: a chunk is what a closing gate may hold beyond its bound

Next = tuple[int, int]
"""The place behind some records: (block, record within it)."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Datums of one block.

    Attributes:
        span: where they stand.
        data: their bytes.
        behind: the place behind them.
    """

    span: Span
    data: bytes
    behind: Next


def records(
    stream: Stream, *, log: str, key: str, hint: str, arrival: float, at: Next = (0, 0), limit: int = 1000
) -> Iterator[tuple[Records, Next]]:
    """The file's records from the place `at` on, about `limit` at a time, each with the place behind them.

    Whole blocks are joined as long as they fit; a block with more than `limit` datums is cut. Damage comes alone. What the stream raises passes
    through, after the records that were read before it.

    Args:
        stream: the file from its first byte on.
        log: the source's URL or topic, for `Origin`.
        key: the object's key, for `Origin`.
        hint: the event type that the place names, or ``""``.
        arrival: when the object came into the log, seconds since the epoch.
        at: where an earlier reading ended.
        limit: how many datums flow together.
    """
    container = Container(stream)
    joiner = _Joiner(container, Origin(log, key), hint, arrival, limit)
    blocks = container.blocks(first=at[0])
    try:
        for block in blocks:
            if isinstance(block, Broken):
                yield from joiner.flush()
                yield joiner.damage(block), (block.index + 1, 0)
                continue
            for piece in joiner.pieces(block, at[1] if block.index == at[0] else 0):
                if not joiner.fits(piece):
                    yield from joiner.flush()
                joiner.add(piece)
    except Exception:  # whatever the stream raises: what was read before is good
        yield from joiner.flush()
        raise
    yield from joiner.flush()


class _Joiner:
    """Gathers pieces until they are a chunk."""

    def __init__(self, container: Container, origin: Origin, hint: str, arrival: float, limit: int) -> None:
        self._container = container
        self._origin = origin
        self._hint = hint
        self._arrival = arrival
        self._limit = limit
        self._shape: Shape | None = None
        self._held: list[_Piece] = []
        self._count = self._size = 0  # of what is held

    def pieces(self, block: Block, first: int) -> Iterator[_Piece]:
        """The block from record `first` on, in pieces of `limit` records or `MAX_JOINED` bytes at the most, or of one record."""
        if not first and 0 < block.count <= self._limit and len(block.data) <= MAX_JOINED:
            yield _Piece(Span(block.index, 0, block.count, len(block.data)), block.data, (block.index + 1, 0))
            return
        for (record, begin), (end, stop) in pairwise(chain(self._cuts(block, first), [(block.count, len(block.data))])):
            if end > record:
                last = end == block.count
                span = Span(block.index, record, end - record, stop - begin)
                yield _Piece(span, block.data[begin:stop], (block.index + 1, 0) if last else (block.index, end))

    def _cuts(self, block: Block, first: int) -> Iterator[tuple[int, int]]:
        """Where pieces begin: (record, byte). A block whose datums cannot be told apart stays whole from there on: the decoder says what is lost."""
        shape = self._known_shape()
        if shape is None:
            yield 0, 0
            return
        datums = Datums(block.data, shape)
        begin: tuple[int, int] | None = None
        for record in range(block.count):
            at = record, datums.position
            try:
                datums.skip()
            except DatumError:
                if begin is None:
                    yield at
                break
            if record >= first and (begin is None or record - begin[0] == self._limit or datums.position - begin[1] > MAX_JOINED):
                begin = at
                yield at

    def fits(self, piece: _Piece) -> bool:
        """Whether the piece can go with what is held."""
        return not self._held or (self._count + piece.span.count <= self._limit and self._size + piece.span.size <= MAX_JOINED)

    def add(self, piece: _Piece) -> None:
        """Hold it."""
        self._held.append(piece)
        self._count += piece.span.count
        self._size += piece.span.size

    def flush(self) -> Iterator[tuple[Records, Next]]:
        """What is held, as one `Records`; nothing when nothing is held."""
        header = self._container.header
        if not self._held or header is None:
            return
        held, count = self._held, self._count
        self._held, self._count, self._size = [], 0, 0
        spans = tuple(piece.span for piece in held)
        records = Records(
            schema=header.schema,
            hint=self._hint,
            data=b"".join(piece.data for piece in held),
            count=count,
            arrival=self._arrival,
            origin=self._at(spans[0].block, spans[0].record),
            spans=spans,
        )
        yield records, held[-1].behind

    def damage(self, broken: Broken) -> Records:
        """A stretch of damage as `Records`."""
        header, origin = self._container.header, self._at(broken.index, 0)
        damage = Damage(broken.outcome, broken.detail, broken.count, broken.raw, broken.size, origin)
        return Records(header.schema if header else "", self._hint, b"", 0, self._arrival, origin, damage)

    def _at(self, block: int, record: int) -> Origin:
        return Origin(self._origin.log, self._origin.object, block, record)

    def _known_shape(self) -> Shape | None:
        header = self._container.header
        if self._shape is None and header is not None:
            try:
                self._shape = parse(header.schema)
            except SchemaError:
                return None  # the decoder says why
        return self._shape
