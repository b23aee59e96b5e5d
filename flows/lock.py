"""A place that one process at a time may use: a file in it is locked, and says who has it.

The lock is the kernel's: it ends with the process that holds it and those that this one handed it to, however they end. Machines that share a
file system see each other's only where that file system carries locks (NFS may, or may not).
"""

import fcntl
import os
import re
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from currents_segment.flows.errors import UserError

PATIENCE: Final = 0.5  # s: somebody who only looks has it for an instant
AGAIN: Final = 0.02  # s between two tries
PROCESSES: Final = Path("/proc")


def hold(file: Path, why: str) -> TextIO:
    """Lock the file, made where it is missing; it is free again when it is closed or the process ends.

    Args:
        file: in the place; its folder is there.
        why: what a second one would do, and what to do instead.

    Raises:
        UserError: another process has it.
        OSError: the file cannot be written.
    """
    held = file.open("a+", encoding="utf-8")
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(AGAIN)
                continue
            who = _who(held)
            held.close()
            raise UserError(f"{file.parent}: in use by {who}; {why}") from None
    held.truncate(0)
    held.write(f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    held.flush()
    return held


def holder(file: Path) -> str | None:
    """Who has the file, in words; None when nobody has. It only looks, for an instant.

    Raises:
        OSError: the file is there and cannot be read.
    """
    try:
        seen = file.open(encoding="utf-8")
    except FileNotFoundError:
        return None
    with seen:
        try:
            fcntl.flock(seen, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _who(seen)
    return None


def _who(file: TextIO) -> str:
    """As the file says; a number means nothing in another container, and what a process started holds the lock after its end."""
    file.seek(0)
    words = file.read().strip() or "another process"
    said = re.match(r"process (\d+) on (.+) since ", words)
    if said is not None and said[2] == socket.gethostname() and PROCESSES.exists() and not (PROCESSES / said[1]).exists():
        words += " (not seen from here: in another container, or gone and survived by what it started)"
    return words
