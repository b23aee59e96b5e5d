"""What Segment keeps of the requests that its edge took in: the refusals, the deduplication and the clock arithmetic that a 200 does not show."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Literal, Self

import orjson

from currents_segment.flows.simulate.segment_edge import CALLS, Limits

WINDOW: Final = 86_400.0  # s: Segment promises deduplication for 24 h; the double keeps the promise and not a second more


class Refusal(StrEnum):
    """Why a message that came in is not kept."""

    UNKNOWN_WRITE_KEY = "unknown_write_key"
    DISABLED_SOURCE = "disabled_source"
    BATCH_TOO_LARGE = "batch_too_large"
    TOO_MANY_EVENTS = "too_many_events"
    EVENT_TOO_LARGE = "event_too_large"
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_TYPE = "unknown_type"
    NO_IDENTITY = "no_identity"
    NO_EVENT_NAME = "no_event_name"
    BAD_MESSAGE_ID = "bad_message_id"
    LONG_MESSAGE_ID = "long_message_id"
    BAD_TIMESTAMP = "bad_timestamp"


class Repeat(StrEnum):
    """What a repeated messageId says about its sender."""

    ANSWERED = "answered"  # an earlier request with it was answered as delivered: a lapse, or a replay after a crash
    AMBIGUOUS = "ambiguous"  # it was kept, but no answer that says so reached the client: a rightful retry
    SAME_REQUEST = "same_request"


@dataclass(slots=True, eq=False)
class Request:
    """The record of one request, made when it is decided what happens to it.

    Attributes:
        at: when it came, seconds since the epoch.
        source: name of the source, or `UNKNOWN`.
        path: as requested.
        outcome: the status of the answer, or the manner in which it was withheld (`reset`, `hang`, `truncate`).
        events: how many messages it held.
        size: bytes of its body, unpacked.
        retry_count: its `X-Retry-Count`; None without that header.
        fault: name of the fault that struck, or None.
        headers: those of interest; of `Authorization` the scheme only.
        acknowledged: the client was given an answer that says "delivered".
        ids: the messageIds in it, in order; only where the double keeps messages.
    """

    at: float
    source: str
    path: str
    outcome: str
    events: int
    size: int
    retry_count: int | None
    fault: str | None
    headers: Mapping[str, str]
    acknowledged: bool = False
    ids: tuple[str, ...] = ()

    def as_json(self, *, ids: bool = False) -> dict[str, Any]:
        """As the control API shows it; the messageIds only where they are asked for."""
        record = asdict(self)
        if not ids:
            del record["ids"]
        return {"status" if name == "outcome" else "bytes" if name == "size" else name: value for name, value in record.items()}


@dataclass(slots=True)
class Tally:
    """The counts of one source; received = kept + duplicates + refused.

    Attributes:
        requests: by outcome.
        received: events of the requests that were taken in.
        kept: events that Segment would deliver.
        duplicates: by what they say about the sender.
        refused: by reason.
        turned_away: events of requests that were never taken in.
    """

    requests: Counter[str] = field(default_factory=Counter)
    received: int = 0
    kept: int = 0
    duplicates: Counter[Repeat] = field(default_factory=Counter)
    refused: Counter[Refusal] = field(default_factory=Counter)
    turned_away: int = 0

    def __iadd__(self, other: Self) -> Self:
        self.requests.update(other.requests)
        self.received += other.received
        self.kept += other.kept
        self.duplicates.update(other.duplicates)
        self.refused.update(other.refused)
        self.turned_away += other.turned_away
        return self

    def as_json(self) -> dict[str, Any]:
        """As the control API shows it: every kind of duplicate, and the reasons that occurred."""
        return {
            "requests": dict(self.requests),
            "received": self.received,
            "kept": self.kept,
            "duplicates": {kind.value: self.duplicates[kind] for kind in Repeat},
            "refused": {reason.value: self.refused[reason] for reason in Refusal if self.refused[reason]},
            "turned_away": self.turned_away,
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """The kept messages of one request: one line of compact JSON each, no object an event."""

    source: str
    received_at: datetime
    sent_at: datetime | None
    lines: bytes


def instant(value: object) -> datetime | None:
    """An ISO 8601 time with `Z` or an offset (UTC where it has neither); None for null. ValueError for anything else."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("a time is a string")  # noqa: TRY004 - one kind of error for one kind of mistake
    time = datetime.fromisoformat(value)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def corrected(received_at: datetime, sent_at: datetime | None, original: datetime | None) -> datetime:
    """Segment's `timestamp`: receivedAt - (sentAt - originalTimestamp), so that a client's wrong clock does no harm.

    Without `sentAt` the original stands, without an original it is the receipt. OverflowError outside the years 1 to 9999.
    """
    if original is None:
        return received_at
    return original if sent_at is None else received_at - (sent_at - original)


