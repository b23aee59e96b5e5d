"""What of a dead letter can be sent again: the same checks as on the first way, and a new look at bytes that could not be read. Decides, sends nothing.

A message is sent as it was kept, with its messageId. Bytes go through the connector's decoder again, by the schema that was kept with them or by a
corrected one: what they hold then is sent; what still cannot be sent of them becomes a letter of its own, under its own name.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import orjson

from currents_segment.codecs.catalogue import Catalogue
from currents_segment.codecs.chunk import Messages, Records
from currents_segment.codecs.decoder import Decoder
from currents_segment.codecs.identity import MAX_MESSAGE_ID, EnvelopeError, users
from currents_segment.codecs.message import MAX_MESSAGE
from currents_segment.codecs.outcome import Outcome, State
from currents_segment.codecs.profile import Profile
from currents_segment.flows.bucket.layout import event_type
from currents_segment.sinks.dead_letters import DeadLetter, Marks
from currents_segment.sinks.segment.dead import Dead

NOT_CONFIGURED = "its connector is not in the configuration"


@dataclass(slots=True, eq=False)
class Case:
    """A letter that can be sent.

    Attributes:
        letter: the letter.
        messages: messageId and body of what is to be sent; empty when Segment has taken all of it already, and only the letter's mark is missing.
        rest: letters that are to be kept in its stead, for what of it still cannot be sent.
        open: how many of the messages Segment has not taken yet.
    """

    letter: DeadLetter
    messages: list[tuple[str, bytes]]
    rest: list[DeadLetter] = field(default_factory=list)
    open: int = 0

    def __post_init__(self) -> None:
        """Nothing is sent yet."""
        self.open = len(self.messages)


@dataclass(frozen=True, slots=True)
class Stays:
    """A letter of which nothing can be sent.

    Attributes:
        why: an outcome, or words; without data of persons.
    """

    why: str


@dataclass(slots=True)
class Plan:
    """What a replay of some letters comes to.

    Attributes:
        letters: that can be sent, by connector.
        messages: in them, by connector.
        rest: letters that would be kept in the stead of bytes that are sent only in part.
        before: letters that were sent by an earlier replay.
        stays: letters of which nothing can be sent, by reason.
    """

    letters: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    rest: int = 0
    before: int = 0
    stays: Counter[str] = field(default_factory=Counter)


class Judge:
    """Decides about one connector's letters.

    Args:
        profile: how the connector sees events now.
        catalogue: what is known of event types now.
        schema: read bytes by this writer's schema (JSON text) instead of the one that was kept with them.
    """

    def __init__(self, profile: Profile, catalogue: Catalogue, schema: str | None = None) -> None:
        self._anonymous_users = profile.anonymous_users
        self._decoder = Decoder(profile, catalogue)
        self._schema = schema

    def of(self, letter: DeadLetter) -> Case | Stays:
        """Whether and how the letter can be sent."""
        return self._bytes(letter) if letter.message is None else self._message(letter, letter.message)

    def _message(self, letter: DeadLetter, text: str) -> Case | Stays:
        """A message is judged as it is: the policy may have changed since, and a limit."""
        body = text.encode()
        try:
            message = orjson.loads(body)
        except orjson.JSONDecodeError:
            message = None
        if not isinstance(message, dict):
            return Stays("its message is no JSON object")
        message_id = message.get("messageId")
        if not isinstance(message_id, str) or not 0 < len(message_id.encode()) <= MAX_MESSAGE_ID:
            return Stays("its message has no messageId that Segment takes")
        try:
            who = users({"external_user_id": message.get("userId"), "user_id": message.get("anonymousId")})
        except EnvelopeError:
            return Stays("an identity in its message is not text")
        if (verdict := who.verdict(anonymous_users=self._anonymous_users)) is not None:
            return Stays(verdict.value)
        if len(body) > MAX_MESSAGE:
            return Stays(Outcome.TOO_LARGE.value)
        return Case(letter, [(message_id, body)])

    def _bytes(self, letter: DeadLetter) -> Case | Stays:
        """Bytes are decoded again; where even their first event is what it was, nothing has changed."""
        schema = letter.schema if self._schema is None else self._schema
        if not schema or not letter.raw or letter.outcome is Outcome.BAD_FRAME:  # frames: no datums, whatever the schema
            return Stays(letter.outcome.value)
        hint = event_type(letter.origin.object)
        decoded = self._decoder.decode(Records(schema, hint, letter.raw, letter.count, letter.arrival, letter.origin))
        rest = [
            new
            for each in decoded.letters
            for new in Dead(letter.connector, each.outcome, each, None, "", 0, letter.at).records(letter.workspace)
        ]
        if any(new.digest == letter.digest for new in rest):
            return Stays(letter.outcome.value)
        messages = [(orjson.loads(body)["messageId"], body) for body in _bodies(decoded)]
        if not messages:
            return Stays(
                next((outcome.value for outcome in decoded.tally if outcome.state is not State.FILTERED), next(iter(decoded.tally)))
            )
        return Case(letter, messages, rest)


def cases(letters: Iterable[DeadLetter], judges: Mapping[str, Judge], marks: Marks, plan: Plan) -> Iterator[Case]:
    """The letters that can be sent, without what is marked at the moment when each is asked for. What they come to is added to the plan."""
    for letter in letters:
        if marks.replayed(letter):
            plan.before += 1
            continue
        judge = judges.get(letter.connector)
        verdict = judge.of(letter) if judge is not None else Stays(NOT_CONFIGURED)
        if isinstance(verdict, Stays):
            plan.stays[verdict.why] += 1
            continue
        fresh = [(message_id, body) for message_id, body in verdict.messages if not marks.sent(letter.connector, message_id)]
        case = Case(letter, fresh, verdict.rest)
        plan.letters[letter.connector] += 1
        plan.messages[letter.connector] += len(fresh)
        plan.rest += len(case.rest)
        yield case


def _bodies(messages: Messages) -> Iterator[bytes]:
    """Each message by itself, without its comma."""
    begin = 0
    for end in messages.ends.tolist():
        yield messages.bodies[begin : end - 1]
        begin = end
