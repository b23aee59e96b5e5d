"""The process's clock: what is done to the wall clock neither ages an event nor makes it younger. Tests can move it: 48 hours must not take 48 hours to prove."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

OFFSET_FILE: Final = (
    "CURRENTS_SEGMENT_CLOCK_OFFSET_FILE"  # for tests only: a file with seconds to pass and seconds to step, read again and again
)
SLEW: Final = 1 / 3000  # s a second, towards the wall clock: small differences heal, and 48 h are never wrong by more than 58 s
_REREAD: Final = 0.05  # s


class Clock:
    """Called for the time by which waits, windows and times to expiry are measured, in seconds since the epoch. Thread-safe.

    It begins with the wall clock and counts the seconds that pass. A step of the wall clock is followed by `SLEW` at the most; the next start takes all of it,
    and times of ours that are kept are moved along (`ahead`). `wall` is for what others read: `sentAt`, the times of dead letters.

    Args:
        elapsed: seconds that have passed since some moment; never steps, and counts a machine's sleep.
        wall: seconds since the epoch; may step either way.
    """

    def __init__(self, elapsed: Callable[[], float], wall: Callable[[], float]) -> None:
        self._elapsed, self.wall = elapsed, wall
        self._lock = threading.Lock()
        self._seen = elapsed()
        self._offset = wall() - self._seen

    def __call__(self) -> float:
        """Now."""
        return self._read()[0]

    def ahead(self) -> float:
        """Seconds that the wall clock is ahead of this one: 0, or about what it was stepped by."""
        now, wall = self._read()
        return wall - now

    def _read(self) -> tuple[float, float]:
        with self._lock:
            elapsed, wall = self._elapsed(), self.wall()
            most = (elapsed - self._seen) * SLEW
            self._offset += max(-most, min(most, wall - elapsed - self._offset))
            self._seen = elapsed
            return elapsed + self._offset, wall


def clock(environ: Mapping[str, str]) -> Clock:
    """The machine's; moved by the numbers in the file that the environment names, if it names one: time that passes, and a step of the wall clock."""
    name = environ.get(OFFSET_FILE)
    if name is None:
        return Clock(_since_boot, time.time)
    moved = _Moved(Path(name))
    return Clock(lambda: _since_boot() + moved()[0], lambda: time.time() + sum(moved()))


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class _Moved:
    def __init__(self, file: Path) -> None:
        self._file, self._numbers, self._read_at = file, (0.0, 0.0), -1.0

    def __call__(self) -> tuple[float, float]:
        monotonic = time.monotonic()
        if monotonic - self._read_at > _REREAD:
            self._read_at = monotonic
            words = self._file.read_text(encoding="utf-8").split() if self._file.exists() else []
            if words:
                passed, stepped, *_ = map(float, (*words, "0"))
                self._numbers = passed, stepped
        return self._numbers
