"""The loops over arrays that Python is too slow for, compiled once by numba and cached on disk. They allocate nothing."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")

SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads the low bits that the table's index is taken from


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile at the first call, or load what an earlier process compiled."""
    return cast("Callable[P, R]", numba.njit(cache=True, nogil=True)(function))


@compiled
def by_shard(ids: NDArray[np.uint64], order: NDArray[np.uint32], starts: NDArray[np.int64]) -> None:
    """Sort positions by shard (the id's top four bits), keeping their order within a shard.

    Shapes: `ids` [n], `order` [n] receives positions, `starts` [17] receives where each shard begins in `order`.
    """
    starts[:] = 0
    for i in range(len(ids)):
        starts[int(ids[i] >> np.uint64(60)) + 1] += 1
    for shard in range(16):
        starts[shard + 1] += starts[shard]
    cursor = starts.copy()
    for i in range(len(ids)):
        shard = int(ids[i] >> np.uint64(60))
        order[cursor[shard]] = i
        cursor[shard] += 1


@compiled
def insert(  # noqa: PLR0917 - numba takes positions only
    table: NDArray[np.uint64],
    stamps: NDArray[np.uint16],
    ids: NDArray[np.uint64],
    stamp: int,
    now: int,
    span: int,
    fresh: NDArray[np.bool_],
) -> tuple[int, int]:
    """Add ids to an open-addressing table; an id is a duplicate if it stands there with a stamp at most `span` before `now`.

    Every sighting renews an id's stamp, so that it is known for `span` from the last one.
    Shapes: `table` and `stamps` [power of two], 0 in `table` is free; `ids` [n]; `fresh` [n] receives whether each was new.

    Returns:
        How many free entries were taken, and how many forgotten ones came alive again.
    """
    mask = np.uint64(len(table) - 1)
    taken = 0
    revived = 0
    for i in range(len(ids)):
        at = (ids[i] * SPREAD) & mask
        while table[at] != 0 and table[at] != ids[i]:
            at = (at + np.uint64(1)) & mask
        if table[at] == 0:
            table[at] = ids[i]
            stamps[at] = np.uint16(stamp & 0xFFFF)
            fresh[i] = True
            taken += 1
        else:
            age = (now - int(stamps[at])) & 0xFFFF
            fresh[i] = age > span
            revived += fresh[i]
            if now - stamp < age:
                stamps[at] = np.uint16(stamp & 0xFFFF)
    return taken, revived


@compiled
def rehash(  # noqa: PLR0917 - numba takes positions only
    table: NDArray[np.uint64],
    stamps: NDArray[np.uint16],
    now: int,
    span: int,
    new_table: NDArray[np.uint64],
    new_stamps: NDArray[np.uint16],
) -> int:
    """Copy the entries that are still within `span` before `now` to an empty table; returns how many."""
    mask = np.uint64(len(new_table) - 1)
    copied = 0
    for i in range(len(table)):
        if table[i] != 0 and ((now - int(stamps[i])) & 0xFFFF) <= span:
            at = (table[i] * SPREAD) & mask
            while new_table[at] != 0:
                at = (at + np.uint64(1)) & mask
            new_table[at] = table[i]
            new_stamps[at] = stamps[i]
            copied += 1
    return copied
