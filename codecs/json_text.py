# ruff: noqa: C901, PLR0912, PLR1714, PLR2004 - a loop over bytes: characters by their numbers, and no calls that can be spared
"""Text of UTF-8 and numbers as JSON has them, byte for byte as orjson writes them; pieces of a compiled loop.

What is written into has room, which is for the caller to know, and `SPARE` bytes behind it.
"""

from typing import Any, Final

import numpy as np

from currents_segment.codecs.native import STEP, Array, aside, cell, copied, copied_half, hard, part, put, put8, zeros

SPARE: Final = 2 * STEP  # bytes behind what is written that copying in steps may touch
NOT_TEXT: Final = -1  # in place of where a text ends: it is not UTF-8


@part
def pasted(source: Array, begin: int, size: int, out: Array, to: int) -> int:
    """Copy a piece; `source` goes on behind it, and `out` has room."""
    copied(source, begin, out, to)
    done = STEP
    while done < size:
        copied(source, begin + done, out, to + done)
        done += STEP
    return to + size


@part
def key(blob: Array, begin: int, size: int, out: Array, to: int) -> int:
    """The same, for what is mostly short."""
    copied_half(blob, begin, out, to)
    if size > STEP // 2:
        return pasted(blob, begin, size, out, to)
    return to + size


@part
def plain(data: Array, at: int, size: int, out: Array, to: int) -> bool:
    """Copy a text of less than `STEP` bytes as it stands, of which the caller knows that data go on for `STEP`; whether that is its form in JSON."""
    return not hard(data, at, out, to) & ((np.uint64(1) << np.uint64(size)) - np.uint64(1))


@aside
def text(data: Array, at: int, size: int, out: Array, to: int) -> int:
    """Write a text with JSON's escapes and without quotation marks, as orjson writes it.

    Returns:
        The place behind it, or `NOT_TEXT`.
    """
    end = at + size
    while at < end:
        if at + STEP <= len(data):
            found = hard(data, at, out, to)
            simple = min(zeros(found) if found else STEP, end - at)
            at += simple
            to += simple
            if simple == STEP or at == end:
                continue
        at, to = _careful(data, at, end, out, to)
    return to if at == end else NOT_TEXT


@part
def _careful(data: Array, at: int, end: int, out: Array, to: int) -> tuple[int, int]:
    """One character, and those that are not plain behind it; to behind `end` where it is not UTF-8."""
    nowhere = end + 1
    first = cell(data, at)
    while True:
        if first < 0x80:
            to = _escaped(first, out, to)
            at += 1
        else:
            low, high = 0x80, 0xBF
            if first < 0xC2:
                return nowhere, to
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
                return nowhere, to
            if end - at <= more or cell(data, at + 1) < low or cell(data, at + 1) > high:
                return nowhere, to
            put(out, to, first)
            put(out, to + 1, cell(data, at + 1))
            for place in range(2, 1 + more):
                byte = cell(data, at + place)
                if byte & 0xC0 != 0x80:
                    return nowhere, to
                put(out, to + place, byte)
            at += 1 + more
            to += 1 + more
        if at == end:
            return at, to
        first = cell(data, at)
        if first < 0x80 and not (first < 0x20 or first == 0x22 or first == 0x5C):
            return at, to


@aside
def _escaped(byte: int, out: Array, to: int) -> int:
    """A character of ASCII."""
    if byte >= 0x20 and byte != 0x22 and byte != 0x5C:
        put(out, to, byte)
        return to + 1
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
    put(out, to, 0x5C)
    put(out, to + 1, letter)
    if letter != 0x75:
        return to + 2
    low = byte & 15
    put(out, to + 2, 0x30)
    put(out, to + 3, 0x30)
    put(out, to + 4, 0x30 + (byte >> 4))
    put(out, to + 5, low + (0x30 if low < 10 else 0x57))
    return to + 6


_PAIRS: Final = np.frombuffer(b"".join(b"%02d" % number for number in range(100)), np.uint8)
_POWERS: Final = np.array([10**places for places in range(20)], np.uint64)


@part
def _pair(value: Any, out: Array, to: int) -> None:
    """Two digits of a uint64 below 100."""
    at = np.int64(value) * 2
    put(out, to, cell(_PAIRS, at))
    put(out, to + 1, cell(_PAIRS, at + 1))


@aside
def _digits(value: Any, least: int, out: Array, to: int) -> int:
    """A uint64 in decimal, with zeros in front of it up to `least` digits."""
    count = least
    while count < len(_POWERS) and value >= cell(_POWERS, count):
        count += 1
    place = to + count - 2
    while place >= to:
        _pair(value % np.uint64(100), out, place)
        value //= np.uint64(100)
        place -= 2
    if place == to - 1:
        put(out, to, np.uint8(np.uint64(0x30) + value))
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


@aside
def iso_time(time: int, out: Array, to: int) -> int:
    """Unix seconds from 0 on as `2026-01-02T03:04:05`. The calendar is Howard Hinnant's `civil_from_days`: years begin in March, eras have 400."""
    days = np.uint64(time) // np.uint64(86_400)
    seconds = np.uint64(time) - days * np.uint64(86_400)
    shifted = days + np.uint64(719_468)
    era = shifted // np.uint64(146_097)
    day_of_era = shifted - era * np.uint64(146_097)
    year_of_era = (
        day_of_era - day_of_era // np.uint64(1_460) + day_of_era // np.uint64(36_524) - day_of_era // np.uint64(146_096)
    ) // np.uint64(365)
    day_of_year = day_of_era - (np.uint64(365) * year_of_era + year_of_era // np.uint64(4) - year_of_era // np.uint64(100))
    month = (np.uint64(5) * day_of_year + np.uint64(2)) // np.uint64(153)
    day = day_of_year - (np.uint64(153) * month + np.uint64(2)) // np.uint64(5) + np.uint64(1)
    year = year_of_era + era * np.uint64(400)
    if month < np.uint64(10):
        month += np.uint64(3)
    else:
        month -= np.uint64(9)
        year += np.uint64(1)
    put8(out, to + 11, np.uint64(0x3A00003A0000))  # colons
    _pair(year // np.uint64(100), out, to)
    _pair(year % np.uint64(100), out, to + 2)
    put(out, to + 4, 0x2D)
    _pair(month, out, to + 5)
    put(out, to + 7, 0x2D)
    _pair(day, out, to + 8)
    put(out, to + 10, 0x54)
    _pair(seconds // np.uint64(3_600), out, to + 11)
    _pair(seconds // np.uint64(60) % np.uint64(60), out, to + 14)
    _pair(seconds % np.uint64(60), out, to + 17)
    return to + 19
