"""One partition inside a log: what came of it and was not yet taken, and where it stands. Values only, no client."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from currents_segment.flows.kafka.run import Run, joined
from currents_segment.flows.slots import Unit

AHEAD: Final = 2_000  # messages that lie ready before the partition is paused: one chunk to take, one to follow


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
        ready: messages not yet taken, as they came.
        count: how many they are.
        size: bytes of their values.
        end: an end of the partition that the client met, behind all in `ready`.
        assigned: the client reads it.
        paused: the client holds it.
        oldest: when the first of those in `ready` came, s since the epoch; None when none is there.
        behind: since when there is something that has not come, s of the monotonic clock; None when all has, or when we hold it.
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
    ready: deque[Run] = field(default_factory=deque)
    count: int = 0
    size: int = 0
    end: int = 0
    assigned: bool = False
    paused: bool = False
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
            self.ready.append(run)
            self.count += run.count
            self.size += len(run.data)
            self.received = int(before[-1]) + 1
            self.behind, self.fault = None, ""

    def ended(self, offset: int) -> None:
        """The client met the end: behind it stand no messages, in front of it perhaps control records and gaps."""
        self.end = self.received = max(self.received, offset)
        self.behind, self.fault = None, ""
        self.settle()

    def head(self, count: int, size: int) -> Run:
        """The first messages: so many and of so many bytes at the most, but one at the least."""
        parts: list[Run] = []
        for run in self.ready:
            fits = min(count, int(np.searchsorted(run.ends, size, "right")))
            parts.append(run.cut(0, max(fits, 0 if parts else 1)))
            count, size = count - run.count, size - len(run.data)
            if fits < run.count or not count:
                break
        return joined(parts)

    def take(self, count: int) -> None:
        """So many messages were taken."""
        while count:
            run = self.ready.popleft()
            part = min(count, run.count)
            if part < run.count:
                self.ready.appendleft(run.cut(part, run.count))
            count, self.count = count - part, self.count - part
            self.size -= int(run.ends[part - 1])
            self.next = int(run.offsets[part - 1]) + 1
        self.settle()

    def settle(self) -> None:
        """Nothing lies ready: the position goes behind what holds no message."""
        if not self.ready:
            self.next = max(self.next, self.end)

    def skip(self, identity: str, offset: int, count: int) -> None:
        """Go on elsewhere; so many messages are lost."""
        self.id, self.next, self.received, self.end = identity, offset, offset, offset
        self.lost += count
        self.gone, self.reset, self.fault = 0, None, ""

    def full(self, size: int) -> bool:
        """Enough lies ready."""
        return self.count >= AHEAD or self.size >= size

    def low(self, size: int) -> bool:
        """Little lies ready."""
        return 2 * self.count <= AHEAD and 2 * self.size <= size

    @property
    def lag(self) -> int:
        """Messages not yet taken, as of the last look."""
        return max(0, self.latest - self.next)

    @property
    def over(self) -> bool:
        """A bounded run has read all of it."""
        return self.target is not None and not self.ready and self.next >= self.target

    def pack(self) -> list[Any]:
        """Plain values for a snapshot: the topic's identity, the offset, what was lost."""
        return [self.id, self.next, self.lost]
