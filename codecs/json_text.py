# ruff: noqa: C901, PLR0912, PLR0917, PLR1714, PLR2004 - a loop over bytes: characters by their numbers, and no calls that can be spared
"""Text of UTF-8 and numbers as JSON has them, byte for byte as orjson writes them; pieces of a compiled loop.

What is written into has room, which is for the caller to know, and `SPARE` bytes behind it.
"""

from typing import Any, Final

import numpy as np

from currents_segment.codecs.columns import ESCAPED, TEXT
from currents_segment.codecs.native import STEP, Array, aside, copy16, hard16, part

SPARE: Final = 64  # bytes behind what is written that copying in steps may touch


@aside
def _careful(data: Array, at: int, end: int) -> int:
    """What a text is, byte by byte: `TEXT`, with `ESCAPED` where JSON escapes some of it; -1 where it is not UTF-8."""
    kind = TEXT
    while at < end:
        first = data[at]
        if first < 0x80:
            if first < 0x20 or first == 0x22 or first == 0x5C:
                kind = TEXT | ESCAPED
            at += 1
            continue
        low, high = 0x80, 0xBF
        if first < 0xC2:
            return -1
        if first < 0xE0:
            more = 1
        elif first < 0xF0:
            more = 2
            if first == 0xE0:
                low = 0xA0
            elif first == 0xED:
                high = 0x9F
        elif first < 0xF5:
            more = 3
            if first == 0xF0:
                low = 0x90
            elif first == 0xF4:
                high = 0x8F
        else:
            return -1
        if end - at <= more or data[at + 1] < low or data[at + 1] > high:
            return -1
        for place in range(at + 2, at + 1 + more):
            if data[place] & 0xC0 != 0x80:
                return -1
        at += 1 + more
    return kind


@part
def text_kind(data: Array, begin: int, end: int) -> int:
    """The same, quick where all is plain."""
    at = begin
    while at < end:
        if at + STEP > len(data):
            return _careful(data, begin, end)
        hard = hard16(data, at)
        if end - at < STEP:
            hard &= (1 << (end - at)) - 1
        if hard:
            return _careful(data, begin, end)
        at += STEP
    return TEXT


@part
def pasted(blob: Array, begin: int, end: int, out: Array, to: int) -> int:
    """Copy a piece; `blob` goes on behind it, and `out` has room."""
    after = to + end - begin
    while to < after:
        copy16(blob, begin, out, to)
        begin += STEP
        to += STEP
    return after


@part
def _copied(data: Array, at: int, size: int, out: Array, to: int) -> int:
    """Copy as it stands."""
    if at + size + STEP <= len(data):
        return pasted(data, at, at + size, out, to)
    return _copied_exactly(data, at, size, out, to)


@aside
def _copied_exactly(data: Array, at: int, size: int, out: Array, to: int) -> int:
    for place in range(size):
        out[to + place] = data[at + place]
    return to + size


@aside
def _escaped(data: Array, at: int, size: int, out: Array, to: int) -> int:
    """Copy with JSON's escapes, as orjson writes them."""
    for place in range(at, at + size):
        byte = data[place]
        if byte >= 0x20 and byte != 0x22 and byte != 0x5C:
            out[to] = byte
            to += 1
            continue
        out[to] = 0x5C
        letter = byte
        if byte == 8:
            letter = 0x62
        elif byte == 9:
            letter = 0x74
        elif byte == 10:
            letter = 0x6E
        elif byte == 12:
            letter = 0x66
        elif byte == 13:
            letter = 0x72
        elif byte < 0x20:
            letter = 0x75
        out[to + 1] = letter
        to += 2
        if letter == 0x75:
            low = byte & 15
            out[to] = out[to + 1] = 0x30
            out[to + 2] = 0x30 + (byte >> 4)
            out[to + 3] = low + (0x30 if low < 10 else 0x57)
            to += 4
    return to


@part
def string(data: Array, at: int, size: int, kind: int, out: Array, to: int) -> int:
    """A text that was found to be of this kind, without its quotation marks."""
    if kind & ESCAPED:
        return _escaped(data, at, size, out, to)
    return _copied(data, at, size, out, to)


@aside
def _digits(value: Any, least: int, out: Array, to: int) -> int:
    """A uint64 in decimal, with zeros in front of it up to `least` digits."""
    count, rest = 1, value // np.uint64(10)
    while rest:
        count, rest = count + 1, rest // np.uint64(10)
    count = max(count, least)
    for place in range(to + count - 1, to - 1, -1):
        out[place] = np.uint64(0x30) + value % np.uint64(10)
        value //= np.uint64(10)
    return to + count


@aside
def whole(value: int, out: Array, to: int) -> int:
    """An integer."""
    if value < 0:
        out[to] = 0x2D
        return _digits(np.uint64(0) - np.uint64(value), 1, out, to + 1)
    return _digits(np.uint64(value), 1, out, to)


_TENS: Final = np.array([10.0**places for places in range(13)])
_EXACT: Final = (
    1e15  # up to here two decimals are never the same double, so the shortest that is this double is the one that anybody writes
)


@aside
def places_of(value: float) -> int:
    """How many decimal places a number needs; -1 where it has more than 15 digits, or orjson writes it with an exponent."""
    value = abs(value)
    if value != 0 and not 1e-3 <= value < _EXACT:
        return -1
    for places in range(13):
        whole = np.rint(value * _TENS[places])
        if whole >= _EXACT:
            return -1
        if whole / _TENS[places] == value:
            return places
    return -1


@aside
def number(value: float, places: int, out: Array, to: int) -> int:
    """A number of so many decimal places."""
    if np.copysign(1.0, value) < 0:
        out[to] = 0x2D
        to += 1
        value = -value
    scale = np.uint64(_TENS[places])
    whole = np.uint64(np.rint(value * _TENS[places]))
    to = _digits(whole // scale, 1, out, to)
    out[to] = 0x2E
    return _digits(whole % scale, max(places, 1), out, to + 1)


@part
def _pair(value: int, out: Array, to: int) -> None:
    """Two digits."""
    out[to] = 0x30 + value // 10
    out[to + 1] = 0x30 + value % 10


@aside
def iso_time(time: int, out: Array, to: int) -> int:
    """Unix seconds as `2026-01-02T03:04:05`. The calendar is Howard Hinnant's `civil_from_days`: years begin in March, eras have 400."""
    days = time // 86_400
    shifted = days + 719_468
    era = shifted // 146_097
    day_of_era = shifted - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month += 3 if month < 10 else -9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    seconds = time - days * 86_400
    _pair(year // 100, out, to)
    _pair(year % 100, out, to + 2)
    out[to + 4] = out[to + 7] = 0x2D
    _pair(month, out, to + 5)
    _pair(day, out, to + 8)
    out[to + 10] = 0x54
    _pair(seconds // 3_600, out, to + 11)
    out[to + 13] = out[to + 16] = 0x3A
    _pair(seconds // 60 % 60, out, to + 14)
    _pair(seconds % 60, out, to + 17)
    return to + 19
