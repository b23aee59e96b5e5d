"""One partition inside a log: what came of it and was not yet taken, and where it stands. Values only, no client."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from currents_segment.flows.kafka.run import NOTHING, Run, joined
from currents_segment.flows.slots import Unit


@dataclass(slots=True)
class Lane:
    """A unit's way through its partition.

    Attributes:
        unit: whose.
        topic: its name.
        number: of the partition.
        id: the topic's identity, which `next` belongs to.
        next: the offset behind what was taken.
        received: the offset behind what the client gave.
        lost: messages that were skipped since they were gone before they were read.
        gone: such messages that are not skipped yet: the connector stands, or the topic is gone.
        earliest: the first offset that the partition still had, as of the last look.
        latest: behind its last message, likewise.
        target: of a bounded run: where it ends.
        ready: messages not yet taken.
        end: an end of the partition that the client met, behind all in `ready`.
        assigned: the client reads it.
        waiting: something has come of it, and is not in `ready`.
        oldest: when the first of those in `ready` came, s since the epoch; None when none is there.
        behind: since when there is something that has not come, s of the monotonic clock; None when all has, or lies ready.
        reset: the client was told that there is no such offset, at this time of the monotonic clock.
        held: since when a schema that is not known holds it, s of the monotonic clock.
        again: not before this is the schema asked for again, likewise.
        fault: why it does not move, or "".
    """

    unit: Unit
    topic: str
    number: int
    id: str
    next: int
    received: int
    lost: int = 0
    gone: int = 0
    earliest: int = 0
    latest: int = 0
    target: int | None = None
    ready: Run = NOTHING
    end: int = 0
    assigned: bool = False
    waiting: bool = False
    oldest: float | None = None
    behind: float | None = None
    reset: float | None = None
    held: float | None = None
    again: float = 0.0
    fault: str = ""

    def add(self, run: Run) -> None:
        """Messages came; those that came already, as after a pause, are not taken again."""
        before = np.maximum.accumulate(np.concatenate([[self.received - 1], run.offsets]))
        new = run.offsets > before[:-1]
        if not new.all():
            run = run.keep(new)
        if run.count:
            self.ready = joined([self.ready, run]) if self.ready.count else run
            self.received = int(before[-1]) + 1
            self.behind, self.fault = None, ""

    def ended(self, offset: int) -> None:
        """The client met the end: behind it stand no messages, in front of it perhaps control records and gaps."""
        self.end = self.received = max(self.received, offset)
        self.behind, self.fault = None, ""
        self.settle()

    def head(self, count: int, size: int) -> Run:
        """The first messages: so many and of so many bytes at the most, but one at the least."""
        fits = int(np.searchsorted(self.ready.ends, size, "right"))
        return self.ready.cut(0, max(1, min(count, fits, self.ready.count)))

    def take(self, count: int) -> None:
        """So many messages were taken."""
        self.next = int(self.ready.offsets[count - 1]) + 1
        self.ready = self.ready.cut(count, self.ready.count) if count < self.ready.count else NOTHING
        self.settle()

    def settle(self) -> None:
        """Nothing lies ready: the position goes behind what holds no message."""
        if not self.ready.count:
            self.next = max(self.next, self.end)

    def skip(self, identity: str, offset: int, count: int) -> None:
        """Go on elsewhere; so many messages are lost."""
        self.id, self.next, self.received, self.end = identity, offset, offset, offset
        self.lost += count
        self.gone, self.reset, self.fault = 0, None, ""

    @property
    def lag(self) -> int:
        """Messages not yet taken, as of the last look."""
        return max(0, self.latest - self.next)

    @property
    def over(self) -> bool:
        """A bounded run has read all of it."""
        return self.target is not None and not self.ready.count and self.next >= self.target

    def pack(self) -> list[Any]:
        """Plain values for a snapshot: the topic's identity, the offset, what was lost."""
        return [self.id, self.next, self.lost]
