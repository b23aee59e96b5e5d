"""Marks of what was sent again: objects beside the letters, below `replayed/`, each written after Segment's 2xx and before the next batch.

A mark says which messages of which letter are in Segment's hands. Letters themselves are never changed by a replay.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

import orjson
from xxhash import xxh3_128_hexdigest

from currents_segment.sinks.dead_letters.archive import Unreadable
from currents_segment.sinks.dead_letters.letter import DeadLetter, digest
from currents_segment.sinks.dead_letters.lines import packed, unpacked
from currents_segment.sinks.dead_letters.places import Place, opened
from currents_segment.sinks.dead_letters.scope import REPLAYED, SUFFIX, day, folder

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


class Marks:
    """What was sent again, as known when it was read and since.

    Args:
        place: where the letters are.
        connector: only this one's marks.
        unreadable: see `Unreadable`. Whoever sends must not go on after a call: what is marked there would be sent twice.

    Raises:
        OSError: the place cannot be listed.
    """

    def __init__(self, place: str, *, connector: str | None = None, unreadable: Unreadable) -> None:
        self._place: Place = opened(place)
        self._known = set[bytes]()  # digests of whole letters and of messages
        for name in self._place.names(REPLAYED if connector is None else REPLAYED + folder(connector)):
            for line in self._lines(name, unreadable):
                try:
                    self._know(Mark.load(line))
                except ValueError as error:
                    unreadable(name, str(error))

    def replayed(self, letter: DeadLetter) -> bool:
        """Nothing of this letter is left to be sent: it was marked, or its message was sent for another letter."""
        return letter.digest in self._known or (letter.message is not None and self.sent(letter.connector, letter.id))

    def sent(self, connector: str, message_id: str) -> bool:
        """Segment has taken this message."""
        return digest(connector, message_id) in self._known

    def write(self, marks: Sequence[Mark], at: float) -> None:
        """The marks, all of one connector, are durable once this returns; OSError when they are not."""
        lines = [mark.dump(at) for mark in marks]
        self._place.put(f"{REPLAYED}{folder(marks[0].connector)}date={day(at)}/{_name(lines, at)}", packed(lines))
        for mark in marks:
            self._know(mark)

    def fold(self, connector: str, at: float) -> None:
        """The many small objects of one connector become one; it is durable before they are deleted, so no moment knows less.

        Raises:
            OSError: not done, or not to the end; the marks are all there.
        """
        names = list(self._place.names(REPLAYED + folder(connector)))
        if len(names) <= 1:
            return
        lines = sorted({line + b"\n" for name in names for line in self._lines(name, _fault)})
        whole = f"{REPLAYED}{folder(connector)}date={day(at)}/{_name(lines, at)}"
        self._place.put(whole, packed(lines))
        for name in names:
            if name != whole:
                self._place.delete(name)

    def _know(self, mark: Mark) -> None:
        self._known.update(digest(mark.connector, message) for message in mark.messages)
        if mark.whole:
            self._known.add(mark.letter)

    def _lines(self, name: str, unreadable: Unreadable) -> list[bytes]:
        try:
            lines, tear = unpacked(self._place.get(name))
        except OSError as error:
            unreadable(name, str(error))
            return []
        if tear:
            unreadable(name, tear)
        return lines


def _fault(name: str, what: str) -> None:
    raise OSError(f"{name}: {what}")


def _name(lines: Iterable[bytes], at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H%M%S}-{xxh3_128_hexdigest(b''.join(lines))}{SUFFIX}"
