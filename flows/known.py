"""The ids that one shard knows: exact, in time slots, in one array. Never a Bloom filter: a false positive is a lost event."""

import mmap
from collections import deque
from dataclasses import dataclass
from math import sqrt
from typing import Final, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from currents_segment.flows import kernels
from currents_segment.flows.items import Learned

SHARDS: Final = 16  # for ever, as the slots: by the top four bits of an id
RING: Final = 100  # time slots in a window, and in the cap: what is known for too long, or forgotten too early, is a hundredth
MOST: Final = 500  # time slots of a shard; with the 64 that an entry may wait to be swept out, fewer than there are stamps


@dataclass(frozen=True, slots=True)
class Window:
    """How long ids are known, and how many.

    Attributes:
        length: seconds for which a second copy is found.
        max_ids: cap over all shards; beyond it the oldest time slots are forgotten early.
    """

    length: float
    max_ids: int

    @property
    def step(self) -> float:
        """Seconds of one time slot; at least one second."""
        return max(1.0, self.length / RING)

    @property
    def cap(self) -> int:
        """Most ids of one shard."""
        return self.max_ids // SHARDS


class TimeSlot(NamedTuple):
    """A stretch of time in which a shard learned ids; it is forgotten as a whole.

    Attributes:
        last: when an id was last sighted in it, seconds since the epoch.
        written: how many ids were learned or renewed in it.
        crc: CRC-32 of those, by which their file is known to be theirs.
    """

    last: float
    written: int
    crc: int


class Past(NamedTuple):
    """What a shard must know of its ids beside the ids themselves: plain values, a few hundred bytes.

    Attributes:
        newest: number of the newest time slot; the others are numbered backwards from it.
        began: when it began.
        cut: until when ids were forgotten because of the cap; 0 if they never were.
        slots: (last, written, crc) of each live time slot, the oldest first.
    """

    newest: int = 0
    began: float = 0.0
    cut: float = 0.0
    slots: tuple[tuple[float, int, int], ...] = ()


