"""Events of one type, as Braze would record them: a few sends (campaign, canvas, message) that many users meet.

The pair (user, second) is never repeated within a type below 5,000 events a second, so that each event's content is its own: that is how
the comparison tells events apart without their ids.
"""

from collections.abc import Sequence
from random import Random
from typing import Any, Final
from uuid import UUID

from currents_segment.flows.simulate import currents_values as values
from currents_segment.flows.simulate.currents_mess import COPIES, OF_EVENTS, Mess, Rota
from currents_segment.flows.simulate.currents_types import ENVELOPE, EventType, Version

USERS: Final = 5_000
SENDS: Final = 16  # templates a type and version: making one costs as much as a hundred events
REMEMBERED: Final = 64  # events of the last file that may come again in the next

Record = dict[str, Any]
Person = dict[str, str | None]


def people(rng: Random, anonymous: float) -> list[Person]:
    """The users of the shop, the share of anonymous ones spread evenly."""
    rota = Rota({"anonymous": anonymous})
    return [values.person(number, rota.turn() is not None, rng) for number in range(USERS)]


class Stream:
    """The events of one type, in all versions of its schema; records of one version have exactly that version's fields."""

    def __init__(self, kind: EventType, crowd: Sequence[Person], mess: Mess, rng: Random) -> None:
        self._kind, self._crowd, self._rng = kind, crowd, rng
        self._oddities = Rota(mess.of(OF_EVENTS))
        self._copies = Rota(mess.of(COPIES))
        self._count = rng.randrange(USERS)
        self._sends: dict[Version, list[Record]] = {}
        self._followed: dict[Version, tuple[str, ...]] = {}
        self._earlier: dict[Version, list[Record]] = {}
        self._free: dict[Version, str] = {}

    def records(self, version: Version, count: int, start: float, end: float) -> list[Record]:
        """So many events of that span of time, copies included."""
        self._prepare(version)
        earlier = self._earlier.get(version, [])
        made: list[Record] = []
        copies = []
        for number in range(count):
            copy = self._copies.turn()
            if copy == "duplicates" and made:
                copies.append(self._rng.choice(made))
            elif copy == "again" and earlier:
                copies.append(self._rng.choice(earlier))
            else:
                made.append(self._event(version, int(start + (end - start) * number / count)))
        self._earlier[version] = made[-REMEMBERED:]
        return made + copies

    def _prepare(self, version: Version) -> None:
        if version in self._sends:
            return
        fields = self._kind.of(version).fields
        known = self._crowd[0]
        self._followed[version] = tuple(field.name for field in fields if field.name in known and field.type == "string")
        own = [field for field in fields if field.name not in ENVELOPE]
        self._sends[version] = [{field.name: values.value(field, self._rng) for field in own} for _ in range(SENDS)]
        free = [field for field in own if field.type == "string" and field.name not in known]
        # a text that is sent in any case, where the type has one: then what is too large is so for every connector
        self._free[version] = min(free, key=lambda field: (field.unmapped, field.maps_to is None)).name

    def _event(self, version: Version, at: int) -> Record:
        self._count += 1
        user = self._crowd[self._count % USERS]
        record = dict(self._rng.choice(self._sends[version]))
        for name in self._followed[version]:
            record[name] = user[name]
        record["id"] = str(UUID(int=self._rng.getrandbits(128), version=4))
        record["time"] = at
        if (oddity := self._oddities.turn()) is not None:
            self._disturb(oddity, record, version)
        return record

    def _disturb(self, oddity: str, record: Record, version: Version) -> None:
        """Make an event odd; those who have no such text are left as they are."""
        nullable = any(field.name == "user_id" and field.nullable for field in self._kind.fields)
        match oddity:
            case "no_identity":
                record["user_id"] = None if nullable and self._rng.random() < 0.5 else values.REDACTED  # noqa: PLR2004 - a coin
                record["external_user_id"] = self._rng.choice((None, values.REDACTED))
            case "redacted" if record["external_user_id"] is not None and self._rng.random() < 0.5:  # noqa: PLR2004 - a coin
                record["user_id"] = self._rng.choice((None, values.REDACTED)) if nullable else values.REDACTED
            case "redacted":
                record["external_user_id"] = values.REDACTED
            case "strange":
                record[self._free[version]] = self._rng.choice(values.STRANGE)
            case "long":
                record[self._free[version]] = self._rng.choice(("long text ", "ß" * 10)) * (values.LONG // 10)
            case _:
                record[self._free[version]] = "too large " * (values.OVERSIZE // 10)
