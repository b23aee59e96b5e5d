"""Messages of one partition as arrays: no object a message."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from currents_segment.codecs.frames import Headers

UNSAID: Final = -1  # the time of a message of which the broker does not say when it came


@dataclass(frozen=True, slots=True)
class Run:
    """Messages in the order of the log.

    Attributes:
        data: their values, back to back.
        table: int64[4, n]: where each value begins in `data` (behind its end: it has none, as a tombstone); where it ends; its message's offset; when the
            broker wrote it into the log, ms since the epoch, or `UNSAID`.
        headers: by offset, of those that have one that matters.
    """

    data: bytes
    table: NDArray[np.int64] = field(compare=False)
    headers: Mapping[int, Headers] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Messages."""
        return int(self.table.shape[1])

    @property
    def begins(self) -> NDArray[np.int64]:
        """int64[n]."""
        begins: NDArray[np.int64] = self.table[0]
        return begins

    @property
    def ends(self) -> NDArray[np.int64]:
        """int64[n]."""
        ends: NDArray[np.int64] = self.table[1]
        return ends

    @property
    def offsets(self) -> NDArray[np.int64]:
        """int64[n]."""
        offsets: NDArray[np.int64] = self.table[2]
        return offsets

    @property
    def times(self) -> NDArray[np.int64]:
        """int64[n]."""
        times: NDArray[np.int64] = self.table[3]
        return times

    def value(self, number: int) -> bytes | None:
        """Of one message."""
        begin, end = int(self.begins[number]), int(self.ends[number])
        return self.data[begin:end] if begin <= end else None

    def cut(self, begin: int, end: int) -> "Run":
        """Those from `begin` up to `end`."""
        if begin == 0 and end == self.count:
            return self
        bounds = (0, *self.ends[[begin - 1, end - 1]].tolist()) if begin else (0, 0, int(self.ends[end - 1]))
        table = self.table[:, begin:end].copy()
        table[:2] -= bounds[1]
        return Run(self.data[bounds[1] : bounds[2]], table, self.headers)

    def keep(self, wanted: NDArray[np.bool_]) -> "Run":
        """Those that are wanted, one by one."""
        return joined([self.cut(number, number + 1) for number in np.flatnonzero(wanted).tolist()])


NOTHING: Final = Run(b"", np.empty((4, 0), np.int64))


def joined(runs: Iterable[Run]) -> Run:
    """Runs that follow each other, as one."""
    runs = list(runs)
    if len(runs) <= 1:
        return runs[0] if runs else NOTHING
    table = np.concatenate([run.table for run in runs], axis=1)
    at = size = 0
    for run in runs:
        table[:2, at : at + run.count] += size
        at, size = at + run.count, size + len(run.data)
    headers = {offset: said for run in runs for offset, said in run.headers.items()}
    return Run(b"".join([run.data for run in runs]), table, headers)
