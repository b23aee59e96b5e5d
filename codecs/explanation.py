"""One event's way through the decoder, with the reason of each decision; made for people, by the same functions that decide in the flow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from currents_segment.codecs.catalogue import Catalogue, type_name
from currents_segment.codecs.decoder import Ended, Kept, judge
from currents_segment.codecs.identity import REDACTED
from currents_segment.codecs.message import MAX_MESSAGE
from currents_segment.codecs.outcome import Outcome
from currents_segment.codecs.profile import Profile
from currents_segment.codecs.schema import Events, Skipped, Writers
from currents_segment.codecs.shape import Shape

_PLACES = {
    "published": "Braze's published payload has it there",
    "general": "the type's mapping is not published; this is where other types have it",
    "passed_on": "no place is published; unknown_fields: pass keeps it under its own name",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """One step of the way.

    Attributes:
        about: `type`, `selection`, `identity`, `message`, `size` or `deduplication`.
        result: what was decided.
        reason: why.
    """

    about: str
    result: str
    reason: str


@dataclass(frozen=True, slots=True)
class FieldWay:
    """What becomes of one field.

    Attributes:
        name: in the record.
        place: where it goes in the message; empty where it isn't sent.
        reason: why.
    """

    name: str
    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole way.

    Attributes:
        outcome: where the event ends; None when it goes on to deduplication and delivery.
        decisions: in the order in which they were taken; the last is the one that ended it.
        fields: what becomes of each field; empty when no message was made.
        message: the Segment message; None when none was made.
    """

    outcome: Outcome | None
    decisions: tuple[Decision, ...]
    fields: tuple[FieldWay, ...] = ()
    message: Mapping[str, Any] | None = None


def explain(profile: Profile, catalogue: Catalogue, schema: str, hint: str, datum: dict[str, Any]) -> Explanation:
    """The way of an event that was decoded by this writer's schema, found at a place that names the type `hint` (or ``""``)."""
    writer = Writers(profile, catalogue).of(schema, hint)
    if isinstance(writer, Skipped):
        return Explanation(writer.outcome, tuple(_skipped(writer, profile, hint)))
    verdict = judge(writer, datum, anonymous_users=profile.anonymous_users)
    decisions = [
        _type(writer.shape, writer.type.name, hint),
        Decision("selection", "selected", f"connector {profile.connector} sends {writer.type.name}"),
    ]
    if isinstance(verdict, Ended) and not verdict.body:
        about = "identity" if verdict.outcome is Outcome.ANONYMOUS_USER else "envelope"
        return Explanation(verdict.outcome, (*decisions, Decision(about, verdict.outcome, verdict.detail)))
    message = orjson.loads(verdict.body)
    decisions += _sent(writer, profile, datum, message, verdict)
    return Explanation(
        outcome=verdict.outcome if isinstance(verdict, Ended) else None,
        decisions=tuple(decisions),
        fields=tuple(_fields(writer, datum)),
        message=message,
    )


def unreadable(outcome: Outcome, detail: str) -> Explanation:
    """The way of an event that could not be decoded."""
    return Explanation(outcome, (Decision("decoding", outcome, detail),))


def _type(shape: Shape, name: str, hint: str) -> Decision:
    said = f"the schema is of {shape.name}" + (f", the path says {hint}" if hint else "")
    return Decision("type", name, said)


def _skipped(writer: Skipped, profile: Profile, hint: str) -> list[Decision]:
    decisions = [_type(writer.shape, writer.name, hint)] if writer.shape else []
    match writer.outcome:
        case Outcome.NOT_SELECTED:
            decisions.append(Decision("selection", writer.outcome, f"connector {profile.connector} does not select {writer.name}"))
        case Outcome.UNKNOWN_TYPE:
            said = type_name(writer.shape.name) if writer.shape else writer.name
            decisions.append(Decision("type", writer.outcome, f"the catalogue knows no type {said}"))
        case _:
            decisions.append(Decision("decoding", writer.outcome, writer.detail))
    return decisions


def _sent(events: Events, profile: Profile, datum: Mapping[str, Any], message: Mapping[str, Any], verdict: Kept | Ended) -> list[Decision]:
    """The decisions on an event that a message was made of."""
    ids = [f"{field} {_state(datum.get(field))}" for field in ("external_user_id", "user_id")]
    found = " and ".join(name for name in ("userId", "anonymousId") if name in message)
    decisions = [Decision("identity", found or Outcome.NO_IDENTITY, ", ".join(ids))]
    if not found:
        return decisions
    override = (
        " (name of our own rule: none is published)" if events.type.name_is_ours and message["event"] == events.type.segment_name else ""
    )
    how = (
        "the event's own id"
        if profile.message_id == "raw"
        else f"the event's id in the namespace of connector {profile.connector} and the type"
    )
    size = f"{len(verdict.body):,} bytes"
    decisions += [
        Decision("name", message["event"], f"the connector's name for {events.type.name}{override}"),
        Decision("messageId", verdict.message_id, f"{how}; the same in every run"),
        Decision(
            "size",
            size if isinstance(verdict, Kept) else verdict.outcome,
            f"Segment takes {MAX_MESSAGE:,}" if isinstance(verdict, Kept) else verdict.detail,
        ),
    ]
    if isinstance(verdict, Kept):
        scope = f"workspace {profile.workspace}, connector {profile.connector}, type and id"
        decisions.append(
            Decision("deduplication", f"{verdict.id:016x}", f"xxh3 of {scope}: an event with the same key within the window is a duplicate")
        )
    return decisions


def _state(value: object) -> str:
    if value is None or value == "":
        return "is not there"
    return "is redacted, which is no id" if value == REDACTED else "is there"


def _fields(events: Events, datum: Mapping[str, Any]) -> list[FieldWay]:
    ways = []
    envelope = {"id": "messageId", "external_user_id": "userId", "user_id": "anonymousId", "time": "timestamp"}
    steps = {step.field: step for step in events.plan.steps}
    for name in events.shape.fields:
        if name in envelope:
            ways.append(FieldWay(name, envelope[name], "the envelope of every event"))
        elif name not in steps:
            known = events.type.fields.get(name)
            absent = known is not None and not known.unpublished
            ways.append(
                FieldWay(
                    name, "", "Braze's published payload does not have it" if absent else "no place is published; unknown_fields: drop"
                )
            )
        elif datum[name] is None:
            ways.append(FieldWay(name, "", f"null; else {steps[name].place}"))
        else:
            ways.append(FieldWay(name, steps[name].place, _PLACES[steps[name].reason]))
    return ways
