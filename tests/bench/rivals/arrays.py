"""The floor of the shell: the same chunks as arrays through a bare Bytewax flow, with recovery on; ids to their shard, copies dropped by a table in memory, batches cut. Nothing else.

No gate, so whatever is read is under way at once; no ledger, no files of known ids, nothing un-acked in a snapshot, no sender's thread, no pace.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from tests.bench.rivals.loop import NOWHERE, copies

from currents_segment.codecs.chunk import Messages
from currents_segment.flows import kernels, threads
from currents_segment.flows.slots import NAMES, SLOTS, Place
from currents_segment.sinks.segment.batch import MAX_BYTES, Piece, document, drop, take

AT_ONCE: Final = 4  # chunks of a slot
LEAST: Final = 1 << 17  # entries of a table

Read = tuple[int, int, Messages | None]
"""Slot, number and messages; none are a tick, which wakes shard and sink of an epoch."""


class Slot(StatefulSourcePartition[Read, int]):
    """Chunks by their number, a few at once."""

    def __init__(self, slot: int, rounds: int, chunk: Callable[[int], Messages]) -> None:
        self._slot, self._rounds, self._chunk, self._next, self._tick = slot, rounds, chunk, 0, True

    def next_batch(self) -> list[Read]:
        """To the last."""
        if self._next == self._rounds:
            raise StopIteration
        until = min(self._next + AT_ONCE, self._rounds)
        numbers = [number * SLOTS + self._slot for number in range(self._next, until)]
        items: list[Read] = [(self._slot, number, self._chunk(number)) for number in numbers]
        self._next, ticks = until, [(self._slot, -1, None)] if self._tick else []
        self._tick = False
        return [*ticks, *items]

    def snapshot(self) -> int:
        """An epoch ends."""
        self._tick = True
        return self._next


class Source(FixedPartitionedSource[Read, int]):
    """The slots of a process."""

    def __init__(self, place: Place, rounds: int, chunk: Callable[[int], Messages]) -> None:
        self._place, self._rounds, self._chunk = place, rounds, chunk

    def list_parts(self) -> list[str]:
        return [NAMES[slot] for slot in self._place.slots]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Slot:
        threads.keep_state()
        return Slot(int(for_part), self._rounds, self._chunk)


class Shard(StatefulBatchLogic[Any, Any, bytes]):
    """A table that doubles, and what is new in an epoch as its snapshot."""

    def __init__(self, _: bytes | None) -> None:
        self._table, self._count, self._new = np.zeros(LEAST, np.uint64), 0, list[bytes]()

    def on_batch(self, values: list[Any]) -> tuple[list[Any], bool]:
        """Slot, number, how many parts, and the places of copies among the chunk's messages."""
        said = []
        for slot, number, parts, places, raw in (value for value in values if value is not None):
            ids = np.frombuffer(raw, np.uint64)
            while 2 * (self._count + len(ids)) > len(self._table):
                known, self._table = self._table[self._table != 0], np.zeros(2 * len(self._table), np.uint64)
                copies(known, self._table, np.empty(len(known), np.bool_))
            copies(ids, self._table, which := np.empty(len(ids), np.bool_))
            self._count += len(ids)
            self._new.append(raw)
            said.append((slot, number, parts, np.frombuffer(places, np.uint32)[which].tobytes() if which.any() else b""))
        return said, False

    def snapshot(self) -> bytes:
        """What is new."""
        whole = b"".join(self._new)
        self._new.clear()
        return whole


class Batches(StatefulSinkPartition[Any, int]):
    """Puts chunks and verdicts together, drops copies and cuts batches."""

    def __init__(self, delivered: list[int]) -> None:
        self._bodies: dict[int, Messages] = {}
        self._parts: dict[int, tuple[int, list[bytes]]] = {}
        self._held, self._size, self._delivered = deque[Piece](), 0, delivered

    def write_batch(self, items: list[Any]) -> None:
        """Of what is complete by now."""
        for item in items:
            if len(item) == 3:
                if item[2] is None:
                    continue
                self._bodies[item[1]] = item[2]
            else:
                left, found = self._parts.get(item[1], (item[2], []))
                self._parts[item[1]] = (left - 1, [*found, item[3]] if item[3] else found)
            if item[1] in self._bodies and item[1] in self._parts and not self._parts[item[1]][0]:
                self._whole(self._bodies.pop(item[1]), self._parts.pop(item[1])[1])

    def _whole(self, messages: Messages, found: Sequence[bytes]) -> None:
        piece = Piece(messages.bodies, messages.ends, 0.0, None, NOWHERE)
        if found:
            piece = drop(piece, np.frombuffer(b"".join(found), np.uint32))
        self._delivered[0] += piece.count
        self._held.append(piece)
        self._size += piece.size
        while self._size > MAX_BYTES:
            batch = take(self._held)
            document(batch, sent_at="")
            self._size -= sum(each.size for each in batch)

    def snapshot(self) -> int:
        """Nothing of it is kept."""
        assert not self._bodies
        return self._delivered[0]


class Sink(FixedPartitionedSink[Any, int]):
    """The slots of a process."""

    def __init__(self, place: Place, delivered: list[int]) -> None:
        self._place, self._delivered = place, delivered

    def list_parts(self) -> list[str]:
        return [NAMES[slot] for slot in self._place.slots]

    def part_fn(self, item_key: str) -> int:
        return int(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Batches:
        return Batches(self._delivered)


def by_shard(items: Sequence[Read]) -> Iterator[tuple[str, Any]]:
    """A part for each shard that a chunk has ids of."""
    for slot, number, messages in items:
        if messages is None:
            yield NAMES[slot], None
            continue
        count = len(messages.ids)
        order, ordered, starts = np.empty(count, np.uint32), np.empty(count, np.uint64), np.empty(SLOTS + 1, np.int64)
        kernels.by_shard(messages.ids, order, ordered, starts)
        parts = [(shard, begin, end) for shard, (begin, end) in enumerate(pairwise(starts.tolist())) if end > begin]
        for shard, begin, end in parts:
            yield NAMES[shard], (slot, number, len(parts), order[begin:end].tobytes(), ordered[begin:end].tobytes())


def build(place: Place, rounds: int, chunk: Callable[[int], Messages], delivered: list[int]) -> Dataflow:
    """The flow; the first of `delivered` counts what is."""
    copies(np.empty(0, np.uint64), np.zeros(1, np.uint64), np.empty(0, np.bool_))  # loaded before it counts
    flow = Dataflow("arrays")
    read = op.input("read", flow, Source(place, rounds, chunk))
    bodies = op.flat_map_batch("bodies", read, lambda items: [(NAMES[item[0]], item) for item in items])
    said = op.stateful_batch("dedup", op.flat_map_batch("ids", read, by_shard), Shard)
    verdicts = op.flat_map_batch("verdicts", said, lambda items: [(NAMES[item[0]], item) for _, item in items])
    op.output("deliver", op.merge("all", bodies, verdicts), Sink(place, delivered))
    return flow
