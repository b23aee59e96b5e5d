"""What the doctor finds in the recovery store: its files, its rows, its versions, who holds it. Read only, also while a run writes it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from currents_segment.flows import dedup
from currents_segment.flows import source as positions
from currents_segment.flows.committed import (
    KNOWN,
    POSITIONS,
    SLOTS,
    Committed,
    DamageError,
    Extent,
    UnreadableError,
    committed,
    damage,
    parts,
)
from currents_segment.flows.errors import UserError
from currents_segment.flows.holdings import Holding, holdings
from currents_segment.flows.known_files import Files
from currents_segment.flows.preflight import Finding
from currents_segment.flows.recovery import way_out
from currents_segment.flows.slots import NAMES

ID: Final = 8  # bytes of an id in its file
ROWS: Final = 20_000  # of all steps: a resume takes time in the square of them


@dataclass(frozen=True, slots=True)
class Store:
    """The store as a start would find it.

    Attributes:
        files: how many there are; 0: the next run is the first.
        bytes: what they and what stands beside them take on the disk.
        extents: rows and bytes by step; empty where they cannot be read.
        since: when it was made, as SQLite writes a time (UTC), or "".
        begun: when the last run began, likewise.
        killed: nobody has it open, and what the last run committed last stands beside the files: it was ended hard.
        holdings: what it knows of each connector.
        rows: the committed positions by slot.
        known: ids by which copies are found; they lie in files of their own.
        findings: what needs somebody.
    """

    files: int
    bytes: int
    extents: Mapping[str, Extent] = field(default_factory=dict)
    since: str = ""
    begun: str = ""
    killed: bool = False
    holdings: Mapping[str, Holding] = field(default_factory=dict)
    rows: Mapping[str, positions.State] = field(default_factory=dict)
    known: int = 0
    findings: tuple[Finding, ...] = ()


def look(state: Path, *, held: bool) -> Store:
    """Look at the store.

    Args:
        state: the state folder.
        held: a run has it open.
    """
    files = parts(state)
    if not files:
        return Store(0, 0, findings=tuple(_missing(state)))
    beside = [path for path in (state / "recovery").glob("*") if path.is_file()]
    size, written = sum(path.stat().st_size for path in beside), [path.name for path in beside if path.stat().st_size]
    if not held and any(name.endswith("-journal") for name in written):
        return Store(
            len(files), size, findings=(Finding("warning", "store", "a change of it was cut short: the next start or rewind undoes it"),)
        )
    if (wrong := damage(state)) is not None:
        why, then = way_out(state, wrong)
        return Store(len(files), size, findings=(Finding("fault", "store", f"{why}: {then}"),))
    try:
        with committed(state) as found:
            killed = not held and any(name.endswith("-wal") for name in written)
            return _read(found, state, len(files), size, killed=killed, held=held)
    except UnreadableError as error:
        text = f"{state / 'recovery'} cannot be read: {error}; look as the user that runs it, and make room if the disk is full"
    except DamageError as error:
        text = ": ".join(way_out(state, str(error)))
    except UserError as error:  # a newer version wrote it
        text = str(error)
    return Store(len(files), size, findings=(Finding("fault", "store", text),))


def _missing(state: Path) -> Iterator[Finding]:
    if (state / "status-0.json").exists():  # which process 0 leaves (process.status_file)
        yield Finding(
            "fault",
            "store",
            f"{state / 'recovery'} is empty, though a run was here: a start would begin at `start` again; put a backup there, or set `start` to a time shortly before the loss",
        )


def _read(found: Committed, state: Path, files: int, size: int, *, killed: bool, held: bool) -> Store:
    rows = {key: positions.migrated(row) for key, row in found.rows(POSITIONS).items()}
    ids, lacking = _ids(state, found.rows(KNOWN))
    extents = found.extents()
    findings = list(_rows(extents, {POSITIONS: rows, SLOTS: found.rows(SLOTS)}))
    if lacking and not held:  # a run removes what it forgets
        text = f"{lacking:,} of {ids:,} known ids are not in {state / 'known'}: copies of their events would be sent again, under the same messageIds; put the folder back as it was"
        findings.append(Finding("warning", "store", text))
    return Store(
        files=files,
        bytes=size,
        extents=extents,
        since=found.since,
        begun=found.begun or "",
        killed=killed,
        holdings=holdings(found),
        rows=rows,
        known=ids,
        findings=tuple(findings),
    )


def _ids(state: Path, rows: Mapping[str, Any]) -> tuple[int, int]:
    """How many ids the shards count as known, and how many of them are not in their files."""
    files, ids, lacking = Files(state / "known"), 0, 0
    for shard, row in rows.items():
        past = dedup.past(row)
        for number, (_, written, *_) in enumerate(past.slots, past.newest - len(past.slots) + 1):
            file = files.file(shard, number)
            ids += written
            lacking += max(0, written - (file.stat().st_size // ID if file.exists() else 0))
    return ids, lacking


def _rows(extents: Mapping[str, Extent], rows: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    for step, kept in rows.items():
        if any(rows.values()) and (missing := [name for name in NAMES if name not in kept]):
            yield Finding(
                "fault",
                "store",
                f"{step} has no state of {len(missing)} of {len(NAMES)} slots ({', '.join(missing)}): their units would begin at `start`; put a backup in its place",
            )
    if (count := sum(extent.rows for extent in extents.values())) > ROWS:
        yield Finding(
            "warning",
            "store",
            f"{count:,} rows: a start takes time in the square of them; a longer epoch and fewer connectors keep it small",
        )
