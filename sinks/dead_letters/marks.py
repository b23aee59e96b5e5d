"""What was sent again: each mark is written after Segment's 2xx and before the next batch. Letters themselves are never changed by a replay."""

from collections.abc import Sequence

from currents_segment.sinks.dead_letters.archive import DeadLetters, Unreadable
from currents_segment.sinks.dead_letters.letter import DeadLetter, digest
from currents_segment.sinks.dead_letters.mark import Mark


class Marks:
    """What is marked beside the letters, as known when it was read and since.

    Args:
        place: where the letters are.
        connector: only this one's marks.
        unreadable: see `Unreadable`. Whoever sends must not go on after a call: what is marked there would be sent twice.

    Raises:
        OSError: the place cannot be looked at.
    """

    def __init__(self, place: DeadLetters, *, connector: str | None = None, unreadable: Unreadable) -> None:
        self._place = place
        self._known = set[bytes]()  # digests of whole letters and of messages
        for mark in place.marks(connector, unreadable):
            self._know(mark)

    def replayed(self, letter: DeadLetter) -> bool:
        """Nothing of this letter is left to be sent: it was marked, or its message was sent for another letter."""
        return letter.digest in self._known or (letter.message is not None and self.sent(letter.connector, letter.id))

    def sent(self, connector: str, message_id: str) -> bool:
        """Segment has taken this message."""
        return digest(connector, message_id) in self._known

    def write(self, marks: Sequence[Mark], at: float) -> None:
        """The marks, all of one connector, are durable once this returns; OSError when they are not."""
        self._place.mark(marks, at)
        for mark in marks:
            self._know(mark)

    def _know(self, mark: Mark) -> None:
        self._known.update(digest(mark.connector, message) for message in mark.messages)
        if mark.whole:
            self._known.add(mark.letter)
