"""Where each field of a record goes in the Segment message; decided once per writer's schema, by name, never by event.

The rule, in this order:
1. The envelope (`id`, `external_user_id`, `user_id`, `time`) is identity and time of every type (see `identity` and `message`).
2. A field with a published place goes there: `content_card_id` → `properties.card_id`, `email_address` → `context.traits.email` …
3. A field that is known to be absent from the published payload (such as `timezone`) is not sent.
4. Where a type's mapping is not published at all, and in types whose fields are not published, the general places hold: `email_address` →
   `context.traits.email`, `to_phone_number` or `user_phone_number` → `context.traits.phone`, `device_model` → `context.device.model`,
   `platform` → `properties.platform`; also where unknown fields are dropped.
5. Every other field (newer than the published mapping, or unknown to the catalogue) is passed on as the property of its own name, or dropped
   by `unknown_fields: drop`.
A place is given once: to the field with the better claim (2 before 4 before 5), then to the first in the writer's schema. A field that loses
its place becomes the property of its own name by rule 5 if that is free, else it isn't sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from currents_segment.codecs.catalogue import EventType

Section = Literal["traits", "device", "properties"]
SECTIONS: Final[dict[str, Section]] = {"context.traits.": "traits", "context.device.": "device", "properties.": "properties"}

ENVELOPE: Final = frozenset({"id", "external_user_id", "user_id", "time"})
GENERAL: Final = {
    "email_address": "context.traits.email",
    "to_phone_number": "context.traits.phone",
    "user_phone_number": "context.traits.phone",
    "device_model": "context.device.model",
    "platform": "properties.platform",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One field and its place.

    Attributes:
        field: name in the record.
        section: the part of the message.
        key: name within the section.
        reason: which claim it has: `published`, `general` or `passed_on`.
    """

    field: str
    section: Section
    key: str
    reason: Literal["published", "general", "passed_on"]

    @property
    def place(self) -> str:
        """The place as a path in the message."""
        return f"{'properties' if self.section == 'properties' else f'context.{self.section}'}.{self.key}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a schema's fields.

    Attributes:
        steps: fields that are sent, in the writer's order.
        unsent: fields that are not, apart from the envelope.
        unknown: fields that the catalogue does not have, of types whose fields it has.
    """

    steps: tuple[Step, ...]
    unsent: tuple[str, ...]
    unknown: tuple[str, ...]


def plan(event_type: EventType, fields: Sequence[str], unknown_fields: Literal["pass", "drop"]) -> Plan:
    """Give each field of a writer's schema its place, by the rule of this module."""
    content = [name for name in fields if name not in ENVELOPE]
    steps: dict[str, Step] = {}
    taken: set[str] = set()
    for claim in (_published, _general, _passed_on):
        if claim is _passed_on and unknown_fields == "drop":
            continue
        for name in content:
            step = None if name in steps else claim(event_type, name)
            if step is not None and step.place not in taken:
                steps[name] = step
                taken.add(step.place)
    return Plan(
        steps=tuple(steps[name] for name in content if name in steps),
        unsent=tuple(name for name in content if name not in steps),
        unknown=tuple(name for name in content if event_type.fields and name not in event_type.fields),
    )


def _published(event_type: EventType, name: str) -> Step | None:
    known = event_type.fields.get(name)
    return _step(name, known.place, "published") if known and known.place else None


def _general(event_type: EventType, name: str) -> Step | None:
    return _step(name, GENERAL[name], "general") if name in GENERAL and not event_type.mapped else None


def _passed_on(event_type: EventType, name: str) -> Step | None:
    known = event_type.fields.get(name)
    absent = known is not None and known.place is None and not known.unpublished
    return None if absent else Step(name, "properties", name, "passed_on")


def _step(name: str, place: str, reason: Literal["published", "general"]) -> Step:
    prefix = next(prefix for prefix in SECTIONS if place.startswith(prefix))
    return Step(name, SECTIONS[prefix], place.removeprefix(prefix), reason)