def refusal(message: Any, size: int, limits: Limits) -> Refusal | None:  # noqa: PLR0911 - one return for each way of being dropped
    """Why Segment would drop this message by what it says, or None; `size` in bytes of compact JSON."""
    if not isinstance(message, dict):
        return Refusal.NOT_AN_OBJECT
    call = message.get("type")
    if not isinstance(call, str) or call not in CALLS:
        return Refusal.UNKNOWN_TYPE
    if size > limits.event:
        return Refusal.EVENT_TOO_LARGE
    # an alias may be known by its previousId
    if not (
        _identifies(message.get("userId"))
        or _identifies(message.get("anonymousId"))
        or (call == "alias" and _identifies(message.get("previousId")))
    ):
        return Refusal.NO_IDENTITY
    if call == "track" and not (isinstance(message.get("event"), str) and message["event"]):
        return Refusal.NO_EVENT_NAME
    message_id = message.get("messageId")
    if message_id is None:
        return None
    if not isinstance(message_id, str) or not message_id:
        return Refusal.BAD_MESSAGE_ID
    return Refusal.LONG_MESSAGE_ID if len(message_id) >= limits.message_id else None


def _identifies(value: object) -> bool:
    """Text that is not empty, or a number."""
    return bool(value) if isinstance(value, str) else isinstance(value, int | float) and not isinstance(value, bool)


class Pipeline:
    """Everything behind the edge. Values in, counts and kept messages out; it has no clock and never sees a socket."""

    def __init__(self, limits: Limits, keep: Literal["all", "none"] = "all", window: float = WINDOW) -> None:
        self._limits = limits
        self._keep = keep
        self._window = window
        self._first: dict[str, Request] = {}  # by messageId: the request in which it was kept
        self._again: dict[str, Request] = {}  # by messageId: the last request that repeated it while no answer had acknowledged it
        self._kept: list[Kept] = []

    def take(self, request: Request, messages: list[Any], sent_at: Any, whole: Refusal | None, tally: Tally) -> None:
        """Process one request's messages into `tally`; `whole` refuses them all."""
        tally.received += len(messages)
        if whole is None and len(messages) > self._limits.events:
            whole = Refusal.TOO_MANY_EVENTS
        try:
            sent = instant(sent_at)
        except ValueError:
            sent, whole = None, whole or Refusal.BAD_TIMESTAMP
        if whole is not None:
            tally.refused[whole] += len(messages)
            return
        received_at = datetime.fromtimestamp(request.at, UTC)
        kept = []
        for message in messages:
            raw = orjson.dumps(message)
            reason = refusal(message, len(raw), self._limits) or _mistimed(message, received_at, sent)
            if reason is not None:
                tally.refused[reason] += 1
                continue
            repeat = self._repeat(message.get("messageId"), request)
            if repeat is not None:
                tally.duplicates[repeat] += 1
                continue
            kept.append(raw)
        tally.kept += len(kept)
        if kept and self._keep == "all":
            self._kept.append(Kept(request.source, received_at, sent, b"\n".join(kept)))

    def _repeat(self, message_id: str | None, request: Request) -> Repeat | None:
        """Whether this id is known, whatever its source; remembers it. A message without an id gets a new one from Segment: never a repeat."""
        if message_id is None:
            return None
        first = self._first.get(message_id)
        if first is None or request.at - first.at >= self._window:
            self._first[message_id] = request
            self._again.pop(message_id, None)
            return None
        again = self._again.get(message_id)
        if request is first or request is again:
            return Repeat.SAME_REQUEST
        if first.acknowledged or (again is not None and again.acknowledged):
            return Repeat.ANSWERED
        self._again[message_id] = request
        return Repeat.AMBIGUOUS

    def view(self, source: str | None = None) -> Iterator[bytes]:
        """The kept messages in order of arrival, one JSON line each, with the time that Segment would deliver; of one source or of all."""
        for batch in tuple(self._kept):
            if source is None or batch.source == source:
                head = orjson.dumps(batch.source)
                tail = b',"receivedAt":"%s"}\n' % _written(batch.received_at)
                for line in batch.lines.split(b"\n"):
                    time = _timestamp(orjson.loads(line), batch.received_at, batch.sent_at)
                    yield b'{"source":%s,"message":%s,"timestamp":"%s"%s' % (head, line, _written(time), tail)


def _timestamp(message: Mapping[str, Any], received_at: datetime, sent_at: datetime | None) -> datetime:
    """The time that Segment would deliver; a message's own `sentAt` stands before its batch's."""
    own = message.get("sentAt")
    original = message.get("timestamp")
    return corrected(
        received_at, sent_at if own is None else instant(own), instant(message.get("originalTimestamp") if original is None else original)
    )


def _mistimed(message: Mapping[str, Any], received_at: datetime, sent_at: datetime | None) -> Refusal | None:
    """A time that cannot be read or lies outside the calendar is refused: stricter than Segment may be, so that it is seen (ours)."""
    try:
        time = _timestamp(message, received_at, sent_at)
        if time.tzinfo is not UTC:
            time.astimezone(UTC)
    except (ValueError, OverflowError):
        return Refusal.BAD_TIMESTAMP
    return None


def _written(time: datetime) -> bytes:
    """As Segment writes times: UTC, milliseconds, `Z`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
