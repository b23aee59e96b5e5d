"""What must become of an event, worked out from the data and the configuration alone: the documented rules, written a second time.

Shares with the pipeline the data file of the catalogue and nothing else: a mistake in the pipeline's reading of the rules is seen here.
"""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import xxhash

CATALOGUE: Final = Path(__file__).parents[2] / "codecs" / "catalogue.json"
SPREAD: Final = 60.0  # s that events which share a clock may have come apart: as documented, none expires early, and each within a minute
ENVELOPE: Final = ("id", "user_id", "external_user_id", "time")
UNPUBLISHED: Final = {  # where these go in types whose payload was never published
    "email_address": "context.traits.email",
    "to_phone_number": "context.traits.phone",
    "user_phone_number": "context.traits.phone",
    "device_model": "context.device.model",
    "platform": "properties.platform",
}
LARGEST: Final = 32_000  # bytes of a message
LONGEST_ID: Final = 99  # bytes of a messageId
NO_ID: Final = (None, "", "[REDACTED]")

Json = dict[str, Any]
Place = tuple[str, str, int, int]


def catalogue() -> list[Json]:
    """The known types, as the data file has them."""
    types: list[Json] = json.loads(CATALOGUE.read_text(encoding="utf-8"))["types"]
    return types


@dataclass(frozen=True, slots=True)
class Connector:
    """A connector as the configuration has it.

    Attributes:
        name: of the connector, and of its Segment source in the double.
        workspace: whose events it gets.
        settings: as in the file.
    """

    name: str
    workspace: str
    settings: Mapping[str, Any]

    def get(self, setting: str, default: Any) -> Any:
        """A setting, or the documented default."""
        return self.settings.get(setting, default)

    def wants(self, known: Json | None) -> bool:
        """Whether events of this type, None for an unknown one, are read and sent."""
        if "*" in self.settings["events"]:
            return True
        return known is not None and any(
            pattern == known["family"] or fnmatchcase(known["currents_type"], pattern) for pattern in self.settings["events"]
        )


@dataclass(frozen=True, slots=True)
class Due:
    """The event is to reach Segment as this message."""

    message_id: str
    message: Json


@dataclass(frozen=True, slots=True)
class Ends:
    """The event ends before it is sent; `message` where one was made before."""

    outcome: str
    message_id: str = ""
    message: Json | None = None

    @property
    def kept(self) -> bool:
        """Whether it becomes a dead letter."""
        return not self.outcome.startswith("filtered")


def outcome(connector: Connector, known: Json | None, fields: Sequence[str], event: Json) -> Due | Ends:
    """What becomes of one event, duplicates aside.

    Args:
        connector: whose.
        known: the catalogue's entry of its type; None where there is none.
        fields: of the writer's schema, in order.
        event: the decoded record.
    """
    if known is None or not connector.wants(known):
        return Ends("filtered/not_selected" if known else "filtered/unknown_type")
    if not event["id"] or event["time"] is None or not 0 <= event["time"] <= datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp():
        return Ends("undecodable/bad_datum")
    user, anonymous = (None if event.get(name) in NO_ID else event[name] for name in ("external_user_id", "user_id"))
    if user is None and anonymous is not None and not connector.get("anonymous_users", False):
        return Ends("filtered/anonymous_user")
    message_id = _message_id(connector, known["currents_type"], event["id"])
    message = _message(connector, known, fields, event, {"messageId": message_id, "userId": user, "anonymousId": anonymous})
    if user is None and anonymous is None:
        return Ends("rejected/no_identity", message_id, message)
    size = len(json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode())
    if size > LARGEST:
        return Ends("rejected/too_large", message_id, message)
    return Due(message_id, message)


