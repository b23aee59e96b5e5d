"""Events of every type in every shape that Braze may send, made by chance from a seed: what the pipeline gets, and what the oracle knows of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from uuid import UUID

from tests.oracle.truth import ENVELOPE, Json, catalogue

POISON: Final = "poison"  # external_user_id of events that the double is told to refuse
UNKNOWN: Final = "users.messages.telepathy.Send"
BORN: Final = 1_700_000_000  # s since the epoch: event times have nothing to do with arrivals
PLAIN: Final = {
    "string": "string",
    "int": "int",
    "long": "long",
    "boolean": "boolean",
    "array<string>": {"type": "array", "items": "string"},
}
NEWER: Final[list[tuple[str, Any]]] = [  # fields that Braze may add some day
    ("brand_new_text", "string"),
    ("brand_new_number", "double"),
    ("brand_new_bytes", "bytes"),
    ("brand_new_map", {"type": "map", "values": "long"}),
    ("brand_new_choice", {"type": "enum", "name": "choice", "symbols": ["ONE", "TWO"]}),
    ("brand_new_parts", {"type": "record", "name": "parts", "fields": [{"name": "inner", "type": ["null", "string"]}]}),
]
NUMBERS: Final = {
    "boolean": (False, True),
    "int": (0, 1, -1, 42, 2**31 - 1, -(2**31)),
    "long": (0, 1, -1, 10**12, 2**63 - 1, -(2**63)),
    "double": (0.0, -1.5, 0.1, 1e300, 5e-324),
}
WORDS: Final = ("spring", "Grüße", "日本", "🛒", 'quo"te', "back\\slash", "new\nline", "\u2028", "\x01", "", "null", "0", "é" * 40)


@dataclass(frozen=True, slots=True)
class Lot:
    """Events of one type, written with one schema.

    Attributes:
        type: as Braze spells it.
        known: the catalogue's entry; None where there is none.
        schema: the writer's, as Avro has it.
        events: records that fit it.
    """

    type: str
    known: Json | None
    schema: Json
    events: tuple[Json, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """Of the schema, in order."""
        return tuple(each["name"] for each in self.schema["fields"])


class Inputs:
    """Makes lots.

    Args:
        random: all chance.
        unique: no id is used for two types, as raw messageIds need it.
    """

    def __init__(self, random: Random, *, unique: bool) -> None:
        self._random, self._unique = random, unique
        self._types = catalogue()
        self._made: list[Lot] = []
        self._ids: list[str] = []

    def lot(self, size: int, only: str = "") -> Lot:
        """New events of some type, or of a family."""
        random = self._random
        if not only and random.random() < 0.04:
            known, name = None, UNKNOWN
        else:
            known = random.choice([each for each in self._types if not only or each["family"] == only])
            name = random.choice([known["currents_type"], *known["aliases"]])
        fields = self._fields(known)
        record = f"dataexport.prod_01.inner.{name}" if random.random() < 0.8 else name
        lot = Lot(name, known, {"type": "record", "name": record, "fields": fields}, tuple(self._events(fields, size)))
        self._made.append(lot)
        return lot

    def copies(self, size: int) -> Lot | None:
        """Some earlier events once more, as they were; None before there are any."""
        if not self._made:
            return None
        lot = self._random.choice(self._made)
        return Lot(lot.type, lot.known, lot.schema, tuple(self._random.sample(lot.events, min(size, len(lot.events)))))

    def _fields(self, known: Json | None) -> list[Json]:
        """The schema of an older, the present or a newer version."""
        entries = known["fields"] if known else []
        version = self._random.choice(("older", "present", "newer"))
        if not entries:
            entries = [{"name": name, "type": "string", "nullable": name != "id"} for name in ("id", "user_id", "external_user_id")]
            entries += [{"name": "time", "type": "int", "nullable": False}, {"name": "email_address", "type": "string", "nullable": True}]
        fields = []
        for entry in entries:
            recent = "since_currents_version" in entry or (entry["nullable"] and self._random.random() < 0.2)
            if version == "older" and recent and entry["name"] not in ENVELOPE:
                continue
            kind = PLAIN[entry["type"]]
            fields.append(_nullable(entry["name"], kind) if entry["nullable"] else {"name": entry["name"], "type": kind})
        if version == "newer":
            fields += [_nullable(name, kind) for name, kind in self._random.sample(NEWER, self._random.randint(1, 3))]
        return fields

    def _events(self, fields: Sequence[Json], size: int) -> Iterator[Json]:
        random = self._random
        for _ in range(size):
            event = {each["name"]: self._value(each["type"]) for each in fields}
            event["id"] = self._id()
            event["time"] = BORN + random.randrange(10**7)
            event["external_user_id"] = f"user-{random.randrange(500)}"
            event["user_id"] = f"braze-{random.randrange(500)}"
            self._oddity(event, {each["name"]: each["type"] for each in fields})
            yield event

    def _oddity(self, event: Json, types: dict[str, Any]) -> None:
        """A few events are not as they should be, or not as everybody thinks they are."""
        text = [name for name, kind in types.items() if kind in ("string", ["null", "string"]) and name not in ENVELOPE]
        match self._random.random():
            case chance if chance < 0.05:
                event["external_user_id"] = self._random.choice((None, "[REDACTED]", ""))
            case chance if chance < 0.06:
                event["external_user_id"], event["user_id"] = None, None if isinstance(types["user_id"], list) else "[REDACTED]"
            case chance if chance < 0.065 and text:
                event[self._random.choice(text)] = "large" * 8_000
            case chance if chance < 0.07:
                event["id"] = self._random.choice(("", event["id"]))
            case chance if chance < 0.075:
                event["time"] = -1
            case chance if chance < 0.085:
                event["id"] += "-of-a-length-that-nobody-expects" * 4
            case _:
                pass

    def _id(self) -> str:
        """A new one; now and then, as in what Braze publishes, one that another event has too."""
        if self._ids and not self._unique and self._random.random() < 0.01:
            return self._random.choice(self._ids)
        self._ids.append(str(UUID(int=self._random.getrandbits(128), version=4)))
        return self._ids[-1]

    def _value(self, kind: Any) -> Any:  # noqa: PLR0911 - one type after the other
        """Of an Avro type, with the values at its ends."""
        random = self._random
        match kind:
            case [_, inner]:
                return None if random.random() < 0.3 else self._value(inner)
            case {"type": "array"}:
                return [random.choice(WORDS) for _ in range(random.randrange(3))]
            case {"type": "map"}:
                return {random.choice(WORDS): random.randrange(-(2**63), 2**63) for _ in range(random.randrange(3))}
            case {"type": "enum", "symbols": symbols}:
                return random.choice(symbols)
            case {"fields": fields}:
                return {each["name"]: self._value(each["type"]) for each in fields}
            case "bytes":
                return random.randbytes(random.randrange(6))
            case "string":
                return " ".join(random.choice(WORDS) for _ in range(random.randrange(1, 4)))
            case _:
                return random.choice(NUMBERS[kind])


def poisoned(lot: Lot, random: Random) -> Lot:
    """The lot with one event that the double will refuse."""
    events = list(lot.events)
    victim = random.randrange(len(events))
    events[victim] = {**events[victim], "external_user_id": POISON}
    return Lot(lot.type, lot.known, lot.schema, tuple(events))


def _nullable(name: str, kind: Any) -> Json:
    return {"name": name, "type": ["null", kind], "default": None}
