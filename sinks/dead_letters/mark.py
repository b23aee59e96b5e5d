"""One mark of what was sent again, and its form: a line of JSON. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

import orjson

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """Messages of one letter that Segment has taken.

    Attributes:
        connector: whose letter it is.
        id: the letter's id, for people.
        letter: the letter's digest.
        messages: their messageIds.
        whole: nothing of the letter is left to be sent.
    """

    connector: str
    id: str
    letter: bytes
    messages: tuple[str, ...]
    whole: bool

    @classmethod
    def load(cls, line: bytes) -> Self:
        """The mark that `dump` wrote; ValueError where there is none."""
        try:
            values = orjson.loads(line)
            if values["format"] != FORMAT:
                raise ValueError(f"format {values['format']} is not {FORMAT}")
            letter = bytes.fromhex(values["letter"])
            return cls(values["connector"], values["id"], letter, tuple(values["messages"]), values["whole"])
        except orjson.JSONDecodeError:
            raise ValueError("not a line of JSON") from None
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a mark: {error}") from None

    def dump(self, at: float) -> bytes:
        """A line of JSON, with its newline and the time at which Segment took it."""
        time = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        values = {"format": FORMAT, "at": time, "connector": self.connector, "id": self.id, "letter": self.letter.hex()}
        return orjson.dumps(values | {"messages": self.messages, "whole": self.whole}, option=orjson.OPT_APPEND_NEWLINE)
