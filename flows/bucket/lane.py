"""One unit inside the log: what is to be read, the object being read, and what is ready; it runs ahead of its caller, within bounds.

Not thread-safe by itself: the log holds its lock around everything but `step`, which only the one reader that has the lane calls.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from currents_segment.codecs.chunk import Records
from currents_segment.flows.bucket.layout import Object
from currents_segment.flows.bucket.position import Position
from currents_segment.flows.items import emitted

AHEAD: Final = 4_000  # events ready per unit, or one piece that has more: all of them are taken at once while the gate is open
AHEAD_BYTES: Final = 1 << 20  # or these bytes, and one piece more: sixteen units of ten connectors stay near 300 MB even at the worst


@dataclass(frozen=True, slots=True)
class Read:
    """Records, of one object or of several, and where the unit stands after them."""

    records: tuple[Records, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class Piece:
    """What is ready: it is not divided any more.

    Attributes:
        records: what was read.
        behind: where the unit stands after it.
    """

    records: Records
    behind: Position

    @property
    def events(self) -> int:
        """How many the gate counts for it."""
        return emitted((self.records,))

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return len(self.records.data) + (len(self.records.damage.raw) if self.records.damage else 0)


@dataclass(frozen=True, slots=True)
class Lag:
    """What is listed and not read to its end.

    Attributes:
        objects: how many.
        bytes: their size, the one being read counted whole.
        oldest: when the oldest of those next in line came into the bucket, seconds since the epoch; None when there is none.
        listed_at: when the last listing began, seconds since the epoch; None before the first.
        partial: the listing was cut, or not yet made: there is more than counted.
    """

    objects: int
    bytes: int
    oldest: float | None
    listed_at: float | None
    partial: bool


@dataclass(slots=True)
class Lane:
    """A unit's way through its objects.

    Attributes:
        position: after all that was read, ahead of what the caller has taken.
        taken: after what the caller has taken.
        closed: the first hour that may still get objects, by the last listing.
        todo: objects to read, the next one last.
        size: bytes in `todo`.
        current: the object being read.
        pieces: its records to come; None when it has to be opened (again).
        counted: events read of the current object; None when an earlier run read its beginning.
        whole: events in objects that were read whole, and the bytes of these.
        ready: read, not yet taken.
        events: how many are in `ready`.
        held: bytes in `ready`.
        busy: a reader has it.
        tries: attempts failed since the last progress.
        wait: not before this, seconds of the monotonic clock.
        fault: why the last attempt failed, or "".
    """

    position: Position
    taken: Position
    closed: int = 0
    todo: list[Object] = field(default_factory=list)
    size: int = 0
    current: Object | None = None
    pieces: Iterator[tuple[Records, tuple[int, int] | None]] | None = None
    counted: int | None = None
    whole: tuple[int, int] = (0, 0)
    ready: deque[Piece] = field(default_factory=deque)
    events: int = 0
    held: int = 0
    busy: bool = False
    tries: int = 0
    wait: float = 0.0
    fault: str = ""

    @property
    def room(self) -> bool:
        """More may be read ahead."""
        return self.events < AHEAD and self.held < AHEAD_BYTES

    @property
    def pending(self) -> bool:
        """There is something to read."""
        return bool(self.todo) or self.position.reading is not None or self.current is not None

    @property
    def settled(self) -> Position:
        """What to persist: after what was taken, and, when that is all that was read, with the hours closed since."""
        return self.taken if self.ready else self.position

    def list(self, objects: Sequence[Object], closed: int) -> None:
        """A new listing of this unit replaces the last one; it may be older than what was read since."""
        reading = self.position.reading[0] if self.position.reading else None
        current = self.current.key if self.current else None
        self.todo = [item for item in reversed(objects) if item.key not in (reading, current) and self.position.wants(item)]
        self.size = sum(item.size for item in self.todo)
        self.closed = closed
        self.settle()

    def next(self) -> Object:
        """Begin the next object."""
        self.current = self.todo.pop()
        self.size -= self.current.size
        self.counted = 0
        return self.current

    def push(self, records: Records, item: Object, place: tuple[int, int] | None) -> None:
        """One piece more is ready; the last one of an object has no place behind it."""
        self.tries, self.fault = 0, ""
        if self.counted is not None:
            self.counted += records.count
        if place is None:
            self.finish(item)
        else:
            self.position = self.position.at(item.key, *place)
        self.ready.append(piece := Piece(records, self.position))
        self.events += piece.events
        self.held += piece.size

    def finish(self, item: Object) -> None:
        """The object was read to its end."""
        self.tries, self.fault = 0, ""
        if self.counted is not None:
            self.whole = self.whole[0] + self.counted, self.whole[1] + item.size
        self.current = self.pieces = self.counted = None
        self.position = self.position.finish(item)
        self.settle()

    def settle(self) -> None:
        """Close hours, unless an object is half read whose hour is not known (it was begun by an earlier run)."""
        if self.current is None and self.position.reading is not None:
            return
        hours = [item.hour for item in (self.current, self.todo[-1] if self.todo else None) if item is not None]
        self.position = self.position.settle(self.closed, min(hours, default=None))

    def fail(self, fault: str, now: float, pause: float) -> None:
        """The last attempt failed: what it had open is opened again at the last good place, after a pause."""
        self.pieces = None
        self.fault, self.wait = fault, now + pause

    def restart(self) -> None:
        """The object that is being read was replaced: it is read from its beginning at the next try."""
        if self.position.reading is not None:
            self.position = self.position.at(self.position.reading[0], 0, 0)

    def drop(self) -> None:
        """Put down the object that was begun; it is not finished."""
        self.position = replace(self.position, reading=None)

    def take(self, most: int) -> Read | None:
        """What is ready, up to so many events, but one piece at least."""
        if not self.ready:
            return None
        pieces: list[Piece] = []
        while self.ready and (not pieces or self.ready[0].events <= most):
            pieces.append(piece := self.ready.popleft())
            most -= piece.events
            self.events -= piece.events
            self.held -= piece.size
        self.taken = pieces[-1].behind
        return Read(tuple(piece.records for piece in pieces), self.taken)


@dataclass(frozen=True, slots=True)
class Unread:
    """What came into the bucket before some time and is not read to its end.

    Attributes:
        objects: how many that are listed.
        bytes: their size, the ones being read counted whole.
        events: in them, estimated by those that were read whole since the process started; None before the first.
    """

    objects: int
    bytes: int
    events: int | None


def unread(lanes: Iterable[Lane], before: float) -> Unread:
    """What these lanes have still to read of what came before a time."""
    lanes = tuple(lanes)
    items = [item for lane in lanes for item in (lane.current, *lane.todo) if item is not None and item.modified <= before]
    events, size = sum(lane.whole[0] for lane in lanes), sum(lane.whole[1] for lane in lanes)
    found = sum(item.size for item in items)
    return Unread(len(items), found, round(found * events / size) if size else None if items else 0)


def measure(lanes: Iterable[Lane], listed_at: float | None, *, partial: bool) -> Lag:
    """How far behind these lanes are together."""
    lanes = tuple(lanes)
    current = [lane.current for lane in lanes if lane.current is not None]
    heads = [*current, *(lane.todo[-1] for lane in lanes if lane.todo)]
    return Lag(
        objects=sum(len(lane.todo) for lane in lanes) + len(current),
        bytes=sum(lane.size for lane in lanes) + sum(item.size for item in current),
        oldest=min((item.modified for item in heads), default=None),
        listed_at=listed_at,
        partial=partial,
    )
