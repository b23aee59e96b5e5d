# ruff: noqa: C901, PLR0912, PLR0915, PLR0917 - compiled: no calls that can be spared, and numba takes positions only
"""The loop that makes Segment's JSON of Avro datums, compiled once.

It is told by tables what a writer's schema means (see `tables`), so that a new schema needs no compilation. It reads nothing outside the bounds that it is
given, and hands whatever it is not sure of to its caller.
"""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Final, cast

import numba
import numpy as np
from numba import types
from xxhash import xxh3_64_intdigest

from currents_segment.codecs import columns, identity, json_text, native, walk, write, xxh3
from currents_segment.codecs.columns import (
    ANONYMOUS,
    AT,
    AT_BYTE,
    AT_NTH,
    AT_RUN,
    BEGIN,
    COUNTED,
    DATUM,
    DATUM_MOST,
    END,
    EXTERNAL,
    FIRST,
    ID,
    ID_ROOM,
    KIND,
    LAST,
    LATE,
    MESSAGE_CONSTANT,
    MESSAGES,
    MODE,
    NO_ID,
    NO_TIME,
    NOBODY,
    NTH,
    REASON,
    RUN,
    SCHEMA,
    SECTIONS,
    SENT,
    SENT_COUNT,
    SIZE,
    SIZE_OF,
    SLOW,
    SLOW_COUNT,
    TEXT,
    TIME,
    USER,
    WALKED,
    WHOLE,
    WHY,
    WRITTEN,
    Array,
    Made,
    Rows,
    Runs,
)  # fmt: skip
from currents_segment.codecs.json_text import SPARE
from currents_segment.codecs.native import UNCOUNTED, ahead, part, woven
from currents_segment.codecs.walk import draft, usable
from currents_segment.codecs.write import message
from currents_segment.codecs.xxh3 import digest

_AHEAD: Final = 2  # runs: grouped by writer they do not stand in order, so the one after the next is fetched from memory while one is read
_NEAR: Final = 448  # bytes of it: an event's usual size, in lines of a cache
_LAST_SECOND: Final = 253_402_300_799  # 9999-12-31T23:59:59Z


@part
def _unsure(rows: Array, row: int, seen: Array, external: int, user: int) -> int:
    """Why no message can be made of a datum here; -1 where one can."""
    if seen[ID, KIND] != TEXT or not 0 < seen[ID, SIZE_OF] <= rows[row, ID_ROOM] or external < 0 or user < 0:
        return NO_ID
    if seen[TIME, KIND] != WHOLE or not 0 <= seen[TIME, AT] <= _LAST_SECOND:
        return NO_TIME
    return -1 if external or user else NOBODY


