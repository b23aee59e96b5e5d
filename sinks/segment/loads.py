"""Puts loads and their verdicts together, for all sink slots of a process, and lets their chunks go in the order in which they were read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from currents_segment.flows.items import Chunk, Load, Verdict

Keep = NDArray[np.bool_]


@dataclass(slots=True)
class _Partial:
    """A load that waits for its verdicts, or verdicts that wait for their load."""

    load: Load | None = None
    verdicts: list[Verdict] = field(default_factory=list)


class Slot(Protocol):
    """Where chunks go."""

    def take(self, chunk: Chunk, keep: Keep | None) -> None:
        """A chunk of this slot is whole, and these of its messages are no duplicates; None: all."""


class Loads:
    """What has come of the loads of this process; they end in the order of their numbers.

    Attributes:
        slots: as they come up. Bytewax makes a partition when its first item comes, so a load may be there before a slot that has a chunk in it: it
            waits for that slot's tick, which comes in the same epoch.
    """

    def __init__(self) -> None:
        self.slots: dict[int, Slot] = {}
        self._partial: dict[int, _Partial] = {}
        self._next = 0

    def __len__(self) -> int:
        """Loads that are not whole, or wait for one that is not."""
        return len(self._partial)

    def add(self, item: Load | Verdict) -> None:
        """One more came, in any order."""
        partial = self._partial.setdefault(item.number, _Partial())
        if isinstance(item, Load):
            partial.load = item
        else:
            partial.verdicts.append(item)

    def release(self) -> set[str]:
        """Let go what is whole; returns the connectors whose it was."""
        touched: set[str] = set()
        while (partial := self._partial.get(self._next)) is not None and (load := partial.load) is not None:
            if len(partial.verdicts) < len(load.parts) or not all(chunk.slot in self.slots for chunk in load.chunks):
                break
            del self._partial[self._next]
            self._next += 1
            for chunk, keep in _judged(load, partial.verdicts):
                self.slots[chunk.slot].take(chunk, keep)
                touched.add(chunk.connector)
        return touched


def _judged(load: Load, verdicts: list[Verdict]) -> Iterator[tuple[Chunk, Keep | None]]:
    keep = np.ones(len(load.order), np.bool_)
    for verdict in verdicts:
        if verdict.drop:
            begin = load.starts[verdict.shard]
            keep[load.order[begin + np.frombuffer(verdict.drop, np.uint32)]] = False
    begin = 0
    for chunk in load.chunks:
        end = begin + len(chunk.messages.ids)
        mine = keep[begin:end]
        yield chunk, None if mine.all() else mine
        begin = end
