"""The Segment message of an event, as Braze's own connector documents it; nulls are left out, JSON types are kept.

In this order: type, event, messageId, userId, anonymousId, timestamp, context (traits, device, library, integration), properties,
integrations; each only where there is something to say. `context.library` is this program, `context.integration` the connector.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Final

import orjson

from currents_segment.codecs.identity import EnvelopeError, Users
from currents_segment.codecs.mapping import Step

MAX_MESSAGE: Final = 32_000  # bytes: Segment takes "32 KB" and doesn't say which KB
LIBRARY: Final = {"name": "currents-segment", "version": metadata.version("currents-segment")}
_LAST_SECOND: Final = 253_402_300_799  # 9999-12-31T23:59:59Z, the last that ISO-8601 writes with four digits


def timestamp(datum: Mapping[str, Any]) -> str:
    """The event's time (unix seconds) as ISO-8601 in UTC.

    Raises:
        EnvelopeError: it is missing, no integer, or not within the years 1970 … 9999.
    """
    value = datum.get("time")
    if value is None:
        raise EnvelopeError("the event has no time")
    if isinstance(value, bool) or not isinstance(value, int):
        raise EnvelopeError("the event's time is not an integer")
    if not 0 <= value <= _LAST_SECOND:
        raise EnvelopeError("the event's time is not in unix seconds")
    return f"{datetime.fromtimestamp(value, UTC).isoformat()[:19]}.000Z"


class Message:
    """Builds the messages of one event type for one connector; what all of them have in common is made once.

    Attributes:
        event: the name.
        constant: what `context` has in every message, behind traits and device.
        integrations: Segment's map, or None where none is sent.
    """

    def __init__(
        self, event: str, steps: tuple[Step, ...], integration_name: str, integrations: Mapping[str, bool | Mapping[str, object]] | None
    ) -> None:
        self.event = event
        self.constant = {"library": LIBRARY, "integration": {"name": integration_name}}
        self.integrations = None if integrations is None else dict(integrations)
        self._steps = tuple((step.field, step.section, step.key) for step in steps)

    def build(self, datum: Mapping[str, Any], message_id: str, users: Users, time: str) -> dict[str, Any]:
        """The message as JSON objects."""
        sections: dict[str, dict[str, Any]] = {"traits": {}, "device": {}, "properties": {}}
        for field, section, key in self._steps:
            value = datum[field]
            if value is not None and not (isinstance(value, float) and not math.isfinite(value)):  # JSON has no NaN
                sections[section][key] = value
        message: dict[str, Any] = {"type": "track", "event": self.event, "messageId": message_id}
        if users.user_id is not None:
            message["userId"] = users.user_id
        if users.anonymous_id is not None:
            message["anonymousId"] = users.anonymous_id
        message["timestamp"] = time
        message["context"] = {name: sections[name] for name in ("traits", "device") if sections[name]} | self.constant
        message["properties"] = sections["properties"]
        if self.integrations is not None:
            message["integrations"] = self.integrations
        return message


def encode(message: dict[str, Any]) -> bytes:
    """The message as UTF-8 JSON."""
    return orjson.dumps(message, default=_bytes_as_text)


def _bytes_as_text(value: object) -> str:
    """Avro's own JSON form of bytes: a character for each byte (U+0000 … U+00FF)."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise TypeError(f"no JSON form of {type(value).__name__}")
