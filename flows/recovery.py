"""The recovery store: one folder with Bytewax's SQLite files, locked by the one run that may use it."""

import fcntl
import os
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TextIO

from bytewax.recovery import RecoveryConfig, init_db_dir

from currents_segment.flows.errors import UserError

PARTS: Final = 3  # SQLite files: enough to write side by side, few enough to open at once


def lock(state: Path) -> TextIO:
    """Take the state folder for this run; it is free again when the file is closed or the process ends.

    Raises:
        UserError: another run has it, or the folder cannot be written.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        file = (state / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{state}: cannot keep state here: {error.strerror}; make the folder writable or set `state` in the configuration"
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise UserError(
            f"{state}: in use by {holder}; two runs on one state would send everything twice: stop the other, or give this one its own `state`"
        ) from None
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    file.flush()
    return file


def damage(state: Path) -> str | None:
    """What is wrong with the store in the state folder, in words; None when nothing is, or when it is not here (a process of a cluster of machines)."""
    files = sorted((state / "recovery").glob("part-*.sqlite3"))
    if files and len(files) != PARTS:
        return f"{len(files)} of its {PARTS} files are there"
    for file in files:
        try:
            with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as part:
                verdict = part.execute("pragma quick_check(1)").fetchone()[0]
        except sqlite3.Error as error:
            verdict = str(error)
        if verdict != "ok":
            return f"{file.name}: {verdict}"
    return None


def store(state: Path, *, first: bool) -> RecoveryConfig:
    """The store in the state folder, made where it is missing (twice would panic).

    Args:
        state: the state folder.
        first: whether this is process 0; the others of a cluster of machines may have an empty folder.
    """
    folder = state / "recovery"
    folder.mkdir(parents=True, exist_ok=True)
    if first and not any(folder.glob("*.sqlite3")):
        init_db_dir(folder, PARTS)
    return RecoveryConfig(folder, backup_interval=timedelta(0))
