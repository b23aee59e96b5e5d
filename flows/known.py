"""The ids that one shard knows: exact, in time slots, in arrays. Never a Bloom filter: a false positive is a lost event."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from currents_segment.flows import kernels

SHARDS: Final = 16  # for ever, as the slots: by the top four bits of an id
RING: Final = 1_000  # time slots in a window: 16 shards x 1,003 rows stay under the 20,000 that a recovery store resumes quickly
FULL: Final = 0.7  # of the table; beyond, linear probing grows long
SPARE: Final = 1.25  # room for a quarter more ids before the next rebuild
FIRST: Final = 1 << 10  # entries of an empty table


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
    def span(self) -> int:
        """Time slots that are known beside the current one."""
        return int(np.ceil(self.length / self.step))

    @property
    def rows(self) -> int:
        """Positions of the ring: one is being written, one is being forgotten."""
        return self.span + 3

    def slot(self, now: float) -> int:
        """The time slot of a moment."""
        return int(now // self.step)


@dataclass(slots=True)
class Known:
    """One shard's ids in an open-addressing table of 10 bytes an entry: the id and the low 16 bits of its time slot.

    An id is known for a window from its last sighting. An entry whose time slot is forgotten is as good as absent, and is swept out
    when the table is rebuilt.

    Attributes:
        window: how long and how many.
        slots: the live time slots.
    """

    window: Window
    slots: set[int] = field(default_factory=set)
    _table: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(FIRST, np.uint64))
    _stamps: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(FIRST, np.uint16))
    _taken: int = 0
    _forgotten: int = 0  # entries taken whose time slot is no longer live
    _now: int = 0
    _swept: int = 0
    _cut: int = -1  # time slots up to this one were forgotten because of the cap

    @property
    def count(self) -> int:
        """How many ids are known."""
        return self._taken - self._forgotten

    @property
    def reach(self) -> float:
        """Seconds back for which a duplicate is surely found: the window, unless the cap cut it."""
        return min(self.window.length, (self._span() + 1) * self.window.step)

    def add(self, ids: NDArray[np.uint64], slot: int) -> NDArray[np.bool_]:
        """Learn ids at a time slot; returns which of them were new, the first of equal ones being the new one.

        A slot before the newest one is kept as it is (another worker's clock is behind), as long as the window reaches it.
        """
        self._advance(slot)
        fresh = self._insert(ids, max(slot, self._now - self._span()))
        cap = self.window.max_ids // SHARDS
        while self.count > cap and len(self.slots) > 1:
            oldest = min(self.slots)
            self._forget(oldest)
            self._cut = max(self._cut, oldest)
        return fresh

    def restore(self, ids: NDArray[np.uint64], slot: int) -> None:
        """Learn ids that an earlier run knew; time slots come in any order."""
        self._now = max(self._now, slot)
        self._insert(ids, slot)

    def _span(self) -> int:
        return self.window.span if self._cut < 0 else min(self.window.span, self._now - self._cut - 1)

    def _advance(self, slot: int) -> None:
        if slot <= self._now:
            return
        self._now = slot
        for old in [one for one in self.slots if one < slot - self.window.span]:
            self._forget(old)
        if self._now - self._swept > 0xFFFF - 2 * self.window.span:  # before a stamp's 16 bits come round again
            self._rebuild(len(self._table))

    def _forget(self, slot: int) -> None:
        self.slots.discard(slot)
        self._forgotten += int(np.count_nonzero((self._stamps == slot & 0xFFFF) & (self._table != 0)))

    def _insert(self, ids: NDArray[np.uint64], slot: int) -> NDArray[np.bool_]:
        if self._taken + len(ids) > FULL * len(self._table):
            size = FIRST
            while size * FULL < SPARE * (self.count + len(ids)):
                size *= 2
            self._rebuild(size)
        fresh = np.empty(len(ids), np.bool_)
        taken, revived = kernels.insert(self._table, self._stamps, ids, slot, self._now, self._span(), fresh)
        self._taken += taken
        self._forgotten -= revived
        self.slots.add(slot)
        return fresh

    def _rebuild(self, size: int) -> None:
        table, stamps = np.zeros(size, np.uint64), np.zeros(size, np.uint16)
        self._taken = kernels.rehash(self._table, self._stamps, self._now, self._span(), table, stamps)
        self._table, self._stamps, self._swept, self._forgotten = table, stamps, self._now, 0
