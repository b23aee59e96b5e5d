"""The wall clock, which a test can move: 48 hours must not take 48 hours to prove."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

OFFSET_FILE: Final = "CURRENTS_SEGMENT_CLOCK_OFFSET_FILE"  # for tests only: a file with the seconds to add, read again and again
_REREAD: Final = 0.05  # s


def clock(environ: Mapping[str, str]) -> Callable[[], float]:
    """Seconds since the epoch; moved by the number in the file that the environment names, if it names one."""
    name = environ.get(OFFSET_FILE)
    return _Moved(Path(name)).now if name else time.time


class _Moved:
    def __init__(self, file: Path) -> None:
        self._file, self._offset, self._read_at = file, 0.0, -1.0

    def now(self) -> float:
        monotonic = time.monotonic()
        if monotonic - self._read_at > _REREAD:
            self._read_at = monotonic
            self._offset = float(self._file.read_text(encoding="utf-8") or 0) if self._file.exists() else 0.0
        return time.time() + self._offset
