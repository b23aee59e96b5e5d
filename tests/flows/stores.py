"""Recovery stores made by hand, with the files of the pinned Bytewax."""

import pickle
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from currents_segment.flows import recovery
from currents_segment.flows.committed import POSITIONS, SLOTS, parts
from currents_segment.flows.slots import NAMES, Unit


def made(state: Path, rows: Mapping[tuple[str, str, int], Any], *, frontier: int = 8) -> Path:
    """A store whose last run, of two workers, reached an epoch; `rows` by step, key and epoch, dealt to all parts. None is a deleted key."""
    recovery.store(state, first=True)
    files = parts(state)
    for number, file in enumerate(files):
        with closing(sqlite3.connect(file, isolation_level=None)) as part:
            part.execute("insert into commits (part_index, commit_epoch) values (?, ?)", (number, frontier - 1))
            for (step, key, epoch), row in rows.items():
                if sum(key.encode()) % len(files) == number:
                    change = None if row is None else pickle.dumps(row)
                    part.execute(
                        "insert into snaps (step_id, state_key, snap_epoch, ser_change) values (?, ?, ?, ?)", (step, key, epoch, change)
                    )
    execute(files[0], "insert into exs (ex_num, worker_count, resume_epoch) values (0, 1, 1), (1, 2, 5)")
    execute(files[1], "insert into fronts (ex_num, worker_index, worker_frontier) values (0, 0, 99), (1, 0, ?)", frontier)
    execute(files[2], "insert into fronts (ex_num, worker_index, worker_frontier) values (1, 1, ?)", frontier + 1)
    return state


def execute(file: Path, statement: str, *values: Any) -> None:
    """Change one part."""
    with closing(sqlite3.connect(file, isolation_level=None)) as part:
        part.execute(statement, values)


def slots(
    positions: Mapping[Unit, Any] | None = None, *, version: int = 2, rewinds: Mapping[str, tuple[int, float]] | None = None, **kept: Any
) -> dict[tuple[str, str, int], Any]:
    """The rows of all sixteen slots, of the source and of the sink, where the first sink slot keeps what is given."""
    rows: dict[tuple[str, str, int], Any] = {}
    for number, name in enumerate(NAMES):
        mine = {(unit.connector, unit.log, unit.partition): at.pack() for unit, at in (positions or {}).items() if unit.slot == number}
        rows[POSITIONS, name, 7] = {"version": version, "positions": mine, "rewinds": dict(rewinds or {})}
        nothing = {"version": 1, "lanes": {}, "dead": (), "health": {}, "ledger": {}}
        rows[SLOTS, name, 7] = nothing | (kept if number == 0 else {})
    return rows
