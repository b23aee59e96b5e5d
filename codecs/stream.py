"""A cursor over a stream of bytes that is read once: it can look ahead and go back as far as a mark, and holds no more than that."""

from typing import Final, Protocol

PIECE: Final = 64 * 1024  # bytes asked of the stream at a time
_LONG: Final = 10  # bytes that an Avro long takes at most


class Stream(Protocol):
    """Where bytes come from."""

    def read(self, count: int, /) -> bytes:
        """Up to `count` bytes; none only at the end."""


class Cursor:
    """A place in a stream.

    Attributes:
        taken: how many bytes were taken in all, those given back not counted.
    """

    def __init__(self, stream: Stream) -> None:
        self.taken = 0
        self._stream = stream
        self._held = b""
        self._at = 0
        self._mark = 0
        self._over = False  # the stream has no more

    def take(self, count: int) -> bytes:
        """The next bytes; fewer only at the end."""
        if len(self._held) - self._at < count:
            self._fill(count)
        taken = self._held[self._at : self._at + count]
        self._at += len(taken)
        self.taken += len(taken)
        return taken

    def peek(self, distance: int, count: int) -> bytes:
        """Bytes that stand so far on, none of them taken; fewer only at the end."""
        if len(self._held) - self._at < distance + count:
            self._fill(distance + count)
        return self._held[self._at + distance : self._at + distance + count]

    def pass_on(self, count: int) -> bytes:
        """The next bytes, with the mark in front of them."""
        self.mark()
        return self.take(count)

    def back(self, count: int) -> None:
        """Go back, not behind the mark."""
        self._at -= count
        self.taken -= count

    def mark(self) -> None:
        """What was taken before is not needed any more."""
        self._mark = self._at

    def since_mark(self) -> bytes:
        """What was taken since the mark."""
        return self._held[self._mark : self._at]

    def find(self, marker: bytes, limit: int) -> int:
        """How far on the marker begins, `limit` bytes at the most; -1 where it doesn't. Reads no further than the marker, by doubling."""
        seen, end, want = 0, limit + len(marker), min(PIECE, limit + len(marker))
        while True:
            if len(self._held) - self._at < want:
                self._fill(want)
            found = self._held.find(marker, self._at + seen, self._at + end)
            if found >= 0:
                return found - self._at
            have = len(self._held) - self._at
            if have < want or want == end:
                return -1
            seen, want = max(0, have - len(marker) + 1), min(2 * have, end)

    def ended(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._held) and not self.peek(0, 1)

    def long(self) -> int | None:
        """An Avro long; None where the stream ends or it has more than 10 bytes."""
        value = 0
        if len(self._held) - self._at >= _LONG:  # as below, without a call a byte
            for place in range(_LONG):
                piece = self._held[self._at + place]
                value |= (piece & 0x7F) << (7 * place)
                if piece < 0x80:  # noqa: PLR2004 - the bit that says "more follows"
                    self._at += place + 1
                    self.taken += place + 1
                    return (value >> 1) ^ -(value & 1)
            self._at += _LONG
            self.taken += _LONG
            return None
        for place in range(_LONG):
            byte = self.take(1)
            if not byte:
                return None
            value |= (byte[0] & 0x7F) << (7 * place)
            if byte[0] < 0x80:  # noqa: PLR2004 - the bit that says "more follows"
                return (value >> 1) ^ -(value & 1)
        return None

    def _fill(self, count: int) -> None:
        if self._over:
            return
        rest = self._held[self._mark :]
        self._at, self._mark = self._at - self._mark, 0
        pieces = [rest] if rest else []  # a single one is not copied
        missing = count + self._at - len(rest)
        while missing > 0 and not self._over:
            if piece := self._stream.read(max(PIECE, missing)):
                pieces.append(piece)
                missing -= len(piece)
            else:
                self._over = True
        self._held = b"".join(pieces)
