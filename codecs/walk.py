# ruff: noqa: C901, PLR0911, PLR0912, PLR0917, PLR2004 - a loop over bytes: no calls that can be spared
"""The first way through a datum: every length, branch and text is checked against the datum's bounds; pieces of a compiled loop."""

from typing import Any, Final

import numpy as np

from currents_segment.codecs.columns import BRANCHES, DATUM, DOUBLE, ESCAPED, KINDS, NO_NUMBER, NOT_TEXT, NULL, TEXT, TEXTS, TRUTH, WHOLE
from currents_segment.codecs.identity import REDACTED
from currents_segment.codecs.json_text import text_kind
from currents_segment.codecs.native import Array, aside, load_double, load_float, part, woven

_REDACTED: Final = np.frombuffer(REDACTED.encode(), np.uint8)


@part
def _signed(value: Any) -> Any:
    """A number in zigzag."""
    return np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1))


@part
def varint(data: Array, at: int, end: int) -> tuple[int, int]:
    """A long and the place behind it; -1 as the place where it has more than 64 bits, or the data end."""
    if at < end and data[at] < 0x80:
        return _signed(np.uint64(data[at])), at + 1
    return _varint(data, at, end)


@aside
def _varint(data: Array, at: int, end: int) -> tuple[int, int]:
    value = np.uint64(0)
    for place in range(10):
        if at + place >= end:
            break
        byte = data[at + place]
        value |= np.uint64(byte & 0x7F) << np.uint64(7 * place)
        if byte < 0x80:
            if place == 9 and byte > 1:
                break
            return _signed(value), at + place + 1
    return 0, -1


@aside
def texts(data: Array, at: int, end: int) -> tuple[int, int]:
    """Walk an array of texts.

    Returns:
        `TEXTS`, with `ESCAPED` where one of them is, or -1 where one is not UTF-8; and the place behind it, or -1 where that is not sure.
    """
    kind = TEXTS
    while True:
        count, at = varint(data, at, end)
        if at < 0 or count == 0:
            return kind, at
        said = -1  # bytes of a block that says how many it has
        if count < 0:
            count = -count
            said, at = varint(data, at, end)
            if at < 0 or said < 0 or count < 0:
                return kind, -1
        begin = at
        for _ in range(count):
            size, at = varint(data, at, end)
            if at < 0 or size < 0 or size > end - at:
                return kind, -1
            one = text_kind(data, at, at + size)
            if one < 0:
                kind = -1
            elif kind >= 0:
                kind |= one & ESCAPED
            at += size
        if 0 <= said != at - begin:
            return kind, -1


@woven
def datum_end(data: Array, at: int, end: int, fields: Array, first: int, last: int, seen: Array) -> tuple[int, int]:
    """Check a datum, and put in `seen` each field's kind, place and size, or its kind and value.

    Returns:
        The place behind the datum, or -1 where that is not sure; and the reason why the caller must look at it, or -1.
    """
    why = -1
    for field in range(first, last):
        kinds = fields[field, KINDS]
        if fields[field, BRANCHES]:
            if at >= end:
                return -1, DATUM
            branch = data[at]
            at += 1
            if branch & 1 or (branch >> 1) >= fields[field, BRANCHES]:
                return -1, DATUM
            kinds >>= 2 * np.int64(branch)
        kind = kinds & 15
        number = field - first
        if kind == TEXT:
            size, at = varint(data, at, end)
            if at < 0 or size < 0 or size > end - at:
                return -1, DATUM
            kind = text_kind(data, at, at + size)
            if kind < 0:
                why = NOT_TEXT
            seen[1, number], seen[2, number] = at, size
            at += size
        elif kind == WHOLE:
            value, at = varint(data, at, end)
            if at < 0:
                return -1, DATUM
            seen[1, number] = value
        elif kind == TRUTH:
            if at >= end or data[at] > 1:
                return -1, DATUM
            seen[1, number] = data[at]
            at += 1
        elif kind == TEXTS:
            seen[1, number] = at
            kind, at = texts(data, at, end)
            if at < 0:
                return -1, DATUM
            if kind < 0:
                why = NOT_TEXT
        elif kind != NULL:
            size = 8 if kind == DOUBLE else 4
            if end - at < size:
                return -1, DATUM
            value = load_double(data, at) if kind == DOUBLE else load_float(data, at)
            if not np.isfinite(value):
                kind = NO_NUMBER
            seen[1, number] = at
            at += size
        seen[0, number] = kind
    return at, why


@aside
def usable(data: Array, seen: Array, field: int) -> int:
    """Whether an id of a user can be sent: 1, or 0; -1 where it is no text."""
    if field < 0 or seen[0, field] == NULL:
        return 0
    if seen[0, field] & 15 != TEXT:
        return -1
    size = seen[2, field]
    if size != len(_REDACTED):
        return 1 if size else 0
    for place in range(size):
        if data[seen[1, field] + place] != _REDACTED[place]:
            return 1
    return 0
