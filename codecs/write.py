# ruff: noqa: PLR0917 - compiled: numba takes positions only
"""A message is put together of its parts: constant pieces, ids, and the drafts of its sections; a piece of a compiled loop."""

from currents_segment.codecs.columns import (
    AFTER_ID,
    ANONYMOUS_ID,
    AT,
    CONSTANT,
    CONTEXT,
    EXTERNAL,
    HEAD,
    ID,
    IN_TRAITS,
    PROPERTIES,
    SECTIONS,
    TAIL,
    TIME,
    TIMESTAMP,
    USER,
    USER_ID,
)
from currents_segment.codecs.json_text import iso_time, pasted
from currents_segment.codecs.native import Array, cell, part, put, woven


@part
def _piece(blob: Array, rows: Array, row: int, piece: int, out: Array, to: int) -> int:
    begin = rows[row, piece]
    return pasted(blob, begin, rows[row, piece + 1] - begin, out, to)


@part
def _draft(drafts: Array, ends: Array, section: int, left: int, out: Array, to: int) -> int:
    """What was drafted of a section, but `left` bytes that it begins with, and the comma that it ends with."""
    begin = section * (len(drafts) // SECTIONS)
    return pasted(drafts, begin + left, cell(ends, section) - begin - left - 1, out, to)


@woven
def message(
    rows: Array, row: int, blob: Array, seen: Array, drafts: Array, ends: Array, external: int, user: int, out: Array, to: int
) -> int:
    """Write a message, a comma behind it."""
    to = _piece(blob, rows, row, HEAD, out, to)
    to = _draft(drafts, ends, ID, 1, out, to)
    to = _piece(blob, rows, row, AFTER_ID, out, to - 1)
    if external:
        to = _draft(drafts, ends, EXTERNAL, 1, out, _piece(blob, rows, row, USER_ID, out, to))
    if user:
        to = _draft(drafts, ends, USER, 1, out, _piece(blob, rows, row, ANONYMOUS_ID, out, to))
    to = iso_time(seen[TIME, AT], out, _piece(blob, rows, row, TIMESTAMP, out, to))
    to = _piece(blob, rows, row, CONTEXT, out, to)
    for section in range(PROPERTIES):  # traits and device, each only where there is something in it
        if cell(ends, section) > section * (len(drafts) // SECTIONS):
            to = _draft(drafts, ends, section, 0, out, _piece(blob, rows, row, IN_TRAITS + section, out, to))
            put(out, to, 0x7D)
            put(out, to + 1, 0x2C)
            to += 2
    to = _piece(blob, rows, row, CONSTANT, out, to)
    if cell(ends, PROPERTIES) > PROPERTIES * (len(drafts) // SECTIONS):
        to = _draft(drafts, ends, PROPERTIES, 0, out, to)
    return _piece(blob, rows, row, TAIL, out, to)
