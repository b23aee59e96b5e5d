"""The loops over arrays that Python is too slow for, compiled once by numba and cached on disk."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from currents_segment.codecs.native import UNCOUNTED

P = ParamSpec("P")
R = TypeVar("R")

# An id is read as shard (4 bits), part of the shard's table (6 bits) and rest (54 bits). Where an entry stands tells shard and part, so it
# holds the rest and, in their place, a stamp of 10 bits: the number of a time slot, modulo 1,023, plus 1. An entry of 0 is free.
PARTS = 64
STAMPS = 1023
FULL = 0.8  # of a part; beyond, linear probing grows long
SPARE = 1.2  # a rebuilt part has room for a fifth more ids
BRIM = 0.95  # the same for a part that cannot grow
LEAST = 16  # entries of a part


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile at the first call, or load what an earlier process compiled."""
    return cast("Callable[P, R]", numba.njit(cache=True, nogil=True)(function))


def uncounted(function: Callable[P, R]) -> Callable[P, R]:
    """The same for a function that makes no array (see `UNCOUNTED`)."""
    return cast("Callable[P, R]", numba.njit(cache=True, nogil=True, **UNCOUNTED)(function))


@compiled
def by_shard(ids: NDArray[np.uint64], order: NDArray[np.uint32], ordered: NDArray[np.uint64], starts: NDArray[np.int64]) -> None:
    """Sort ids by shard (their top four bits), keeping their order within a shard.

    Shapes: `ids` [n], `order` [n] receives their positions, `ordered` [n] themselves, `starts` [17] where each shard begins.
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
        ordered[cursor[shard]] = ids[i]
        cursor[shard] += 1


@compiled
def rebuild(  # noqa: PLR0917 - numba takes positions only
    table: NDArray[np.uint64], sizes: NDArray[np.int64], taken: NDArray[np.int64], part: int, newest: int, span: int
) -> None:
    """Write a part of the table anew without what is forgotten, a fifth larger than it needs; its place allowing."""
    entries = table[part]
    kept = np.empty(taken[part] + 1, np.uint64)
    count, after = 0, newest % STAMPS + 1
    for i in range(sizes[part]):
        entry = entries[i]
        entries[i] = 0
        kept[count] = entry  # and without a branch, which nobody could foretell: the next overwrites what does not stay
        age = after - int(entry & np.uint64(STAMPS))
        count += int(entry != 0) & int(age + STAMPS * int(age < 0) <= span)
    sizes[part] = min(len(entries), max(LEAST, int(count * SPARE / FULL)))
    taken[part] = count
    size = np.uint64(sizes[part])
    for i in range(count):
        at = ((kept[i] >> np.uint64(32)) * size) >> np.uint64(32)
        while entries[at] != 0:
            at += np.uint64(1)
            if at == size:
                at = np.uint64(0)
        entries[at] = kept[i]


@uncounted
def fetch(table: NDArray[np.uint64], sizes: NDArray[np.int64], ids: NDArray[np.uint64], start: int, seen: NDArray[np.bool_]) -> None:
    """Look at the entries where the ids from `start` on begin to be looked for; `seen` [n] receives whether each is taken.

    They come from memory, many at a time, since none depends on another. Without it `insert` waits for one after the other, and takes twice as long.
    """
    for i in range(start, len(ids)):
        part = int(ids[i] >> np.uint64(54)) & (PARTS - 1)
        at = (((ids[i] << np.uint64(10)) >> np.uint64(32)) * np.uint64(sizes[part])) >> np.uint64(32)
        seen[i] = table[part, at] != 0


@uncounted
def insert(  # noqa: PLR0917 - numba takes positions only
    table: NDArray[np.uint64],
    sizes: NDArray[np.int64],
    taken: NDArray[np.int64],
    live: NDArray[np.int64],
    ids: NDArray[np.uint64],
    start: int,
    slot: int,
    newest: int,
    span: int,
    fresh: NDArray[np.bool_],
    learned: NDArray[np.bool_],
) -> int:
    """Add the ids from `start` on, all of one shard, sighted in time slot `slot`; an id is a duplicate if it stands there with a slot at most `span` before `newest`.

    A sighting in a newer time slot renews an entry. A part that is full is rebuilt, without what is forgotten, at a fifth more than it needs.

    Shapes: `table` [64 parts, most entries a part], of which the first `sizes[part]` are used and `taken[part]` taken; `live` [1024] counts
    entries by stamp; `ids`, `fresh`, `learned` [n] receive whether each was new, and whether it must be kept with this time slot.

    Returns:
        Up to where it came: less than all if a part is full of live entries.
    """
    stamp = np.uint64(slot % STAMPS + 1)
    for i in range(start, len(ids)):
        part = int(ids[i] >> np.uint64(54)) & (PARTS - 1)
        if taken[part] >= (FULL if sizes[part] < table.shape[1] else BRIM) * sizes[part]:
            rebuild(table, sizes, taken, part, newest, span)
            if taken[part] >= BRIM * sizes[part]:
                return i
        entries = table[part]
        rest = ids[i] << np.uint64(10)
        size = np.uint64(sizes[part])
        at = ((rest >> np.uint64(32)) * size) >> np.uint64(32)
        while entries[at] != 0 and (entries[at] ^ rest) >> np.uint64(10) != 0:
            at += np.uint64(1)
            if at == size:
                at = np.uint64(0)
        fresh[i] = learned[i] = True
        if entries[at] == 0:
            taken[part] += 1
        else:
            held = int(entries[at] & np.uint64(STAMPS))
            age = (newest + 1 - held) % STAMPS
            if age <= span:
                fresh[i] = False
                learned[i] = newest - slot < age
                if learned[i]:
                    live[held] -= 1
        if learned[i]:
            entries[at] = rest | stamp
            live[stamp] += 1
    return len(ids)
