# ruff: noqa: PLR0917 - numba takes positions only
"""The second way through a datum: the message is written in its own order, of what the first way found; pieces of a compiled loop."""

from currents_segment.codecs.columns import (
    AFTER_ID,
    ANONYMOUS_ID,
    CONTEXT,
    DOUBLE,
    EXTERNAL,
    FIELD,
    HEAD,
    ID,
    IN_TRAITS,
    KEY,
    KEY_END,
    NO_NUMBER,
    NULL,
    PROPERTIES,
    TAIL,
    TEXT,
    TEXTS,
    TIME,
    TIMESTAMP,
    TRAITS,
    TRUTH,
    USER,
    USER_ID,
    WHOLE,
)
from currents_segment.codecs.json_text import iso_time, number, pasted, places_of, string, whole
from currents_segment.codecs.native import Array, aside, load_double, load_float, woven
from currents_segment.codecs.walk import varint


@woven
def _section(data: Array, blob: Array, steps: Array, first: int, last: int, seen: Array, out: Array, to: int) -> int:
    """Write fields, each with a comma behind it; -1 where one of them is a number that is not sure."""
    for step in range(first, last):
        field = steps[step, FIELD]
        kind = seen[0, field]
        if kind in (NULL, NO_NUMBER):
            continue
        to = pasted(blob, steps[step, KEY], steps[step, KEY_END], out, to)
        at = seen[1, field]
        if kind & 15 == TEXT:
            out[to] = 0x22
            to = string(data, at, seen[2, field], kind, out, to + 1)
            out[to] = 0x22
            to += 1
        elif kind == WHOLE:
            to = whole(at, out, to)
        elif kind == TRUTH:
            to = pasted(blob, 0, 4, out, to) if at else pasted(blob, 4, 9, out, to)
        elif kind & 15 == TEXTS:
            to = _list(data, at, kind, out, to)
        else:
            value = load_double(data, at) if kind == DOUBLE else load_float(data, at)
            places = places_of(value)
            if places < 0:
                return -1
            to = number(value, places, out, to)
        out[to] = 0x2C
        to += 1
    return to


@aside
def _list(data: Array, at: int, kind: int, out: Array, to: int) -> int:
    """Write an array of texts that was walked."""
    out[to] = 0x5B
    to += 1
    count, at = varint(data, at, len(data))
    empty = count == 0
    while count:
        if count < 0:
            count = -count
            _, at = varint(data, at, len(data))
        for _ in range(count):
            size, at = varint(data, at, len(data))
            out[to] = 0x22
            to = string(data, at, size, kind, out, to + 1)
            out[to], out[to + 1] = 0x22, 0x2C
            to += 2
            at += size
        count, at = varint(data, at, len(data))
    if empty:
        to += 1
    out[to - 1] = 0x5D
    return to


@woven
def message(
    data: Array, rows: Array, row: int, steps: Array, blob: Array, seen: Array, external: int, user: int, out: Array, to: int
) -> int:
    """Write a message, a comma behind it; -1 where a number in it is not sure."""
    for piece, field, there in ((HEAD, rows[row, ID], 1), (USER_ID, rows[row, EXTERNAL], external), (ANONYMOUS_ID, rows[row, USER], user)):
        if there:
            to = pasted(blob, rows[row, piece], rows[row, piece + 1], out, to)
            to = string(data, seen[1, field], seen[2, field], seen[0, field], out, to)
            if piece == HEAD:
                to = pasted(blob, rows[row, AFTER_ID], rows[row, AFTER_ID + 1], out, to)
            out[to] = 0x22
            to += 1
    to = pasted(blob, rows[row, TIMESTAMP], rows[row, TIMESTAMP + 1], out, to)
    to = iso_time(seen[1, rows[row, TIME]], out, to)
    to = pasted(blob, rows[row, CONTEXT], rows[row, CONTEXT + 1], out, to)
    for place in range(3):  # traits and device, each only where there is something in it, and properties
        piece, section = IN_TRAITS + place, TRAITS + place
        inside = pasted(blob, rows[row, piece], rows[row, piece + 1], out, to)
        after = _section(data, blob, steps, rows[row, section], rows[row, section + 1], seen, out, inside)
        if after < 0:
            return -1
        if section == PROPERTIES:
            to = after - 1 if after > inside else after
        elif after > inside:
            out[after - 1], out[after] = 0x7D, 0x2C
            to = after + 1
    return pasted(blob, rows[row, TAIL], rows[row, TAIL + 1], out, to)
