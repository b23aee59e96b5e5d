"""What must become of a simulated export, worked out from the rules and the data alone: none of the pipeline's decoding, mapping or identity code.

Rules: Braze's documented Segment payload and the decisions around it (README, "What happens to an event"); the words are those of `Outcome`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

import orjson

from currents_segment.codecs.outcome import Outcome
from currents_segment.codecs.profile import Profile
from currents_segment.flows.simulate.currents import File
from currents_segment.flows.simulate.currents_types import ENVELOPE, EventType, Field

MAX_MESSAGE: Final = 32_000  # bytes: Segment's 32 KB an event, with KB read as 1,000
REDACTED: Final = "[REDACTED]"

GENERAL_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "email_address": ("context", "traits", "email"),
    "to_phone_number": ("context", "traits", "phone"),
    "user_phone_number": ("context", "traits", "phone"),
    "device_model": ("context", "device", "model"),
    "platform": ("properties", "platform"),
}
"""Where these fields go in types whose mapping was never published."""

Record = Mapping[str, Any]
Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Policy:
    """What decides over a connector's events.

    Attributes:
        profile: its settings.
        everything: it reads the folders of all types, unknown ones included; else only those of its selection.
    """

    profile: Profile
    everything: bool = False

    def lists(self, folder: str) -> bool:
        """It looks into this folder at all."""
        return self.everything or folder in self.profile.selected


@dataclass(frozen=True, slots=True)
class Due:
    """One message that Segment must receive.

    Attributes:
        connectors: from each of these, once.
        content: what `content_of` gives of it.
    """

    connectors: tuple[str, ...]
    content: bytes


class Expectation:
    """Goes through the export's files in the order of writing; keeps the counts, and remembers ids to tell duplicates."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self._policies = tuple(policies)
        self._seen: dict[str, int] = {}  # "type id" → a bit for each policy that has met it: a set of ids a connector would cost thrice
        self.counts: dict[str, Counter[Outcome]] = {policy.profile.connector: Counter() for policy in policies}

    def add(self, file: File) -> Iterator[Due]:
        """Count a file, and give the messages that are due because of it."""
        readers = [(1 << bit, policy) for bit, policy in enumerate(self._policies) if policy.lists(file.folder)]
        for _, policy in readers:
            self.counts[policy.profile.connector][Outcome.BAD_FRAME] += file.damaged
        if file.kind is None:
            return
        sending = []
        for bit, policy in readers:
            if not file.kind.known:
                self.counts[policy.profile.connector][Outcome.UNKNOWN_TYPE] += len(file.records)
            elif file.kind.name not in policy.profile.selected:
                self.counts[policy.profile.connector][Outcome.NOT_SELECTED] += len(file.records)
            else:
                sending.append((bit, policy, Mapper.key_of(file.kind, policy.profile)))
        mappers = {key: Mapper(file.kind, policy.profile) for _, policy, key in sending}
        for record in file.records:
            yield from self._record(file.kind, record, sending, mappers)

    def _record(
        self, kind: EventType, record: Record, sending: Sequence[tuple[int, Policy, bytes]], mappers: Mapping[bytes, "Mapper"]
    ) -> Iterator[Due]:
        contents: dict[bytes, bytes] = {}
        due: dict[bytes, list[str]] = {}
        key = f"{kind.name} {record['id']}"
        for bit, policy, rules in sending:
            if rules not in contents:
                contents[rules] = encode(mappers[rules].content(record))
            outcome = _identity(record, policy.profile) or (Outcome.TOO_LARGE if len(contents[rules]) > MAX_MESSAGE else None)
            if outcome is None:
                known = self._seen.get(key, 0)
                outcome = Outcome.DUPLICATE if known & bit else Outcome.DELIVERED
                self._seen[key] = known | bit
            self.counts[policy.profile.connector][outcome] += 1
            if outcome is Outcome.DELIVERED:
                due.setdefault(rules, []).append(policy.profile.connector)
        for rules, connectors in due.items():
            yield Due(tuple(connectors), contents[rules])


def _identity(record: Record, profile: Profile) -> Outcome | None:
    """Why an event cannot be sent in this user's name; None when it can."""
    external, braze = _usable(record["external_user_id"]), _usable(record["user_id"])
    if external is None and braze is None:
        return Outcome.NO_IDENTITY
    if external is None and not profile.anonymous_users:
        return Outcome.ANONYMOUS_USER
    return None


def _usable(value: str | None) -> str | None:
    return None if value == REDACTED else value


class Mapper:
    """Makes the content of the messages of one type in one version of its schema, for all connectors with the same rules."""

    def __init__(self, kind: EventType, profile: Profile) -> None:
        self._fixed: Content = {"type": "track", "event": profile.names[kind.name]}
        if profile.integrations is not None:
            self._fixed["integrations"] = profile.integrations
        passing = profile.unknown_fields == "pass"
        placed = [(field.name, _place(field, kind.general, passing)) for field in kind.fields if field.name not in ENVELOPE]
        self._properties = [(name, place[1]) for name, place in placed if place and place[0] == "properties"]
        self._context = [(name, place[1], place[2]) for name, place in placed if place and place[0] == "context"]

    @staticmethod
    def key_of(kind: EventType, profile: Profile) -> bytes:
        """The rules by which contents differ between connectors, as something to look up by."""
        return orjson.dumps([profile.names[kind.name], profile.unknown_fields, profile.integrations], option=orjson.OPT_SORT_KEYS)

    def content(self, record: Record) -> Content:
        """The event as Segment must see it; nulls are left out, and so is what holds nothing."""
        made = dict(self._fixed)
        made["timestamp"] = datetime.fromtimestamp(record["time"], UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        for name, place in (("external_user_id", "userId"), ("user_id", "anonymousId")):
            if (value := _usable(record[name])) is not None:
                made[place] = value
        made["properties"] = {place: value for name, place in self._properties if (value := record[name]) is not None}
        context: dict[str, dict[str, Any]] = {}
        for name, section, place in self._context:
            if (value := record[name]) is not None:
                context.setdefault(section, {})[place] = value
        if context:
            made["context"] = context
        return made


def _place(field: Field, general: bool, passing: bool) -> tuple[str, ...] | None:
    """Where a field goes, as a path; None where it is not sent."""
    if field.maps_to is not None:
        return tuple(field.maps_to.split("."))
    if not field.unmapped:
        return None
    if general and field.name in GENERAL_PLACES:
        return GENERAL_PLACES[field.name]
    return ("properties", field.name) if passing else None


def content_of(message: Mapping[str, Any]) -> Content:
    """What of a message Segment's users see: all but its id, the time of sending, and who sent it (`context.library`, `context.integration`)."""
    content = {name: value for name, value in message.items() if name not in ("messageId", "sentAt")}
    if isinstance(context := content.pop("context", None), dict):
        context = {name: value for name, value in context.items() if name not in ("library", "integration")}
    return {**content, "context": context} if context else content


def encode(content: Mapping[str, Any]) -> bytes:
    """The one form of a content as JSON: keys sorted, UTF-8."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def digest(content: bytes) -> bytes:
    """16 bytes that stand for a content in its one form: two of a billion are alike with a probability of 10⁻²¹."""
    return blake2b(content, digest_size=16).digest()
