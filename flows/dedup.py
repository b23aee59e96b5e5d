"""Exact deduplication, sharded by hash: the exchange between workers, since copies can come on different partitions.

A shard's ids are kept in rows (shard, time slot of a ring) that only ever grow, so a snapshot costs what is new. After a resume
the rows give back what was committed, as items: a restored timer could fire before the shard itself is loaded.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from bytewax.operators import StatefulBatchLogic

from currents_segment.flows import kernels
from currents_segment.flows.items import AtShard, Chunk, Decoded, Ids, Row, Tick, Verdict
from currents_segment.flows.known import SHARDS, Known, Window
from currents_segment.flows.slots import NAMES

Keyed = tuple[str, AtShard]


def by_shard(items: Iterable[Decoded], time_slot: int) -> Iterator[Keyed]:
    """Split the ids of chunks by shard; a slot's tick goes to the shard of the same number."""
    for item in items:
        if isinstance(item, Tick):
            yield NAMES[item.slot], item
            continue
        ids = item.messages.ids
        if not len(ids):
            continue
        order, starts = np.empty(len(ids), np.uint32), np.empty(SHARDS + 1, np.int64)
        kernels.by_shard(ids, order, starts)
        for shard in range(SHARDS):
            positions = order[starts[shard] : starts[shard + 1]]
            if len(positions):
                part = Ids(item.slot, item.connector, item.seq, time_slot, positions.tobytes(), ids[positions].tobytes())
                yield NAMES[shard], part


def shards_of(chunk: Chunk) -> int:
    """How many shards the ids of a chunk fall into, so how many verdicts will come back."""
    return len(np.unique(chunk.messages.ids >> np.uint64(60)))


def to_rows(items: Iterable[Keyed], window: Window) -> Iterator[tuple[str, Row | None]]:
    """Send ids to the row of their time slot; the first tick of a process wakes every row of its shard (None)."""
    for shard, item in items:
        if isinstance(item, Tick):
            if item.number == 1:
                for position in range(window.rows):
                    yield f"{shard}|{position:05d}", None
        elif isinstance(item, Ids):
            yield f"{shard}|{item.time_slot % window.rows:05d}", Row(item.time_slot, item.ids)


def from_rows(items: Iterable[tuple[str, Row]]) -> Iterator[Keyed]:
    """Send what a row gives back after a resume to its shard."""
    for key, row in items:
        yield key.partition("|")[0], row


class RowLogic(StatefulBatchLogic[Row | None, Row, tuple[int, bytes]]):
    """The ids of one shard and time slot. Gives back what was committed, once, when it is woken after a resume."""

    def __init__(self, state: tuple[int, bytes] | None) -> None:
        self._committed = Row(*state) if state else None
        self._time_slot = state[0] if state else -1
        self._ids = bytearray(state[1] if state else b"")

    def on_batch(self, values: list[Row | None]) -> tuple[list[Row], bool]:
        """Append; never give back the live buffer: its new ids would make the shard drop the events themselves."""
        back: list[Row] = []
        for row in values:
            if row is None:
                if self._committed is not None:
                    back.append(self._committed)
                self._committed = None
            elif row.time_slot >= self._time_slot:
                if row.time_slot > self._time_slot:  # the ring came round
                    self._time_slot = row.time_slot
                    self._ids = bytearray()
                self._ids += row.ids
        return back, self._time_slot < 0  # an empty row is discarded: that, too, overwrites one of a crashed epoch

    def snapshot(self) -> tuple[int, bytes]:
        """The time slot and its ids."""
        return self._time_slot, bytes(self._ids)


class ShardLogic(StatefulBatchLogic[AtShard, Verdict, tuple[int, ...]]):
    """Says of each id whether it is new. Holds its answers until all rows that its state names have come back."""

    def __init__(self, state: tuple[int, ...] | None, window: Window, watch: Callable[[Known], Any]) -> None:
        self._known = Known(window)
        self._missing = set(state or ())
        self._held: list[Ids] = []
        watch(self._known)

    def on_batch(self, values: list[AtShard]) -> tuple[list[Verdict], bool]:
        """Learn, and answer every part exactly once."""
        for item in values:
            if isinstance(item, Row):
                if item.time_slot in self._missing:
                    self._missing.discard(item.time_slot)
                    self._known.restore(np.frombuffer(item.ids, np.uint64), item.time_slot)
            elif isinstance(item, Ids):
                self._held.append(item)
        if self._missing:
            return [], False
        answers = [self._answer(part) for part in self._held]
        self._held.clear()
        return answers, False

    def _answer(self, part: Ids) -> Verdict:
        fresh = self._known.add(np.frombuffer(part.ids, np.uint64), part.time_slot)
        drop = b"" if fresh.all() else np.frombuffer(part.positions, np.uint32)[~fresh].tobytes()
        return Verdict(part.slot, part.connector, part.seq, drop)

    def snapshot(self) -> tuple[int, ...]:
        """The live time slots, whose rows must be back before the next run's first answer."""
        if self._held or self._missing:
            raise RuntimeError(f"an epoch closed before the shard's known ids were back: {len(self._missing)} time slots are missing")
        return tuple(self._known.slots)
