"""The event types that the simulator knows: the catalogue's data, read once more and on its own, so that a mistake in the pipeline's reading shows.

Shares with the pipeline the data file and nothing else.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib import resources
from typing import Any, Final, Literal

from currents_segment.flows.errors import UserError

Version = Literal["older", "current", "newer"]
VERSIONS: Final[tuple[Version, ...]] = ("older", "current", "newer")

ENVELOPE: Final = frozenset({"id", "user_id", "external_user_id", "time"})
"""Fields that carry no content of their own: who, when and which."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an event type.

    Attributes:
        name: as in the Avro schema.
        type: `string`, `int`, `long`, `boolean` or `array<string>`.
        nullable: the Avro type is a union with null.
        maps_to: where the published mapping puts it, such as `properties.app_id`; None where it names no place.
        unmapped: newer than the published mapping, or of a type whose mapping was never published, or not in the catalogue.
        recent: added in a version of Currents that older files do not have.
        pii: Braze holds the value to be personal.
    """

    name: str
    type: str
    nullable: bool = True
    maps_to: str | None = None
    unmapped: bool = True
    recent: bool = False
    pii: bool = False

    @property
    def avro(self) -> dict[str, Any]:
        """The field in an Avro schema; added fields are always nullable with default null."""
        kind: Any = {"type": "array", "items": "string"} if self.type == "array<string>" else self.type
        doc = f"{'[PII] ' if self.pii else ''}The event's {self.name.replace('_', ' ')}"
        if self.nullable:
            return {"name": self.name, "type": ["null", kind], "default": None, "doc": doc}
        return {"name": self.name, "type": kind, "doc": doc}


@dataclass(frozen=True, slots=True)
class EventType:
    """One Currents event type in one version of its schema.

    Attributes:
        name: the canonical name; for a type of the future, its only name.
        spellings: every name that it arrives under, the canonical one first.
        fields: in the order of the schema.
        general: its mapping was never published as a whole, so that the general places hold by name.
        known: the catalogue has it.
        version: which age of the schema the fields are.
    """

    name: str
    spellings: tuple[str, ...]
    fields: tuple[Field, ...]
    general: bool
    known: bool = True
    version: Version = "current"

    def of(self, version: Version) -> "EventType":
        """The type as a producer of that age writes it: older ones lack recent fields, newer ones have fields that no catalogue knows."""
        fields = self.fields
        if version == "older":
            fields = tuple(field for field in fields if not field.recent)
        if version == "newer":
            fields = (*fields, *FUTURE_FIELDS)
        return replace(self, fields=fields, version=version)

    def schema(self, spelling: str, prefix: str) -> dict[str, Any]:
        """The Avro schema under one of its spellings; `prefix` goes before the record's namespace."""
        namespace, _, name = f"{prefix}{spelling}".rpartition(".")
        schema = {"type": "record", "name": name, "fields": [field.avro for field in self.fields]}
        return {"namespace": namespace, **schema} if namespace else schema


FUTURE_FIELDS: Final = (
    Field("attribution_token", "string"),
    Field("render_attempts", "int"),
    Field("queue_latency_us", "long"),
    Field("is_preview_send", "boolean"),
    Field("audience_labels", "array<string>"),
)
"""What a later version of Currents may add without notice: every field type, under names that the catalogue does not have."""

PLAIN_FIELDS: Final = (
    Field("id", "string", nullable=False),
    Field("user_id", "string", nullable=False, pii=True),
    Field("external_user_id", "string", pii=True),
    Field("device_id", "string"),
    Field("app_id", "string"),
    Field("time", "int", nullable=False),
    Field("app_group_id", "string"),
    Field("campaign_name", "string"),
    Field("platform", "string"),
    Field("device_model", "string"),
    Field("email_address", "string", pii=True),
    Field("to_phone_number", "string", pii=True),
    Field("count", "int"),
    Field("is_first", "boolean"),
    Field("labels", "array<string>"),
)
"""Fields for a type that is known by name alone: the envelope, the general places, and one property of each Avro type."""

UNKNOWN_TYPES: Final = tuple(
    EventType(name, (name,), PLAIN_FIELDS, general=True, known=False)
    for name in ("users.messages.hologram.Send", "users.behaviors.app.Teleport")
)
"""Types that Braze may add tomorrow."""


def load() -> dict[str, EventType]:
    """Every type that the catalogue knows, by canonical name, in the order of the file."""
    data = json.loads((resources.files("currents_segment.codecs") / "catalogue.json").read_text(encoding="utf-8"))
    return {kind.name: kind for kind in _types(data["types"])}


def choose(types: Mapping[str, EventType], patterns: Iterable[str]) -> tuple[EventType, ...]:
    """The types with a spelling that matches one of the names or globs; no patterns mean all.

    Raises:
        UserError: a pattern matches nothing.
    """
    wanted = tuple(patterns) or ("*",)
    for pattern in wanted:
        if not any(_matches(kind, pattern) for kind in types.values()):
            raise UserError(
                f"--types {pattern}: no such event type; `currents-segment catalogue` lists them (globs such as users.messages.email.* do)"
            )
    return tuple(kind for kind in types.values() if any(_matches(kind, pattern) for pattern in wanted))


def _matches(kind: EventType, pattern: str) -> bool:
    return any(fnmatchcase(spelling, pattern) for spelling in kind.spellings)


def _types(entries: Sequence[Mapping[str, Any]]) -> Iterator[EventType]:
    for entry in entries:
        name = entry["currents_type"]
        fields = tuple(_field(field) for field in entry.get("fields", ()))
        general = all(field.unmapped for field in fields if field.name not in ENVELOPE)
        yield EventType(name, (name, *entry.get("aliases", ())), fields or PLAIN_FIELDS, general)


def _field(entry: Mapping[str, Any]) -> Field:
    newer = bool(entry.get("newer_than_published_mapping"))
    return Field(
        entry["name"],
        entry["type"],
        nullable=entry["nullable"],
        maps_to=entry["maps_to"],
        unmapped=newer or bool(entry.get("mapping_unpublished")),
        recent=newer or "since_currents_version" in entry,
        pii=bool(entry.get("pii")),
    )
