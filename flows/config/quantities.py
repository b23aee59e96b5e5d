"""Durations, sizes, counts and times as a person writes them: text in, seconds, bytes or numbers out, or a WrongValueError that teaches."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
BYTES: Final = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
THOUSANDS: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}

_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"
DURATION_PATTERN: Final = rf"^(?:{_NUMBER}(?:ms|s|m|h|d))+$"
SIZE_PATTERN: Final = rf"^{_NUMBER}(?:B|KB|MB|GB|KiB|MiB|GiB)$"
COUNT_PATTERN: Final = rf"^{_NUMBER}[KMG]?$"


class WrongValueError(ValueError):
    """A value that a person must write otherwise; the message says how, and stands after the value's place in the file."""


def shown(value: object) -> str:
    """A wrong value as the file has it, short enough for a message."""
    match value:
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            text = json.dumps(value, ensure_ascii=False, default=str)
            return text if len(text) <= 60 else f'{text[:57]}…"'  # noqa: PLR2004  # the line still fits a terminal with its path


def duration(value: object) -> float:
    """Seconds of `48h`, `90s`, `1h30m`, `250ms`, `2d`; a bare number is refused: nobody remembers which unit it is in."""
    if not isinstance(value, str) or not re.fullmatch(DURATION_PATTERN, value):
        raise WrongValueError(f"{shown(value)} is not a duration: write a number and a unit, such as 48h (units: {', '.join(SECONDS)})")
    return sum(float(number) * SECONDS[unit] for number, unit in re.findall(rf"({_NUMBER})([a-z]+)", value))


def size(value: object) -> int:
    """Bytes of `475KB` (1 KB = 1,000 B) or `64MiB` (1 MiB = 1,048,576 B)."""
    if not isinstance(value, str) or not re.fullmatch(SIZE_PATTERN, value):
        raise WrongValueError(f"{shown(value)} is not a size: write a number and a unit, such as 475KB (units: {', '.join(BYTES)})")
    return _scaled(value, BYTES)


def count(value: object) -> int:
    """A whole number, written out or as `100M` (K, M and G are thousands)."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch(COUNT_PATTERN, text):
        raise WrongValueError(f"{shown(value)} is not a count: write a whole number, such as 250000 or 100M (units: K, M, G)")
    return _scaled(text, THOUSANDS)


def _scaled(text: str, units: Mapping[str, int]) -> int:
    number = re.match(_NUMBER, text)
    if number is None:  # the callers' patterns begin with a number
        raise AssertionError(text)
    return round(float(number[0]) * units[text[number.end() :]])


def start(value: object) -> float | Literal["earliest", "now"]:
    """`earliest`, `now`, or an RFC 3339 time as seconds since the epoch; a time without a zone is refused: it would depend on the machine."""
    if value == "earliest" or value == "now":  # noqa: PLR1714  # keeps the two literals' type
        return value
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise WrongValueError(f"{shown(value)} is not a start: write earliest, now, or a time with its zone, such as 2026-01-31T00:00:00Z")
    return time.timestamp()


@dataclass(frozen=True, slots=True)
class Quantity:
    """How pydantic reads one kind of quantity, and how editors check it.

    Attributes:
        parse: text → number, or WrongValueError.
        low: the least value, as a person writes it; messages repeat it so.
        high: the greatest.
        schema: what the JSON Schema shows to editors.
    """

    parse: Callable[[object], float]
    low: str
    high: str
    schema: Mapping[str, Any]

    def read(self, value: object) -> float:
        """The number, within its bounds."""
        number = self.parse(value)
        if not self.parse(self.low) <= number <= self.parse(self.high):
            raise WrongValueError(f"{shown(value)} is out of bounds: from {self.low} to {self.high}")
        return number

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return dict(self.schema)


def durations(low: str, high: str) -> Quantity:
    """A duration from `low` to `high`."""
    return Quantity(duration, low, high, {"type": "string", "pattern": DURATION_PATTERN})


def sizes(low: str, high: str) -> Quantity:
    """A size from `low` to `high`."""
    return Quantity(size, low, high, {"type": "string", "pattern": SIZE_PATTERN})


def counts(low: str, high: str) -> Quantity:
    """A count from `low` to `high`."""
    return Quantity(count, low, high, {"type": ["integer", "string"], "pattern": COUNT_PATTERN})
