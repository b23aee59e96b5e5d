"""A lane: what one connector holds un-acked in a process, oldest first. Plain data, moved about under the sender's lock."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from currents_segment.sinks.segment.backoff import due
from currents_segment.sinks.segment.batch import Piece, halve, take


class Full(NamedTuple):
    """When a batch is closed.

    Attributes:
        bytes: of its messages and what is around them.
        events: that it holds.
        age: seconds since the oldest came into the lane.
    """

    bytes: int
    events: int
    age: float


@dataclass(slots=True, eq=False)
class Batch:
    """What one request carries; it stays together until it is delivered, split or dissolved by a restart.

    Attributes:
        pieces: the messages.
        tries: failed tries, in this process.
        at: not sent before, seconds since the epoch.
        with_retry_count: whether `X-Retry-Count` may be sent.
        begun: when its first attempt started, seconds since the epoch by the wall clock.
        events: messages.
        size: bytes of the messages.
    """

    pieces: list[Piece]
    tries: int = 0
    at: float = 0.0
    with_retry_count: bool = True
    begun: float | None = None
    events: int = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.keep(self.pieces)

    def keep(self, pieces: list[Piece]) -> None:
        """These are what it carries from now on."""
        self.pieces = pieces
        self.events = sum(piece.count for piece in pieces)
        self.size = sum(piece.size for piece in pieces)

    def failed(self, now: float) -> None:
        """Its messages failed although their connector works: their own clock runs from the first time that this happened."""
        self.pieces = [piece if piece.failed_since is not None else replace(piece, failed_since=now) for piece in self.pieces]

    def halves(self) -> "tuple[Batch, Batch]":
        """Two batches to be sent at once, for the endpoint to tell which of them it refuses."""
        first, second = halve(self.pieces)
        return Batch(first), Batch(second)


@dataclass(slots=True, eq=False)
class Lane:
    """Messages of one connector, of all slots of the process; a batch may hold some of several.

    Attributes:
        waiting: pieces not yet in a batch.
        retries: batches to be sent again, or halves of one, oldest first.
        flight: batches that a request carries now, oldest first.
        events: messages in `waiting`.
        size: bytes in `waiting`.
        since: when the oldest of `waiting` came here, in seconds of the monotonic clock.
    """

    waiting: deque[Piece] = field(default_factory=deque)
    retries: list[Batch] = field(default_factory=list)
    flight: list[Batch] = field(default_factory=list)
    events: int = 0
    size: int = 0
    since: float = 0.0

    def add(self, pieces: Iterable[Piece], monotonic: float) -> None:
        """Take in released pieces, behind what is there."""
        if not self.waiting:
            self.since = monotonic
        for piece in pieces:
            self.waiting.append(piece)
            self.events += piece.count
            self.size += piece.size

    def ready(self, now: float, monotonic: float, full: Full) -> bool:
        """Whether `next` has a batch."""
        if self.waiting and (self.size >= full.bytes or self.events >= full.events or monotonic - self.since >= full.age):
            return True
        return any(due(retry.at, now) for retry in self.retries)

    def next(self, now: float, monotonic: float, full: Full) -> Batch | None:
        """The next batch to send, moved to `flight`: a retry that is due, else a new one that is full or old enough.

        A retry that is not due does not stand in the way of the rest: while others succeed, it alone is what fails.
        """
        batch = next((retry for retry in self.retries if due(retry.at, now)), None)
        if batch is not None:
            self.retries.remove(batch)
        elif self.waiting and (self.size >= full.bytes or self.events >= full.events or monotonic - self.since >= full.age):
            batch = Batch(take(self.waiting, full.bytes, full.events))
            self.events -= batch.events
            self.size -= batch.size
            self.since = monotonic
        else:
            return None
        self.flight.append(batch)
        return batch

    def landed(self, batch: Batch) -> None:
        """The request ended, one way or another."""
        self.flight.remove(batch)

    def back(self, *batches: Batch) -> None:
        """To the head of the lane, in order."""
        self.retries[:0] = batches

    def hurry(self) -> None:
        """Whatever held the retries back is over: send them now."""
        for batch in self.retries:
            batch.at = 0.0

    def expire(self, expired: Callable[[Piece], bool]) -> list[Piece]:
        """Take out the pieces that have expired; what a request carries now is left alone."""
        gone: list[Piece] = []

        def stays(piece: Piece) -> bool:
            if over := expired(piece):
                gone.append(piece)
            return not over

        for batch in self.retries:
            batch.keep([piece for piece in batch.pieces if stays(piece)])
        self.retries = [batch for batch in self.retries if batch.pieces]
        from_waiting = len(gone)
        waiting = deque(piece for piece in self.waiting if stays(piece))
        if len(gone) > from_waiting:
            self.waiting = waiting
            self.events -= sum(piece.count for piece in gone[from_waiting:])
            self.size -= sum(piece.size for piece in gone[from_waiting:])
        return gone

    def unacked(self) -> Iterator[Piece]:
        """Everything that is here, oldest first."""
        for batch in (*self.flight, *self.retries):
            yield from batch.pieces
        yield from self.waiting
