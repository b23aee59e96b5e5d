"""One dead letter, and its form on disk: a line of JSON that explains itself and holds no key. Pure."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from xxhash import xxh3_128_digest

from currents_segment.codecs.chunk import Origin
from currents_segment.codecs.outcome import Outcome

FORMAT: Final = 1  # a reader refuses what a newer version wrote instead of guessing


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that ended expired, rejected or undecodable.

    Attributes:
        id: the messageId, or `object#block.record` where there is none.
        connector: whose event it was.
        workspace: the connector's workspace.
        outcome: why it ended.
        status: Segment's last status; None where Segment was not asked or did not answer.
        answer: label of the last answer, such as `413` or `timeout`; empty where there was none.
        attempts: failed attempts, as far as the process that decided knew.
        detail: what was wrong, in words, without data of persons.
        origin: where the event stands in the log.
        arrival: when it came into the log, seconds since the epoch.
        at: when it ended, seconds since the epoch.
        count: how many events it stands for (more than 1 only for damage).
        message: the Segment message, JSON text; None where there is none.
        raw: bytes of the log that could not be read; None where `message` is there.
        schema: the writer's schema of `raw`, JSON text, where it is known; else empty.
    """

    id: str
    connector: str
    workspace: str
    outcome: Outcome
    status: int | None
    answer: str
    attempts: int
    detail: str
    origin: Origin
    arrival: float
    at: float
    count: int
    message: str | None
    raw: bytes | None
    schema: str

    @property
    def identity(self) -> tuple[str, str, str, Origin]:
        """What makes two letters the same one, written twice."""
        return self.connector, self.outcome.value, self.id, self.origin

    @property
    def digest(self) -> bytes:
        """Its identity in 16 bytes, the same in every version: marks of what was sent again are kept by it."""
        origin = self.origin
        return digest(self.connector, self.outcome.value, self.id, origin.log, origin.object, origin.block, origin.record)


def digest(*parts: str | int) -> bytes:
    """16 bytes that stand for these parts in this order."""
    return xxh3_128_digest(orjson.dumps(parts))


def dump(letter: DeadLetter) -> bytes:
    """The letter as one line of JSON, with its newline."""
    return orjson.dumps(fields(letter), option=orjson.OPT_APPEND_NEWLINE)


def fields(letter: DeadLetter) -> dict[str, Any]:
    """The letter as JSON values: times as RFC 3339, the message as an object (as text if it is no JSON), raw bytes in base64."""
    origin = letter.origin
    return {
        "format": FORMAT,
        "id": letter.id,
        "connector": letter.connector,
        "workspace": letter.workspace,
        "outcome": letter.outcome.value,
        "status": letter.status,
        "answer": letter.answer,
        "attempts": letter.attempts,
        "detail": letter.detail,
        "origin": {"log": origin.log, "object": origin.object, "block": origin.block, "record": origin.record},
        "arrival": _time(letter.arrival),
        "at": _time(letter.at),
        "count": letter.count,
        "message": None if letter.message is None else _parsed(letter.message),
        "raw": None if letter.raw is None else b64encode(letter.raw).decode(),
        "schema": letter.schema,
    }


def load(line: bytes) -> DeadLetter:
    """The letter that `dump` wrote; raises ValueError, without the line's content, where there is none."""
    try:
        values = orjson.loads(line)
        if values["format"] != FORMAT:
            raise ValueError(f"format {values['format']} is not {FORMAT}")
        message, raw = values["message"], values["raw"]
        return DeadLetter(
            id=values["id"],
            connector=values["connector"],
            workspace=values["workspace"],
            outcome=Outcome(values["outcome"]),
            status=values["status"],
            answer=values["answer"],
            attempts=values["attempts"],
            detail=values["detail"],
            origin=Origin(**values["origin"]),
            arrival=datetime.fromisoformat(values["arrival"]).timestamp(),
            at=datetime.fromisoformat(values["at"]).timestamp(),
            count=values["count"],
            message=message if message is None or isinstance(message, str) else orjson.dumps(message).decode(),
            raw=None if raw is None else b64decode(raw),
            schema=values["schema"],
        )
    except orjson.JSONDecodeError:
        raise ValueError("not a line of JSON") from None
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a dead letter: {error}") from None


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _parsed(message: str) -> Any:
    """The message as a JSON object, or as it is: a message may be here because it is no JSON."""
    try:
        value = orjson.loads(message)
    except orjson.JSONDecodeError:
        return message
    return value if isinstance(value, dict) else message
