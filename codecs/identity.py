"""Who an event is of, and what tells it from every other: user ids, messageId, deduplication id. Pure functions of their arguments.

A `[REDACTED]` value (Braze's own field transformation) or an empty one is no id and is never sent as one. So an event whose
`external_user_id` is redacted is treated as one without: what would reach Segment is an anonymous message, and that is what "include events
from anonymous users" is about.
"""

import struct
from dataclasses import dataclass
from typing import Any, Final, Literal

from xxhash import xxh3_64_intdigest, xxh3_128_hexdigest

from currents_segment.codecs.outcome import Outcome

REDACTED: Final = "[REDACTED]"
MAX_MESSAGE_ID: Final = 99  # bytes of UTF-8: Segment wants fewer than 100 characters, and a character takes at least a byte


class EnvelopeError(ValueError):
    """The record is not an event: its id, time or users are missing or of the wrong kind. The message never holds the value."""


@dataclass(frozen=True, slots=True)
class Users:
    """The ids that Segment gets; at least one of them where the event is sent.

    Attributes:
        user_id: Braze's `external_user_id`.
        anonymous_id: Braze's `user_id`.
    """

    user_id: str | None
    anonymous_id: str | None

    def verdict(self, *, anonymous_users: bool) -> Outcome | None:
        """Why the event ends here, or None: nobody's event is rejected whatever the policy; an anonymous one is filtered unless included."""
        if self.user_id is not None:
            return None
        if self.anonymous_id is None:
            return Outcome.NO_IDENTITY
        return None if anonymous_users else Outcome.ANONYMOUS_USER


def users(datum: dict[str, Any]) -> Users:
    """The usable ids of a record.

    Raises:
        EnvelopeError: one of them is not text.
    """
    return Users(_usable(datum, "external_user_id"), _usable(datum, "user_id"))


def event_id(datum: dict[str, Any]) -> str:
    """The event's own id.

    Raises:
        EnvelopeError: it is missing, empty or not text.
    """
    value = datum.get("id")
    if not isinstance(value, str) or not value:
        raise EnvelopeError("the event has no id" if value is None or value == "" else "the event's id is not text")
    return value


def _usable(datum: dict[str, Any], name: str) -> str | None:
    value = datum.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise EnvelopeError(f"{name} is not text")
    return None if value in {"", REDACTED} else value


class MessageIds:
    """The messageId of events of one type on one connector: the same in every run and on every machine, at most 99 bytes.

    `namespaced`: `<id>:<hash of connector and type>`, so that no two connectors and no two types share one (Segment deduplicates globally, by
    messageId alone). `raw`: the event's own id. An id that is too long for that is replaced by its hash.

    Attributes:
        suffix: what stands behind the id.
        room: bytes that are left for the id.
    """

    def __init__(self, mode: Literal["namespaced", "raw"], connector: str, event_type: str) -> None:
        self.suffix = "" if mode == "raw" else f":{xxh3_128_hexdigest(_framed(connector, event_type))}"
        self.room = MAX_MESSAGE_ID - len(self.suffix)

    def of(self, event: str) -> str:
        """The messageId of the event with this id."""
        if len(event) * 4 <= self.room or len(event.encode()) <= self.room:
            return event + self.suffix
        return xxh3_128_hexdigest(event.encode()) + self.suffix


class DedupIds:
    """The deduplication id of events of one type in one workspace on one connector, 1 … 2^64 - 1.

    It is xxh3 of the event's id, seeded with xxh3 of (workspace, connector, type).

    Attributes:
        seed: the same for all of them.
    """

    def __init__(self, workspace: str, connector: str, event_type: str) -> None:
        self.seed = xxh3_64_intdigest(_framed(workspace, connector, event_type))

    def of(self, event: str) -> int:
        """The id; 0 is reserved for "empty" in hash tables."""
        return xxh3_64_intdigest(event.encode(), seed=self.seed) or 1


def _framed(*parts: str) -> bytes:
    """Each part behind its length (4 bytes, little endian), so that no two sequences of parts give the same bytes."""
    encoded = [part.encode() for part in parts]
    return b"".join(struct.pack("<I", len(part)) + part for part in encoded)