def _message(connector: Connector, known: Json, fields: Sequence[str], event: Json, ids: Json) -> Json:
    legacy = connector.get("names", {}).get("preset") == "legacy" and known["other_published_names"]
    message: Json = {
        "type": "track",
        "event": known["other_published_names"][0] if legacy else known["segment_name"],
        **{name: value for name, value in ids.items() if value is not None},
        "timestamp": datetime.fromtimestamp(event["time"], UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "context": {
            "library": {"name": "currents-segment"},
            "integration": {"name": connector.get("integration_name", "") or connector.name},
        },
        "properties": {},
    }
    for name, place in _places(known, fields, drop=connector.get("unknown_fields", "pass") == "drop"):
        if event[name] is not None:
            *path, last = place.split(".", 1) if place.startswith("properties.") else place.split(".", 2)
            at = message
            for step in path:
                at = at.setdefault(step, {})
            at[last] = _json(event[name])
    if "integrations" in connector.settings:
        message["integrations"] = connector.settings["integrations"]
    return message


def _places(known: Json, fields: Sequence[str], *, drop: bool) -> Iterator[tuple[str, str]]:
    """Each field that is sent with its place; a place is given once, to the best claim: published, general, its own name."""
    entries = {entry["name"]: entry for entry in known["fields"]}
    published = {name: entry["maps_to"] for name, entry in entries.items() if name not in ENVELOPE and entry["maps_to"]}
    unpublished = {} if any("." in place for place in published.values()) else UNPUBLISHED
    silent = {
        name
        for name, entry in entries.items()
        if not (entry["maps_to"] or entry.get("newer_than_published_mapping") or entry.get("mapping_unpublished"))
    }
    own = {} if drop else {name: f"properties.{name}" for name in fields if name not in silent}
    placed: dict[str, str] = {}
    for claims in (published, unpublished, own):
        for name in fields:
            if name in claims and name not in ENVELOPE and name not in placed and claims[name] not in placed.values():
                placed[name] = claims[name]
    yield from placed.items()


def _json(value: Any) -> Any:
    """Avro's values as JSON: bytes as a character each, all else as it is."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {name: _json(each) for name, each in value.items()}
    return [_json(each) for each in value] if isinstance(value, list) else value


def _message_id(connector: Connector, event_type: str, event_id: str) -> str:
    """Braze's id, with a hash of connector and type unless raw ids are asked for; an id too long for that is replaced by its hash."""
    suffix = ""
    if connector.get("message_id", "namespaced") == "namespaced":
        parts = b"".join(struct.pack("<I", len(part)) + part for part in (connector.name.encode(), event_type.encode()))
        suffix = ":" + xxhash.xxh3_128_hexdigest(parts)
    whole = event_id + suffix
    return whole if len(whole.encode()) <= LONGEST_ID else xxhash.xxh3_128_hexdigest(event_id.encode()) + suffix


@dataclass(frozen=True, slots=True)
class Fact:
    """A record, or a stretch of damage, that lies in a log.

    Attributes:
        place: log, object, block and record.
        arrival: when it came, seconds since the epoch.
        known: the catalogue's entry of its type; None for one that it does not have, and for damage that says nothing of its type.
        typed: it lies where only those who want its type read (its type's folder).
        fields: of the writer's schema.
        event: the record; None for damage.
        damage: how a stretch that cannot be read ends; empty for a record.
        count: events it stands for.
        stamped: the log says when it came; else that is when it was read, at `arrival` or later.
        put: when it really came, by the clock that the pipeline sees; 0 where that is `arrival`.
        spread: s by which it may be taken to have come later: it shares its clock with others.
    """

    place: Place
    arrival: float
    known: Json | None
    typed: bool = True
    fields: tuple[str, ...] = ()
    event: Json | None = None
    damage: str = ""
    count: int = 1
    stamped: bool = True
    put: float = 0.0
    spread: float = 0.0


@dataclass(slots=True)
class Expected:
    """What must become of a connector's events.

    Attributes:
        due: by messageId, every message that would be right (copies may be written by different schemas).
        arrivals: by messageId, when its copies came, seconds since the epoch.
        unstamped: messageIds of copies that came when they were read, at one of these times or later.
        put: by messageId, when the last copy really came.
        spread: s by which a copy may be taken to have come later.
        copies: records that are copies of a due event, beyond the first.
        ended: records by outcome, of those that end before they are sent.
        letters: dead letters by (outcome, place), with the number of events and the message, if there is one.
    """

    due: dict[str, list[Json]] = field(default_factory=dict)
    arrivals: dict[str, list[float]] = field(default_factory=dict)
    unstamped: set[str] = field(default_factory=set)
    put: dict[str, float] = field(default_factory=dict)
    spread: float = 0.0
    copies: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    letters: dict[tuple[str, Place], tuple[int, Json | None]] = field(default_factory=dict)

    def add(self, connector: Connector, fact: Fact) -> None:
        """One more fact of the connector's log."""
        if fact.event is None:
            unread = fact.known is not None and not connector.wants(fact.known)  # its type was known, so nobody looked at its bytes
            self._end(fact, Ends("filtered/not_selected" if unread else fact.damage))
            return
        what = outcome(connector, fact.known, fact.fields, fact.event)
        if isinstance(what, Ends):
            self._end(fact, what)
            return
        if what.message_id in self.due:
            self.copies += 1
        self.due.setdefault(what.message_id, []).append(what.message)
        self.arrivals.setdefault(what.message_id, []).append(fact.arrival)
        self.put[what.message_id] = max(self.put.get(what.message_id, 0.0), fact.put or fact.arrival)
        self.spread = max(self.spread, fact.spread)
        if not fact.stamped:
            self.unstamped.add(what.message_id)

    def _end(self, fact: Fact, end: Ends) -> None:
        self.ended[end.outcome] = self.ended.get(end.outcome, 0) + fact.count
        if end.kept:
            self.letters[end.outcome, fact.place] = (fact.count, end.message)


def expected(connector: Connector, facts: Sequence[Fact]) -> Expected:
    """What must become of all that lies in the logs of its workspace."""
    result = Expected()
    for fact in facts:
        if not fact.typed or connector.wants(fact.known):
            result.add(connector, fact)
    return result
