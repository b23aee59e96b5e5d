# ruff: noqa: C901, PLR0911, PLR0912, PLR0915, PLR0917, PLR2004 - a loop over bytes: no calls that can be spared
"""The way through a datum: every length, branch and text is checked against the datum's bounds, and its value drafted; pieces of a compiled loop.

What becomes of a field is drafted as JSON at once, in the part of the message where it goes; the parts are put together when the datum has been read.
"""

from typing import Any, Final

import numpy as np

from currents_segment.codecs.columns import (
    AT,
    BRANCHES,
    DOUBLE,
    FIELD,
    ID,
    KEY,
    KEY_SIZE,
    KIND,
    KINDS,
    LATE,
    NOT_TEXT,
    NULL,
    NUMBER,
    SECTION,
    SECTIONS,
    SEEN,
    SIZE,
    SIZE_OF,
    TEXT,
    TEXTS,
    TRUTH,
    UNSENT,
    WHOLE,
    WHY,
)
from currents_segment.codecs.identity import REDACTED
from currents_segment.codecs.json_text import key, number, places_of, plain, text, whole
from currents_segment.codecs.native import STEP, Array, aside, cell, load_double, load_float, part, put, put8, woven

_REDACTED: Final = np.frombuffer(REDACTED.encode(), np.uint8)
_TRUE: Final = np.uint64(int.from_bytes(b"true,", "little"))
_FALSE: Final = np.uint64(int.from_bytes(b"false,", "little"))
_END_OF_TEXT: Final = np.uint64(int.from_bytes(b'",', "little"))
_END_OF_TEXTS: Final = np.uint64(int.from_bytes(b"],", "little"))
_NO_DRAFT: Final = -1  # in place of where one ends


@part
def _signed(value: Any) -> Any:
    """A number in zigzag."""
    return np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1))


@part
def varint(data: Array, at: int, end: int) -> tuple[int, int]:
    """A long and the place behind it; -1 and -1 where it has more than 64 bits, or the data end."""
    if at < end and cell(data, at) < 0x80:
        return _signed(np.uint64(cell(data, at))), at + 1
    return _varint(data, at, end)


@aside
def _varint(data: Array, at: int, end: int) -> tuple[int, int]:
    value = np.uint64(0)
    for place in range(10):
        if at + place >= end:
            break
        byte = cell(data, at + place)
        value |= np.uint64(byte & 0x7F) << np.uint64(7 * place)
        if byte < 0x80:
            if place == 9 and byte > 1:
                break
            return _signed(value), at + place + 1
    return -1, -1


@part
def _beyond(size: int, room: int) -> bool:
    """Whether a size that data say is less than none, or more than there is."""
    return bool(np.uint64(size) > np.uint64(room))


