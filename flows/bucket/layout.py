"""What a key says about its object: event type, hour, layout, class; and which keys hold no events. Pure: no store, no clock.

Layouts (Braze, "naming conventions may change", so anything below a folder is read):

    old  …/event_type=<type>/date=YYYY-MM-DD-HH/<schema-id>/<zone>/<name>+<partition>+<offset>.avro
    new  …/event_type=<type>/date=YYYY-MM-DD-HH/version=<int>/<environment>/…
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from xxhash import xxh3_64_intdigest

CLASSES: Final = 16
"""Units of a source, for ever: they are places in the recovery store."""
HOUR: Final = 3600.0
MINUTE: Final = 60.0
TYPE: Final = "event_type="
DATE: Final = "date="

_DATE: Final = re.compile(r"(?:^|/)date=(\d{4})-(\d{2})-(\d{2})-(\d{2})/(.*)", re.DOTALL)

Layout = Literal["old", "new", "unknown"]


@dataclass(frozen=True, slots=True)
class Object:
    """One object that holds events.

    Attributes:
        key: its name below the source's URL.
        size: bytes.
        modified: when it came into the bucket, seconds since the epoch.
        hour: the hour it belongs to, hours since the epoch: of `date=…`, or else of `modified`.
        hash: xxh3_64 of the key: its class, and its name among the finished ones.
    """

    key: str
    size: int
    modified: float
    hour: int
    hash: int

    @property
    def unit(self) -> int:
        """Its class, 0..15."""
        return self.hash % CLASSES

    @property
    def order(self) -> tuple[int, int, str]:
        """Objects of a unit are read in this order: of those of an hour that came in the same minute, and so may flow together, each type's side by side."""
        return self.hour, int(self.modified // MINUTE), self.key


def unit_of(key: str) -> int:
    """A key's class, 0..15: stable for ever, as it decides which unit has read the object."""
    return xxh3_64_intdigest(key.encode()) % CLASSES


def event_type(key: str) -> str:
    """The type that `event_type=…` names anywhere in the key, or ``""``."""
    return next((part[len(TYPE) :] for part in key.split("/")[:-1] if part.startswith(TYPE)), "")


def dated(key: str) -> int | None:
    """The hour that `date=YYYY-MM-DD-HH` names, in hours since the epoch; None without one, or when it is no date."""
    if (found := _DATE.search(key)) is None:
        return None
    year, month, day, hour = (int(part) for part in found.groups()[:4])
    try:
        return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp() // HOUR)
    except ValueError:
        return None


def stamp(hour: int) -> str:
    """The name of an hour's folder."""
    return f"{DATE}{datetime.fromtimestamp(hour * HOUR, UTC):%Y-%m-%d-%H}"


def holds_events(key: str, size: int) -> bool:
    """False for what is known to be no events; everything else is read, and what is no Avro is damage that is counted.

    Not read: names with a part that begins with `.` or `_` (`_SUCCESS`, `_temporary/…`: hidden, as in Hive and Spark), names that end
    in `.tmp` or `.crc`, empty directory markers (`…/`), and, outside `event_type=` folders, whatever doesn't end in `.avro`.
    An empty `.avro` file is read: it is damage.
    """
    parts = key.split("/")
    if any(part.startswith((".", "_")) for part in parts) or key.endswith((".tmp", ".crc")):
        return False
    if not parts[-1]:
        return False
    if not event_type(key):
        return key.endswith(".avro")
    return size > 0 or key.endswith(".avro")


def layout(key: str) -> Layout:
    """Which of Braze's layouts a key follows."""
    if not event_type(key) or (found := _DATE.search(key)) is None:
        return "unknown"
    rest = found[5].split("/")
    if rest[0].startswith("version="):
        return "new"
    return "old" if len(rest) == 3 else "unknown"  # noqa: PLR2004  # schema id, zone, file


def describe(key: str, size: int, modified: float) -> Object:
    """An object as a listing names it."""
    hour = dated(key)
    return Object(key, size, modified, int(modified // HOUR) if hour is None else hour, xxh3_64_intdigest(key.encode()))
