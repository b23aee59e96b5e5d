"""Exact deduplication, sharded by hash: the exchange between workers, since copies can come on different partitions.

What a shard learns goes to its files (`known_files`) in the same epoch; its state says how much of them counts, and their checksums. After a
start the files give everything back as items, and the shard holds its answers until it has it. Ids that are not those that the state counts are
never taken for known: that would lose events. Without them copies are sent again, under the same messageIds.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

import numpy as np
import structlog
from bytewax.operators import StatefulBatchLogic

from currents_segment.flows import kernels
from currents_segment.flows.errors import unknown_version
from currents_segment.flows.items import AtShard, Chunk, Complete, Decoded, Forgotten, FromShard, Ids, Learned, Load, Row, Tick, Verdict
from currents_segment.flows.known import SHARDS, Known, Past, Window
from currents_segment.flows.loud import loud
from currents_segment.flows.slots import NAMES

VERSION: Final = 2  # of a shard's state and its files; 1 kept the ids in rows of the recovery store

Keyed = tuple[str, AtShard]
ToFiles = tuple[str, Learned | Forgotten]


def past(state: Any) -> Past:
    """What a shard's committed state says.

    Raises:
        UserError: another version wrote it.
    """
    version = state["version"] if isinstance(state, dict) else 1
    if version != VERSION:
        raise unknown_version("known ids", version, VERSION)
    return Past(*state["past"])


def gathered(number: int, chunks: tuple[Chunk, ...]) -> Load:
    """Chunks as a load, their ids sorted by shard."""
    ids = np.concatenate([chunk.messages.ids for chunk in chunks])
    order, ordered, starts = np.empty(len(ids), np.uint32), np.empty(len(ids), np.uint64), np.empty(SHARDS + 1, np.int64)
    kernels.by_shard(ids, order, ordered, starts)
    slot, bounds = chunks[0].slot, pairwise(starts.tolist())
    parts = tuple(Ids(slot, number, shard, ordered[begin:end].tobytes()) for shard, (begin, end) in enumerate(bounds) if end > begin)
    return Load(slot, number, chunks, order, starts, parts)


def by_shard(items: Iterable[Decoded]) -> Iterator[Keyed]:
    """The ids of a load go to their shards; a slot's tick goes to the shard of the same number."""
    for item in items:
        if isinstance(item, Tick):
            yield NAMES[item.slot], item
        else:
            for part in item.parts:
                yield NAMES[part.shard], part


def to_files(items: Iterable[tuple[str, FromShard]]) -> Iterator[tuple[str, ToFiles]]:
    """What a shard learned or forgot, with its name, to the one who has the files."""
    for shard, item in items:
        if not isinstance(item, Verdict):
            yield shard, (shard, item)


class ShardLogic(StatefulBatchLogic[AtShard, FromShard, dict[str, Any]]):
    """Says of each id whether it is new. Holds its answers until all ids that its state counts are back."""

    def __init__(self, state: Any, *, window: Window, clock: Callable[[], float], watch: Callable[[Known], Any]) -> None:
        self._clock = clock
        self._known = Known(window, past(state) if state else None)
        self._known.at(clock())  # what is too old by now need not come back
        self._oldest = self._known.oldest
        self._missing = {self._oldest + i for i, slot in enumerate(self._known.past.slots) if slot[1]}
        self._held: list[Ids] = []
        watch(self._known)

    @loud
    def on_batch(self, values: list[AtShard]) -> tuple[list[FromShard], bool]:
        """Learn, and answer every part exactly once."""
        answers: list[FromShard] = []
        for item in values:
            if isinstance(item, Ids):
                self._held.append(item)
            elif isinstance(item, Row):
                answers += self._back(item)
            elif isinstance(item, Complete) and self._missing:
                self._lost()
        if not self._missing:
            now = self._clock()
            self._known.at(now)
            for part in self._held:
                answers += self._answer(part, now)
            self._held.clear()
            answers += [Forgotten(number) for number in range(self._oldest, self._known.oldest)]
            self._oldest = self._known.oldest
        return answers, False

    def _back(self, row: Row) -> list[FromShard]:
        if row.time_slot not in self._missing:
            return [Forgotten(row.time_slot)] if row.time_slot < self._oldest else []
        if self._known.restore(row.ids, row.time_slot):
            self._missing.discard(row.time_slot)
            self._missing -= set(range(self._oldest, self._known.oldest))  # the cap was lowered
        return []

    def _lost(self) -> None:
        lost = sum(self._known.lost(time_slot) for time_slot in self._missing)
        self._missing.clear()
        structlog.get_logger().error(
            "known.lost",
            ids=lost,
            why="files in the state's folder `known` are missing, cut, or not of this recovery store",
            effect="copies of these events would be sent again, under the same messageIds",
        )

    def _answer(self, part: Ids, now: float) -> Iterator[FromShard]:
        fresh, learned = self._known.add(np.frombuffer(part.ids, np.uint64), now)
        yield from learned
        drop = b"" if fresh.all() else np.flatnonzero(~fresh).astype(np.uint32).tobytes()
        yield Verdict(part.slot, part.number, part.shard, drop)

    @loud
    def snapshot(self) -> dict[str, Any]:
        """Which time slots are live, and how many ids of each count: they must be back before the next run's first answer."""
        if self._missing:
            raise RuntimeError(f"an epoch closed before the shard's known ids were back: {len(self._missing)} time slots are missing")
        return {"version": VERSION, "past": tuple(self._known.past)}
