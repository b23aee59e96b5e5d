"""Where a unit stands in its bucket: values and pure functions; time is an argument.

Law: whatever the order of listings, readings and restarts, every object that appears within `late` of the end of its hour is read to
its end exactly once, counted from the committed position on. Memory is bounded by the objects of the hours that are still open.

    forgotten         │ open: finished ones by hash                │ not yet
    ──────────────────┼────────────────────────────────────────────┼──────────▶ hours
                      floor                                        newest listed

One floor serves all event types, because a unit's objects are read hour by hour: what lies before the next one is finished.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil, floor
from typing import Any, Final, Literal, Self

import numpy as np

from currents_segment.flows.bucket.layout import HOUR, Object
from currents_segment.flows.errors import unknown_version

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Position:
    """Where one unit stands.

    Attributes:
        after: objects last modified before this are not read, seconds since the epoch; 0 unless the connector started `now`.
        floor: the oldest hour still open, hours since the epoch; what belongs to an earlier one is finished or came too late.
        done: hashes of the finished objects by hour; only hours from `floor` on.
        reading: (key, block, record) of the object that is being read: the next record to read; None between objects.
    """

    after: float = 0.0
    floor: int = 0
    done: Mapping[int, frozenset[int]] = field(default_factory=dict)
    reading: tuple[str, int, int] | None = None

    def wants(self, item: Object) -> bool:
        """The object is still to be read, or to be read on.

        Two keys of one hour with the same 64-bit hash would be taken for one: with a thousand objects an hour about 10⁻¹³.
        """
        return item.hour >= self.floor and item.modified >= self.after and item.hash not in self.done.get(item.hour, ())

    def at(self, key: str, block: int, record: int) -> Self:
        """This position with `key` read up to (block, record)."""
        return replace(self, reading=(key, block, record))

    def finish(self, item: Object) -> Self:
        """This position with the object read to its end."""
        hour = max(item.hour, self.floor)  # one that vanished may be older than what is open
        return replace(self, reading=None, done={**self.done, hour: self.done.get(hour, frozenset()) | {item.hash}})

    def settle(self, closed: int, pending: int | None) -> Self:
        """This position with every hour forgotten that is both closed and finished.

        Args:
            closed: the first hour that may still get objects (`first_open` of a listing's time, or less if the listing was cut).
            pending: the hour of the oldest listed object that is not finished; None when all are.
        """
        oldest = closed if pending is None else min(closed, pending)
        if oldest <= self.floor:
            return self
        return replace(self, floor=oldest, done={hour: done for hour, done in self.done.items() if hour >= oldest})

    def pack(self) -> tuple[Any, ...]:
        """Plain numbers, bytes and strings, for the recovery store."""
        done = tuple((hour, np.sort(np.fromiter(hashes, "<u8", len(hashes))).tobytes()) for hour, hashes in sorted(self.done.items()))
        return VERSION, self.after, self.floor, done, self.reading

    @classmethod
    def unpack(cls, packed: tuple[Any, ...]) -> Self:
        """What `pack` made; UserError when a newer version made it."""
        if packed[0] != VERSION:
            raise unknown_version("a bucket position", packed[0], VERSION)
        _, after, lowest, done, reading = packed
        return cls(after, lowest, {hour: frozenset(np.frombuffer(raw, "<u8").tolist()) for hour, raw in done}, reading)


def first_open(now: float, late: float) -> int:
    """The first hour that may still get objects: its end and `late` seconds more are not yet past at `now`; hours since the epoch."""
    return max(0, ceil((now - late) / HOUR) - 1)


def begin(start: float | Literal["earliest", "now"], *, late: float, now: float) -> Position:
    """Where a unit stands that has never read.

    `earliest` is everything that is there; a time is every hour from the one it falls in; `now` is what the bucket receives from this
    second on (S3 keeps whole seconds), whichever open hour it belongs to.
    """
    if start == "earliest":
        return Position()
    if start == "now":
        return Position(after=float(floor(now)), floor=first_open(now, late))
    return Position(floor=int(start // HOUR))