@aside
def _text(data: Array, at: int, size: int, section: int, largest: int, out: Array, to: int, ends: Array) -> int:
    """Any text, with a quotation mark and a comma behind it: where its draft ends, or `_NO_DRAFT`."""
    if size > largest or to > largest + section * (len(out) // SECTIONS):
        put(ends, WHY, SIZE)
        return _NO_DRAFT
    after = text(data, at, size, out, to)
    if after < 0:
        put(ends, WHY, NOT_TEXT)
        return _NO_DRAFT
    put8(out, after, _END_OF_TEXT)
    return after + 2


@aside
def _texts(data: Array, at: int, end: int, section: int, largest: int, out: Array, to: int, ends: Array) -> tuple[int, int]:
    """An array of texts: the place behind it, or -1 where that is not sure; and where its draft ends."""
    put(out, to, 0x5B)
    to += 1
    empty = 1
    while True:
        count, at = varint(data, at, end)
        if at < 0:
            return -1, to
        if count == 0:
            break
        empty = 0
        said = -1  # bytes of a block that says how many it has
        if count < 0:
            count = -count
            said, at = varint(data, at, end)
            if at < 0 or said < 0 or count < 0:
                return -1, to
        begin = at
        for _ in range(count):
            size, at = varint(data, at, end)
            if _beyond(size, end - at):
                return -1, to
            put(out, to, 0x22)
            after = _text(data, at, size, section, largest, out, to + 1, ends)
            if after != _NO_DRAFT:
                to = after
            at += size
        if 0 <= said != at - begin:
            return -1, to
    put8(out, to - 1 + empty, _END_OF_TEXTS)
    return at, to + 1 + empty


@aside
def _fraction(value: float, out: Array, to: int) -> int:
    """A number with a point, a comma behind it; -1 where it is not sure."""
    places = places_of(value)
    if places < 0:
        return -1
    to = number(value, places, out, to)
    put(out, to, 0x2C)
    return to + 1


@woven
def draft(
    data: Array, at: int, end: int, fields: Array, first: int, last: int, blob: Array, seen: Array, drafts: Array, ends: Array, largest: int
) -> int:
    """Check a datum, draft its fields, each with a comma behind it, and put in `seen` what the envelope is.

    Returns:
        The place behind the datum, or -1 where that is not sure. `ends` says where the draft of each section ends, and why the caller must look at the datum,
        or must if a message is to be made of it.
    """
    room = len(drafts) // SECTIONS
    for section in range(SECTIONS):
        put(ends, section, room * section)
    for section in range(ID, UNSENT):
        put(seen, section * SEEN + KIND, NULL)
    put(ends, WHY, -1)
    put(ends, LATE, -1)
    for line in range(first * FIELD, last * FIELD, FIELD):
        kind = cell(fields, line + KINDS)
        branches = cell(fields, line + BRANCHES)
        if branches:
            if at >= end:
                return -1
            branch = np.int64(cell(data, at))
            at += 1
            if branch & 1 or branch >= branches:
                return -1
            kind >>= 2 * branch
        kind &= 15
        if kind == NULL:
            continue
        section = cell(fields, line + SECTION)
        to = key(blob, cell(fields, line + KEY), cell(fields, line + KEY_SIZE), drafts, cell(ends, section))
        if kind == TEXT:
            size, at = varint(data, at, end)
            if _beyond(size, end - at):
                return -1
            if section >= ID:
                put(seen, section * SEEN + AT, at)
                put(seen, section * SEEN + SIZE_OF, size)
            if size < STEP and at + STEP <= len(data) and plain(data, at, size, drafts, to + 1):
                put8(drafts, to + 1 + size, _END_OF_TEXT)
                put(ends, section, to + 3 + size)
            else:
                to = _text(data, at, size, section, largest, drafts, to + 1, ends)
                if to != _NO_DRAFT:
                    put(ends, section, to)
            at += size
        elif kind == WHOLE:
            value, at = varint(data, at, end)
            if at < 0:
                return -1
            if section >= ID:
                put(seen, section * SEEN + AT, value)
            else:
                to = whole(value, drafts, to)
                put(drafts, to, 0x2C)
                put(ends, section, to + 1)
        elif kind == TRUTH:
            if at >= end or cell(data, at) > 1:
                return -1
            put8(drafts, to, _TRUE if cell(data, at) else _FALSE)
            put(ends, section, to + 6 - np.int64(cell(data, at)))
            at += 1
        elif kind == TEXTS:
            at, to = _texts(data, at, end, section, largest, drafts, to, ends)
            if at < 0:
                return -1
            put(ends, section, to)
        else:
            size = 8 if kind == DOUBLE else 4
            if end - at < size:
                return -1
            value = load_double(data, at) if kind == DOUBLE else load_float(data, at)
            at += size
            if np.isfinite(value) and section < ID:  # JSON has no others, so they are left out
                to = _fraction(value, drafts, to)
                if to < 0:
                    put(ends, LATE, NUMBER)
                else:
                    put(ends, section, to)
        if section >= ID:
            put(seen, section * SEEN + KIND, kind)
    return at


@aside
def usable(data: Array, seen: Array, section: int) -> int:
    """Whether an id of a user can be sent: 1, or 0; -1 where it is no text."""
    if seen[section, KIND] == NULL:
        return 0
    if seen[section, KIND] != TEXT:
        return -1
    size = seen[section, SIZE_OF]
    if size != len(_REDACTED):
        return 1 if size else 0
    for place in range(size):
        if data[seen[section, AT] + place] != _REDACTED[place]:
            return 1
    return 0