class Known:
    """One shard's ids in an open-addressing table of 8 bytes an entry, 10 to 12 bytes an id, with the time slot of their last sighting.

    An id is known for a window from its last sighting, and forgotten at most a hundredth of it later. The table has 64 parts that grow each for
    itself, in address space that is reserved for the cap and takes memory only where an entry was written. So no insert waits for more than
    one part of one shard. Forgetting a time slot touches no entry: it is swept out when its part is rebuilt, of which each new time slot
    does one.

    Args:
        window: how long and how many.
        past: of an earlier run, whose ids come by `restore`.
    """

    def __init__(self, window: Window, past: Past | None = None) -> None:
        past = past or Past()
        self.window = window
        self.count = 0
        self._slots = deque(TimeSlot(*slot) for slot in past.slots)
        self._newest, self._began, self._cut = past.newest, past.began, past.cut
        self._now = self._slots[-1].last if self._slots else 0.0
        mean = window.cap / kernels.PARTS
        most = int((mean + 6 * sqrt(mean) + 64) / kernels.FULL)  # by chance a part has more than the mean; six deviations never come
        space = mmap.mmap(-1, kernels.PARTS * most * 8, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._table = np.frombuffer(space, np.uint64).reshape(kernels.PARTS, most)
        self._sizes = np.full(kernels.PARTS, kernels.LEAST, np.int64)
        self._taken = np.zeros(kernels.PARTS, np.int64)
        self._live = np.zeros(kernels.STAMPS + 1, np.int64)

    @property
    def past(self) -> Past:
        """What the next run must know."""
        return Past(self._newest, self._began, self._cut, tuple((slot.last, slot.written, slot.crc) for slot in self._slots))

    @property
    def oldest(self) -> int:
        """Number of the oldest live time slot."""
        return self._newest - len(self._slots) + 1

    @property
    def reach(self) -> float:
        """Seconds back for which a duplicate is surely found: the window, unless the cap cut it."""
        return min(self.window.length, self._now - self._cut)

    def at(self, now: float) -> None:
        """It is now so late: forget what is older than the window. A clock that is set back stands still."""
        self._now = max(self._now, now)
        while self._slots and self._slots[0].last < self._now - self.window.length:
            self._forget()

    def add(self, ids: NDArray[np.uint64], now: float) -> tuple[NDArray[np.bool_], list[Learned]]:
        """Learn ids of this shard; returns which of them were new, the first of equal ones being the new one, and what must be kept."""
        self.at(now)
        fresh, learned = np.empty(len(ids), np.bool_), np.empty(len(ids), np.bool_)
        kept: list[Learned] = []
        done = 0
        while True:
            _, written, crc = self._open()
            start = done
            done = self._insert(ids, start, self._newest, fresh, learned)
            new = ids[start:done][learned[start:done]]
            keep = new.tobytes()
            self._slots[-1] = TimeSlot(self._now, written + len(new), crc32(keep, crc))
            if keep:
                kept.append(Learned(self._newest, written, keep))
            if done == len(ids):
                break
            self._cut_oldest()  # a part is full: the ids are no hashes, or nearly as many as the cap
        while (self.count > self.window.cap or len(self._slots) > MOST) and len(self._slots) > 1:
            self._cut_oldest()
        return fresh, kept

    def restore(self, ids: NDArray[np.uint64], slot: int) -> bool:
        """Learn what an earlier run learned in a time slot, in any order of slots; what stands behind was never committed.

        False where they are not the ids that it learned.
        """
        if slot < self.oldest:
            return True  # forgotten by now
        _, written, crc = self._slots[slot - self.oldest]
        ids = ids[:written]
        if len(ids) < written or crc32(ids.data) != crc:
            return False
        fresh, learned = np.empty(len(ids), np.bool_), np.empty(len(ids), np.bool_)
        done = 0
        while done < len(ids) and slot >= self.oldest:
            done = self._insert(ids, done, slot, fresh, learned)
            if done < len(ids):
                self._cut_oldest()  # the cap was lowered
        return True

    def lost(self, slot: int) -> int:
        """What was learned in a live time slot cannot be had back; returns how many ids that are."""
        last, written, _ = self._slots[slot - self.oldest]
        self._slots[slot - self.oldest] = TimeSlot(last, 0, 0)
        self._cut = max(self._cut, last)
        return written

    def _insert(self, ids: NDArray[np.uint64], start: int, slot: int, fresh: NDArray[np.bool_], learned: NDArray[np.bool_]) -> int:
        span = len(self._slots) - 1
        kernels.fetch(self._table, self._sizes, ids, start, fresh)
        done = kernels.insert(self._table, self._sizes, self._taken, self._live, ids, start, slot, self._newest, span, fresh, learned)
        self.count += int(np.count_nonzero(fresh[start:done]))
        return done

    def _open(self) -> TimeSlot:
        """Begin a time slot where the newest is old or full; returns what it is so far."""
        if not self._slots or self._now - self._began >= self.window.step or self._slots[-1].written >= max(1, self.window.cap // RING):
            self._newest, self._began = self._newest + 1, self._now
            self._slots.append(TimeSlot(self._now, 0, 0))
            kernels.rebuild(self._table, self._sizes, self._taken, self._newest % kernels.PARTS, self._newest, len(self._slots) - 1)
            while not self._live[self._stamp()] and len(self._slots) > 1:
                self._forget()  # all its ids were sighted again since
        return self._slots[-1]

    def _stamp(self) -> int:
        """Of the oldest time slot."""
        return self.oldest % kernels.STAMPS + 1

    def _forget(self) -> None:
        stamp = self._stamp()
        self.count -= int(self._live[stamp])
        self._live[stamp] = 0
        self._slots.popleft()

    def _cut_oldest(self) -> None:
        self._cut = self._slots[0].last
        self._forget()
