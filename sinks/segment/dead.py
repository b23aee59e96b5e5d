"""Events that are decided but not yet known to be written as dead letters: part of the slot's state until they are on disk."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

import orjson

from currents_segment.codecs.chunk import Letter, Origin
from currents_segment.codecs.outcome import Outcome
from currents_segment.sinks.dead_letters import DeadLetter
from currents_segment.sinks.segment.batch import Piece, pack, unpack


@dataclass(frozen=True, slots=True, eq=False)
class Dead:
    """A piece that expired or was refused, or a letter that a decoder made.

    Attributes:
        connector: whose events they are.
        outcome: why they ended.
        content: the messages, or the letter.
        status: Segment's status, where it answered.
        why: label of the last answer, or "".
        tries: failed attempts in the process that decided.
        at: when it was decided, seconds since the epoch by the wall clock.
    """

    connector: str
    outcome: Outcome
    content: Piece | Letter
    status: int | None
    why: str
    tries: int
    at: float

    @property
    def events(self) -> int:
        """Events that it stands for."""
        return self.content.count

    @property
    def held(self) -> int:
        """What the gate counts: a stretch of damage is one, whatever it holds."""
        return self.content.count if isinstance(self.content, Piece) else 1

    @property
    def size(self) -> int:
        """Bytes of the bodies."""
        return self.content.size if isinstance(self.content, Piece) else len(self.content.body)

    def state(self) -> tuple[Any, ...]:
        """Plain values for a snapshot."""
        content = self.content.state() if isinstance(self.content, Piece) else _kept(self.content)
        return (isinstance(self.content, Piece), self.connector, self.outcome.value, content, self.status, self.why, self.tries, self.at)

    @classmethod
    def restore(cls, state: tuple[Any, ...], slot: int) -> "Dead":
        """What `state` was taken of, in the slot that kept it."""
        is_piece, connector, outcome, content, status, why, tries, at = state
        return cls(connector, Outcome(outcome), Piece.restore(content, slot) if is_piece else _letter(content), status, why, tries, at)

    def records(self, workspace: str) -> Iterator[DeadLetter]:
        """The dead letters, one for each message."""
        if isinstance(self.content, Letter):
            letter = self.content
            yield DeadLetter(
                id=letter.id,
                connector=self.connector,
                workspace=workspace,
                outcome=self.outcome,
                status=None,
                answer="",
                attempts=0,
                detail=letter.detail,
                origin=letter.origin,
                arrival=letter.arrival,
                at=self.at,
                count=letter.count,
                message=None if letter.raw else letter.body.decode(),
                raw=letter.body if letter.raw else None,
                schema=letter.schema,
            )
            return
        for message in self.content.messages():
            yield DeadLetter(
                id=orjson.loads(message)["messageId"],
                connector=self.connector,
                workspace=workspace,
                outcome=self.outcome,
                status=self.status,
                answer=self.why,
                attempts=self.tries,
                detail="",
                origin=self.content.origin,
                arrival=self.content.arrival,
                at=self.at,
                count=1,
                message=message.decode(),
                raw=None,
                schema="",
            )


def _kept(letter: Letter) -> tuple[Any, ...]:
    outcome, name, count, body, *rest = astuple(letter)
    return (outcome.value, name, count, pack(body), *rest)


def _letter(content: tuple[Any, ...]) -> Letter:
    outcome, name, count, body, raw, schema, detail, origin, arrival = content
    return Letter(Outcome(outcome), name, count, unpack(body), raw, schema, detail, Origin(*origin), arrival)
