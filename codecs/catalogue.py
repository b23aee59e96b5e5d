"""The Currents event types that are known, as data: `catalogue.json` beside this file; adding a type is one entry there and no code.

A type that Braze publishes no Segment name for is named by one rule, and flagged `name_is_ours`: the segments of the type that say where it
stands (`users`, `messages`, `behaviors`, `agentconsole`) are left out, the others are written as words, and the last word becomes a past
participle, or `Recorded` follows where the table of participles has none: Segment's "Object Action". The tables are in the data (`naming`).
    users.messages.rcs.Delivery → RCS Delivered        users.behaviors.app.SessionStart → App Session Started
    users.profile.Update → Profile Updated             users.behaviors.Location → Location Recorded
Two published names are the same ("Aborted", of LINE and RCS): they are kept as published; `overrides` tell them apart where that is wanted.
"""

import difflib
import fnmatch
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType
from typing import Any, Final, Literal

import orjson

type_key: Final = str.casefold  # types and families are told apart without regard to case

Preset = Literal["glossary", "legacy"]
PRESETS: Final[tuple[Preset, ...]] = ("glossary", "legacy")

_RECORD_PREFIX: Final = re.compile(r"^dataexport\.(?:.*\.)?inner\.", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event type, as of Currents v12.

    Attributes:
        name: its name in the record.
        type: `string`, `int`, `long`, `boolean` or `array<string>`.
        nullable: it may be null.
        place: where Braze's documented payload has it (`properties.card_id`, `context.traits.email`, `userId` …), or None.
        unpublished: nothing is published about its place: it is newer than the documentation. None as `place` means "not sent" only where
            this is false.
        pii: Braze's schema marks it as personal.
    """

    name: str
    type: str
    nullable: bool
    place: str | None
    unpublished: bool
    pii: bool


@dataclass(frozen=True, slots=True)
class EventType:
    """One Currents event type.

    Attributes:
        name: the canonical name, the one that configurations, ledgers and metrics use.
        aliases: other spellings that Braze uses.
        family: the group on the connector's form.
        segment_name: the newest published name of the Segment event, or ours.
        name_is_ours: no name is published; `segment_name` follows the rule above.
        older_names: names published earlier, best first.
        listed: `connector` (exported to Segment today), `legacy`, `extended` or `other`.
        fields: by name; empty where no fields are published.
        mapped: some field besides the envelope has a published place; otherwise the general places hold (see `mapping`).
    """

    name: str
    aliases: tuple[str, ...]
    family: str
    segment_name: str
    name_is_ours: bool
    older_names: tuple[str, ...]
    listed: str
    fields: Mapping[str, Field]
    mapped: bool = field(default=False)


@dataclass(frozen=True, slots=True)
class Selection:
    """What patterns select.

    Attributes:
        types: canonical names.
        mistakes: one line for each pattern that selects nothing, naming the nearest that exists.
    """

    types: frozenset[str]
    mistakes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """Segment's event name of every known type.

    Attributes:
        of: by canonical type.
        mistakes: one line for each override of a type that does not exist.
    """

    of: Mapping[str, str]
    mistakes: tuple[str, ...]


class Catalogue:
    """All known types; immutable.

    Attributes:
        types: by canonical name, in the order of the data.
        families: canonical names by family.
    """

    def __init__(self, types: Sequence[EventType]) -> None:
        self.types: Mapping[str, EventType] = MappingProxyType({known.name: known for known in types})
        families: dict[str, set[str]] = {}
        spellings: dict[str, EventType] = {}
        for known in types:
            families.setdefault(known.family, set()).add(known.name)
            for spelling in (known.name, *known.aliases):
                if spellings.setdefault(_bare(spelling), known) is not known:
                    raise ValueError(f"catalogue: {spelling} means two types")
        self.families: Mapping[str, frozenset[str]] = MappingProxyType({name: frozenset(members) for name, members in families.items()})
        self._spellings = spellings
        self._families = {type_key(name): members for name, members in self.families.items()}

    def resolve(self, name: str) -> EventType | None:
        """The type of that name: canonical, alias or an Avro record's full name; case and `_` for `.` make no difference."""
        return self._spellings.get(_bare(name))

    def select(self, patterns: Sequence[str]) -> Selection:
        """A pattern is a type, an alias, a family, a glob (`users.messages.email.*`) or `*` for every type."""
        types: set[str] = set()
        mistakes: list[str] = []
        for pattern in patterns:
            found = self._match(pattern)
            types |= found
            if not found:
                mistakes.append(f"{pattern!r} selects nothing: no such event type, family or pattern{self._nearest(pattern)}")
        return Selection(frozenset(types), tuple(mistakes))

    def names(self, preset: Preset = "glossary", overrides: Mapping[str, str] | None = None) -> Names:
        """Segment names of all types: the newest published ones, or the `legacy` ones where those differ, then the overrides (any spelling)."""
        older = preset == "legacy"
        of = {known.name: known.older_names[0] if older and known.older_names else known.segment_name for known in self.types.values()}
        mistakes = []
        for spelling, name in (overrides or {}).items():
            known = self.resolve(spelling)
            if known is None:
                mistakes.append(f"{spelling!r} is no known event type{self._nearest(spelling, families=False)}")
            elif not name.strip():
                mistakes.append(f"{spelling!r} needs a name: Segment drops a track event that has none")
            else:
                of[known.name] = name
        return Names(MappingProxyType(of), tuple(mistakes))

    def _match(self, pattern: str) -> frozenset[str]:
        if known := self.resolve(pattern):
            return frozenset({known.name})
        if family := self._families.get(type_key(pattern)):
            return family
        glob = _bare(pattern)
        return frozenset(known.name for spelling, known in self._spellings.items() if fnmatch.fnmatchcase(spelling, glob))

    def _nearest(self, pattern: str, *, families: bool = True) -> str:
        choices = {type_key(name): name for name in self._choices(families=families)}
        close = difflib.get_close_matches(type_key(pattern), choices, n=1, cutoff=0.4)
        return f"; nearest: {choices[close[0]]}" if close else ""

    def _choices(self, *, families: bool) -> Iterator[str]:
        for known in self.types.values():
            yield known.name
            yield from known.aliases
        if families:
            yield from self.families


@functools.cache
def load() -> Catalogue:
    """The catalogue that is shipped; read once."""
    data = orjson.loads(resources.files(__package__).joinpath("catalogue.json").read_bytes())
    return Catalogue([_event_type(entry, data["naming"]) for entry in data["types"]])


def name_by_rule(event_type: str, naming: Mapping[str, Any]) -> str:
    """The Segment name of a type that has no published one, by the rule of this module."""
    *where, what = [segment for segment in event_type.replace("_", ".").split(".") if segment not in naming["groups"]]
    *words, last = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", what[0].upper() + what[1:]).split(" ")
    participle = naming["participles"].get(last)
    action = [participle] if participle else [last, naming["otherwise"]]
    return " ".join([*(naming["words"].get(segment, segment.capitalize()) for segment in where), *words, *action])


def type_name(record: str) -> str:
    """The event type that an Avro record's full name says: `dataexport.<…>.inner.` is no part of it."""
    return _RECORD_PREFIX.sub("", record.strip())


def _bare(name: str) -> str:
    return type_name(name).replace("_", ".").casefold()


def _event_type(entry: Mapping[str, Any], naming: Mapping[str, Any]) -> EventType:
    fields = {
        each["name"]: Field(
            name=each["name"],
            type=each["type"],
            nullable=each["nullable"],
            place=each["maps_to"],
            unpublished=bool(each.get("newer_than_published_mapping") or each.get("mapping_unpublished")),
            pii=bool(each.get("pii")),
        )
        for each in entry["fields"]
    }
    return EventType(
        name=entry["currents_type"],
        aliases=tuple(entry["aliases"]),
        family=entry["family"],
        segment_name=entry.get("segment_name") or name_by_rule(entry["currents_type"], naming),
        name_is_ours=bool(entry.get("name_is_ours")),
        older_names=tuple(entry["other_published_names"]),
        listed=entry["list"],
        fields=MappingProxyType(fields),
        mapped=any(each.place is not None and "." in each.place for each in fields.values()),
    )