@woven
def _transcode(runs: Runs, tables: Rows, made: Made, anonymous_users: bool, largest: int) -> bool:
    data, which, begins, ends, counts, row_of = runs
    rows, fields, blob, seeds = tables
    bodies, message_ends, ids, slow, tally, state, seen, drafts, drafted = made
    run, number, at = state[AT_RUN], state[AT_NTH], state[AT_BYTE]
    to = sent = handed = 0
    whole = True
    while run < len(ends):
        writer = which[run]
        row = row_of[writer]
        begin, end = begins[run], ends[run]
        count = counts[run] if len(counts) else 1
        if rows[row, MODE] == COUNTED:
            tally[writer, WALKED] += count
            run += 1
            continue
        if number == 0:
            at = begin
            if run + _AHEAD < len(begins):
                for line in range(0, _NEAR, 64):
                    ahead(data, begins[run + _AHEAD] + line)
        why, behind = -1, -1
        if rows[row, MODE] == SLOW:
            why = SCHEMA
        elif not 0 <= begin <= end <= len(data):
            why = DATUM
        elif number < count:
            behind = draft(data, at, end, fields, rows[row, FIRST], rows[row, LAST], blob, seen, drafts, drafted, largest)
            why = DATUM if behind < 0 else drafted[WHY]
            if behind - at > rows[row, DATUM_MOST]:
                behind, why = -1, SIZE
            external = user = 0
            if why < 0:
                external, user = usable(data, seen, EXTERNAL), usable(data, seen, USER)
                why = _unsure(rows, row, seen, external, user)
            if why < 0 and not external and not anonymous_users:
                tally[writer, ANONYMOUS] += 1
            elif why < 0:
                why = drafted[LATE]
                if why < 0:
                    size = rows[row, MESSAGE_CONSTANT] + SPARE
                    for section in range(SECTIONS):
                        size += drafted[section] - section * (len(drafts) // SECTIONS)
                    if to + size > len(bodies) or sent == len(ids):
                        whole = False
                        break
                    after = message(rows, row, blob, seen, drafts, drafted, external, user, bodies, to)
                    if after - to - 1 > largest:
                        why = SIZE
                    else:
                        ids[sent] = digest(data, seen[ID, AT], seen[ID, SIZE_OF], seeds[row]) or np.uint64(1)
                        message_ends[sent] = to = after
                        sent += 1
                        tally[writer, SENT] += 1
            if why < 0:
                tally[writer, WALKED] += 1
        elif at < end:
            why = DATUM
        else:
            run, number = run + 1, 0
            continue
        if why >= 0:
            if handed == len(slow):
                whole = False
                break
            slow[handed, RUN], slow[handed, NTH], slow[handed, BEGIN], slow[handed, END] = run, number, at, behind
            slow[handed, REASON], slow[handed, MESSAGES] = why, sent
            handed += 1
            if behind < 0:
                run, number = run + 1, 0
                continue
        at = behind
        number += 1
    state[AT_RUN], state[AT_NTH], state[AT_BYTE] = run, number, at
    state[WRITTEN], state[SENT_COUNT], state[SLOW_COUNT] = to, sent, handed
    return whole


def _read_only(kind: types.Type) -> types.Array:
    """An array as one that is not written: numba takes any for it."""
    return types.Array(kind, 1, "C", readonly=True)


def _of(kind: type, *arrays: types.Array) -> types.Type:
    return types.NamedTuple(arrays, kind)  # type: ignore[no-untyped-call, unused-ignore]


_LONGS, _TABLE = types.int64[::1], types.int64[:, ::1]
SIGNATURE: Final = types.boolean(
    *(_read_only(kind) for kind in (types.uint8, types.uint16, types.int64, types.int64, types.int64, types.int64)),
    _of(Rows, _TABLE, _TABLE, types.uint8[::1], types.uint64[::1]),
    _of(Made, types.uint8[::1], _LONGS, types.uint64[::1], _TABLE, _TABLE, _LONGS, _TABLE, types.uint8[::1], _LONGS),
    types.boolean,
    types.int64,
)
_PARTS: Final = (columns, identity, json_text, native, walk, write, xxh3)


def _stamped(stamp: int) -> Callable[..., bool]:
    """The loop as it is kept on the disk, by what numba looks at: its own file, and what it encloses. So it encloses a stamp of all files that it is of."""

    @numba.njit(SIGNATURE, cache=True, nogil=True, **UNCOUNTED)  # type: ignore[untyped-decorator, unused-ignore]
    def loop(
        data: Array,
        which: Array,
        begins: Array,
        ends: Array,
        counts: Array,
        row_of: Array,
        tables: Rows,
        made: Made,
        anonymous_users: bool,
        largest: int,
    ) -> bool:
        return stamp != 0 and _transcode(Runs(data, which, begins, ends, counts, row_of), tables, made, anonymous_users, largest)

    return cast("Callable[..., bool]", loop)


def _stamp(modules: tuple[ModuleType, ...]) -> int:
    return xxh3_64_intdigest(b"".join(Path(str(module.__file__)).read_bytes() for module in modules)) >> 1 | 1


_loop: Final = _stamped(_stamp(_PARTS))


def transcode(runs: Runs, tables: Rows, made: Made, *, anonymous_users: bool, largest: int) -> bool:
    """Make the messages of runs of datums, in order, from where `made.state` says.

    Those of anonymous users are made or counted; none has more than `largest` bytes.

    Returns:
        Whether all is done; else what was made must be taken away before it is called again.
    """
    return _loop(*runs, tables, made, anonymous_users, largest)
