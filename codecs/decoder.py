"""Records in, messages out, for one connector: the reference path, by fastavro, an event at a time.

Decides by values only: no I/O, no clock. Damaged or hostile bytes end in the tally, never in an exception.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from currents_segment.codecs.catalogue import Catalogue
from currents_segment.codecs.chunk import RAW_KEPT, Framed, Letter, Messages, Origin, Records, Span, joined
from currents_segment.codecs.datums import DatumError, Datums, TextError
from currents_segment.codecs.identity import EnvelopeError, event_id, users
from currents_segment.codecs.message import MAX_MESSAGE, encode, timestamp
from currents_segment.codecs.outcome import KEPT, Outcome
from currents_segment.codecs.profile import Profile
from currents_segment.codecs.schema import Events, Skipped, Writers

MAX_NAME: Final = 200  # characters: names come with the data, and are counted, logged and shown


@dataclass(frozen=True, slots=True)
class Kept:
    """An event that goes on.

    Attributes:
        body: the message, UTF-8 JSON.
        message_id: its messageId.
        id: its deduplication id.
    """

    body: bytes
    message_id: str
    id: int


@dataclass(frozen=True, slots=True)
class Ended:
    """An event that ends here.

    Attributes:
        outcome: where it ends.
        detail: why, in words, without data of persons.
        body: the message; empty where none was made.
        message_id: its messageId; empty where none was made.
    """

    outcome: Outcome
    detail: str
    body: bytes = b""
    message_id: str = ""


def judge(events: Events, datum: dict[str, Any], *, anonymous_users: bool) -> Kept | Ended:
    """Identify and encode one event of a selected type."""
    try:
        event, time, who = event_id(datum), timestamp(datum), users(datum)
    except EnvelopeError as error:
        return Ended(Outcome.BAD_DATUM, str(error))
    verdict = who.verdict(anonymous_users=anonymous_users)
    if verdict is Outcome.ANONYMOUS_USER:
        return Ended(verdict, "no external_user_id that can be sent, and the connector does not include anonymous users")
    message_id = events.message_ids.of(event)
    body = encode(events.message.build(datum, message_id, who, time))
    if verdict is not None:
        return Ended(verdict, "neither external_user_id nor user_id is there to be sent", body, message_id)
    if len(body) > MAX_MESSAGE:
        return Ended(Outcome.TOO_LARGE, f"the message has {len(body):,} bytes; Segment takes {MAX_MESSAGE:,}", body, message_id)
    return Kept(body, message_id, events.dedup_ids.of(event))


class Decoder:
    """Makes one connector's messages of records."""

    def __init__(self, profile: Profile, catalogue: Catalogue) -> None:
        self._anonymous_users = profile.anonymous_users
        self._writers = Writers(profile, catalogue)

    def decode(self, records: Records | Framed) -> Messages:
        """Every record ends as a message or in the tally: `received` is n + the sum of `tally`, whatever the bytes are."""
        if isinstance(records, Framed):
            return joined([self.decode(each) for each in records.records()])
        result = _Result(records)
        if records.damage is not None:
            result.damaged()
            return result.messages()
        writer = self._writers.of(records.schema, records.hint)
        if isinstance(writer, Skipped):
            result.skipped(writer)
        else:
            for span, data in records.stretches():
                self._span(writer, span, data, result)
        return result.messages()

    def _span(self, events: Events, span: Span, data: bytes, result: "_Result") -> None:
        datums = Datums(data, events.shape)
        read = 0
        for read in range(span.count):
            begin = datums.position
            try:
                datum = datums.read()
            except TextError as error:
                result.bad(str(error), span, read, 1, data[begin : datums.position])
                continue
            except DatumError as error:
                result.bad(str(error), span, read, span.count - read, data[begin:])
                break
            verdict = judge(events, datum, anonymous_users=self._anonymous_users)
            if isinstance(verdict, Kept):
                result.kept(verdict)
            else:
                result.ended(verdict, span, read, data[begin : datums.position])
        else:
            read = span.count
            if datums.position < len(data):
                result.bad("bytes are left over behind the last datum", span, read, 1, data[datums.position :])
        for field in events.plan.unknown:
            result.unknown[f"{events.type.name}.{field}"[:MAX_NAME]] += read


class _Result:
    """Collects what becomes of one `Records`."""

    def __init__(self, records: Records) -> None:
        self.unknown: Counter[str] = Counter()
        self._records = records
        self._bodies: list[bytes] = []
        self._ids: list[int] = []
        self._tally: Counter[Outcome] = Counter()
        self._letters: list[Letter] = []

    def kept(self, event: Kept) -> None:
        """It goes on."""
        self._bodies.append(event.body + b",")
        self._ids.append(event.id)

    def ended(self, event: Ended, span: Span, number: int, datum: bytes) -> None:
        """It ends here; kept as a message where there is one, else as it came."""
        if event.outcome.state not in KEPT:
            self._tally[event.outcome] += 1
        elif event.body:
            self._letter(event.outcome, event.detail, self._origin(span, number), 1, event.body, message_id=event.message_id)
        else:
            self.bad(event.detail, span, number, 1, datum)

    def bad(self, detail: str, span: Span, number: int, count: int, data: bytes) -> None:
        """These bytes are no events that can be sent; `count` events are taken to be in them."""
        self._letter(Outcome.BAD_DATUM, detail, self._origin(span, number), count, data, schema=self._records.schema)

    def skipped(self, writer: Skipped) -> None:
        """No event is read: what is to be kept is kept span by span, as it came."""
        if writer.outcome is Outcome.UNKNOWN_TYPE:
            self.unknown[writer.name[:MAX_NAME]] += self._records.count
        if writer.outcome.state not in KEPT:
            self._tally[writer.outcome] += self._records.count
            return
        for span, data in self._records.stretches():
            self._letter(writer.outcome, writer.detail, self._origin(span, 0), span.count, data, schema=self._records.schema)

    def damaged(self) -> None:
        """The stretch ends as its reader says."""
        damage = self._records.damage
        if damage is None:
            raise ValueError("no damage")
        self._letter(damage.outcome, damage.detail, damage.origin, damage.count, damage.raw, size=damage.size)

    def messages(self) -> Messages:
        """All of it, in the shape that flows."""
        return Messages(
            bodies=b"".join(self._bodies),
            ends=np.cumsum([len(body) for body in self._bodies], dtype=np.int64),
            ids=np.array(self._ids, dtype=np.uint64),
            received=len(self._bodies) + self._tally.total(),
            tally=dict(self._tally),
            letters=tuple(self._letters),
            unknown={name: count for name, count in self.unknown.items() if count},
        )

    def _origin(self, span: Span, number: int) -> Origin:
        origin = self._records.origin
        return Origin(origin.log, origin.object, span.block, span.record + number)

    def _letter(
        self,
        outcome: Outcome,
        detail: str,
        origin: Origin,
        count: int,
        body: bytes,
        *,
        message_id: str = "",
        schema: str = "",
        size: int = 0,
    ) -> None:
        if not count:
            return
        self._tally[outcome] += count
        raw = not message_id
        size = max(size, len(body))
        if raw and size > RAW_KEPT:
            detail = f"{detail}; the first {RAW_KEPT:,} of {size:,} bytes are kept"
        self._letters.append(
            Letter(
                outcome=outcome,
                id=message_id or f"{origin.object}#{origin.block}.{origin.record}",
                count=count,
                body=body[:RAW_KEPT] if raw else body,
                raw=raw,
                schema=schema,
                detail=detail,
                origin=origin,
                arrival=self._records.arrival,
            )
        )
