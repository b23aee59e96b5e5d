"""The recovery store: one folder with Bytewax's SQLite files, locked by the one run that may use it."""

from datetime import timedelta
from pathlib import Path
from typing import Final, TextIO

from bytewax.recovery import RecoveryConfig, init_db_dir

from currents_segment.flows.committed import KNOWN, POSITIONS, SLOTS, DamageError, UnreadableError, committed, mend, parts
from currents_segment.flows.errors import UserError
from currents_segment.flows.lock import hold

PARTS: Final = 3  # SQLite files: enough to write side by side, few enough to open at once
TWO_RUNS: Final = "two runs on one state would send everything twice: stop the other, or give this one its own `state`"


def lock(state: Path, why: str = TWO_RUNS) -> TextIO:
    """Take the state folder; it is free again when the file is closed or the process ends.

    Raises:
        UserError: somebody else has it, or the folder cannot be written.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        return hold(lock_file(state), why)
    except OSError as error:
        raise UserError(
            f"{state}: cannot keep state here: {error.strerror}; make the folder writable or set `state` in the configuration"
        ) from error


def lock_file(state: Path) -> Path:
    """What is locked."""
    return state / "lock"


def way_out(state: Path, damage: str) -> tuple[str, str]:
    """What a damaged store means, and what to do."""
    anew = "move it away and set `start` to a time before the last delivery: what Segment saw within 24 h it drops by messageId"
    return f"the recovery store in {state / 'recovery'} is damaged ({damage})", f"Put a backup in its place; or {anew}"


def check(state: Path) -> None:
    """Look before the flow starts whether this program can go on from the store. In a cluster of machines only process 0 has one.

    It changes nothing, but undoes a change that was cut short. The caller holds the lock.

    Raises:
        UserError: it was written by a newer version, or cannot be read.
    """
    from currents_segment.flows import dedup, source  # noqa: PLC0415 - who only locks or looks needs none of them
    from currents_segment.sinks.segment import state as held  # noqa: PLC0415

    if not parts(state):
        return
    try:
        mend(state)
        with committed(state) as found:
            for kept in found.rows(POSITIONS).values():
                source.migrated(kept)
            for kept in found.rows(SLOTS).values():
                held.migrated(kept)
            for kept in found.rows(KNOWN).values():
                dedup.past(kept)
    except UnreadableError:  # the flow meets it too: a full disk, a folder of somebody else's
        return
    except DamageError as error:
        why, then = way_out(state, str(error))
        raise UserError(f"{why}. {then}") from error


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
