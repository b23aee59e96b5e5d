"""The closed list of ways in which an event ends; ledger, metrics, logs, dead letters and docs use these words and no others."""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """A terminal state: every event that was received ends in exactly one."""

    DELIVERED = "delivered"
    FILTERED = "filtered"
    DUPLICATE = "duplicate"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNDECODABLE = "undecodable"


class Outcome(StrEnum):
    """A terminal state with its reason; the value reads `state` or `state/reason`."""

    DELIVERED = "delivered"
    NOT_SELECTED = "filtered/not_selected"
    ANONYMOUS_USER = "filtered/anonymous_user"
    UNKNOWN_TYPE = "filtered/unknown_type"
    DUPLICATE = "duplicate"
    EXPIRED = "expired"
    NO_IDENTITY = "rejected/no_identity"
    TOO_LARGE = "rejected/too_large"
    REFUSED = "rejected/refused"
    BAD_FRAME = "undecodable/bad_frame"
    UNKNOWN_SCHEMA = "undecodable/unknown_schema"
    BAD_DATUM = "undecodable/bad_datum"

    @property
    def state(self) -> State:
        """The terminal state, without the reason."""
        return State(self.value.partition("/")[0])

    @property
    def reason(self) -> str:
        """The reason within the state; empty where the state needs none."""
        return self.value.partition("/")[2]


KEPT: Final = frozenset({State.EXPIRED, State.REJECTED, State.UNDECODABLE})
"""States whose events become dead letters."""


class Slow(StrEnum):
    """Why the transcoder handed an event to the reference path, which decides what becomes of it; in the order of `kernel.SCHEMA` and on."""

    SCHEMA = "schema"
    """Its writer's schema has a type that the transcoder does not read."""
    DATUM = "datum"
    """Its bytes do not follow the schema."""
    TEXT = "text"
    """It holds text that is not UTF-8."""
    ID = "id"
    """It has no id, one that is too long for a messageId, or ids that are not text."""
    TIME = "time"
    """It has no time, or one outside the years 1970 … 9999."""
    NOBODY = "nobody"
    """It has no id of a user that can be sent."""
    SIZE = "size"
    """It is too large for Segment, or looks as if it were."""
    NUMBER = "number"
    """It has a number of more than 15 digits behind which stands a point."""
