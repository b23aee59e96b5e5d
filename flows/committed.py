"""The committed state in a recovery store, read and changed without Bytewax. What is known of its files was read off version 0.21.1.

A store is a few SQLite files, its parts. The newest execution (`exs`) and what its workers reached (`fronts`), each in any of the parts,
say from which epoch the next run resumes: of each step and key the newest row before that epoch counts. What is left of an epoch that was
never committed stands behind it.
"""

import pickle
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

POSITIONS: Final = "currents_segment.read"
SLOTS: Final = "currents_segment.deliver"
KNOWN: Final = "currents_segment.dedup"
SCHEMA: Final = 5  # the `user_version` of Bytewax 0.21.1's files
LOOKS: Final = 20  # at parts that are being written
PAUSE: Final = 0.05  # s between two looks: an epoch's commit takes less

_NEWEST: Final = """
    select state_key, snap_epoch, ser_change from {part}.snaps
    join (select state_key, max(snap_epoch) as snap_epoch from {part}.snaps where step_id = ?1 and snap_epoch < ?2 group by state_key)
    using (state_key, snap_epoch) where step_id = ?1 and ser_change is not null
"""


class DamageError(Exception):
    """The store is not whole; the message says in what."""


class UnreadableError(DamageError):
    """The store cannot be read at the moment: no access, no room, or a change that was cut short and is undone by the next start."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What one step keeps.

    Attributes:
        rows: all of them, those of deleted keys included: a resume takes time in the square of them.
        bytes: what they hold.
    """

    rows: int
    bytes: int


class Committed:
    """One consistent cut through all parts, which are attached to one connection.

    Attributes:
        resume: the epoch in which the next run begins; None before the first run.
        since: when the store was made, as SQLite writes a time (UTC).
        begun: when the last run began, likewise; None before the first.
    """

    def __init__(self, connection: sqlite3.Connection, parts: Sequence[str]) -> None:
        self._connection, self._parts = connection, parts
        exs = self._all("select ex_num, worker_count, resume_epoch, created_at from {part}.exs")
        fronts = {row[:2]: row[2] for row in self._all("select ex_num, worker_index, worker_frontier from {part}.fronts")}
        self.since: str = min(row[0] for row in self._all("select created_at from {part}.parts"))
        self.resume: int | None = None
        self.begun: str | None = None
        if exs:
            number, workers, first, self.begun = max(exs)
            self.resume = min(max(first, fronts.get((number, worker), first)) for worker in range(workers))

    @property
    def ahead(self) -> bool:
        """A part was committed further than all parts together: one is of another time than the others, or this look is no cut."""
        commits = self._all("select commit_epoch from {part}.commits")
        return self.resume is not None and any(epoch >= self.resume for (epoch,) in commits)

    def rows(self, step: str) -> dict[str, Any]:
        """The state of each key of a step, as the next run would get it."""
        return {key: pickle.loads(state) for _, key, _, state in self.places(step)}  # noqa: S301 - as far to be trusted as the program's own files

    def places(self, step: str) -> list[tuple[str, str, int, bytes]]:
        """Part, key, epoch and bytes of each row that counts."""
        found = [(part, *row) for part in self._parts for row in self._connection.execute(_NEWEST.format(part=part), (step, self.resume))]
        return found if self.resume is not None else []

    def extents(self) -> dict[str, Extent]:
        """What each step keeps."""
        rows, size = Counter[str](), Counter[str]()
        for step, count, length in self._all("select step_id, count(*), coalesce(sum(length(ser_change)), 0) from {part}.snaps group by 1"):
            rows[step] += count
            size[step] += length
        return {step: Extent(rows[step], size[step]) for step in sorted(rows)}

    def replace(self, step: str, rows: Mapping[str, Any]) -> None:
        """Give each of these keys, which has a row that counts, another state."""
        for part, key, epoch, _ in self.places(step):
            if key in rows:
                self._connection.execute(
                    f"update {part}.snaps set ser_change = ? where step_id = ? and state_key = ? and snap_epoch = ?",  # noqa: S608 - a name of ours
                    (pickle.dumps(rows[key]), step, key, epoch),
                )

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        return [row for part in self._parts for row in self._connection.execute(query.format(part=part))]


def parts(state: Path) -> list[Path]:
    """The store's files in a state folder."""
    return sorted((state / "recovery").glob("part-*.sqlite3"))


def damage(state: Path) -> str | None:
    """What is wrong with the files, in words; None when nothing is, or when there are none. Reads all of them."""
    files = parts(state)
    for file in files:
        try:
            with closing(sqlite3.connect(_uri(file), uri=True)) as part:
                verdict: str = part.execute("pragma quick_check(1)").fetchone()[0]
                if verdict != "ok":
                    return f"{file.name}: {verdict}"
                if (wrong := _wrong(part, "main", file, files)) is not None:
                    return wrong
        except sqlite3.Error as error:
            return f"{file.name}: {error}"
    return None


def _wrong(connection: sqlite3.Connection, name: str, file: Path, files: Sequence[Path]) -> str | None:
    """Why this is none of Bytewax 0.21.1's parts, or not all that belong together are there."""
    if (schema := connection.execute(f"pragma {name}.user_version").fetchone()[0]) != SCHEMA:
        return f"{file.name}: made by another version of Bytewax (schema {schema}, not {SCHEMA})"
    index, count = connection.execute(f"select part_index, part_count from {name}.parts").fetchone() or (None, 0)  # noqa: S608 - a name of ours
    if len(files) != count:
        return f"{len(files)} of its {count} files are there"
    return None if file.name == f"part-{index}.sqlite3" else f"{file.name}: it says that it is part {index}"


def _uri(file: Path) -> str:
    """Reads without leaving a trace: a file that nobody has open has no log beside it, and gets none."""
    beside = any(file.with_name(f"{file.name}-{log}").exists() for log in ("wal", "journal"))
    return f"{file.absolute().as_uri()}?{'mode=ro' if beside else 'immutable=1'}"


@contextmanager
def committed(state: Path) -> Iterator[Committed]:
    """Look at the store; also while a run writes it.

    Raises:
        DamageError: it is not whole, or there is none.
        UnreadableError: it cannot be read at the moment.
    """
    with ExitStack() as stack:
        try:
            for look in range(LOOKS):
                stack.pop_all().close()
                connection = stack.enter_context(closing(sqlite3.connect(":memory:", uri=True, isolation_level=None)))
                found = _attached(connection, parts(state))
                if not found.ahead:
                    break
                if look == LOOKS - 1:
                    raise DamageError("its files are not of one moment; a backup must hold all of them as they were at the same time")
                time.sleep(PAUSE)
            yield found
        except sqlite3.OperationalError as error:
            raise UnreadableError(str(error)) from error
        except sqlite3.Error as error:
            raise DamageError(str(error)) from error


def _attached(connection: sqlite3.Connection, files: Sequence[Path]) -> Committed:
    if not files:
        raise DamageError("there is none")
    names = [f"part{number}" for number in range(len(files))]
    for name, file in zip(names, files, strict=True):
        connection.execute(f"attach ? as {name}", (_uri(file),))
    connection.execute("begin")
    for name, file in zip(names, files, strict=True):
        if (wrong := _wrong(connection, name, file, files)) is not None:
            raise DamageError(wrong)
    return Committed(connection, names)


def mend(state: Path) -> None:
    """Undo a change that was cut short, as whoever opens the files for writing does. The caller holds the state's lock.

    Raises:
        UnreadableError: they cannot be written.
    """
    try:
        for file in parts(state):
            if file.with_name(f"{file.name}-journal").exists():
                with closing(sqlite3.connect(file, isolation_level=None)) as part:
                    part.execute("pragma journal_mode = wal")
    except sqlite3.Error as error:
        raise UnreadableError(str(error)) from error


def change(state: Path, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Give keys of steps another committed state: all of them or none, whatever happens meanwhile. The caller holds the state's lock.

    A transaction over several files is atomic in SQLite unless they are in WAL mode, so they leave it for as long; Bytewax would enter it
    again by itself. What a kill or a power cut leaves half done is undone by whoever opens the files next.

    Raises:
        DamageError: it cannot be changed.
    """
    files = parts(state)
    try:
        with closing(sqlite3.connect(files[0].absolute().as_uri(), uri=True, isolation_level=None)) as connection:
            names = ["main", *(f"part{number}" for number in range(1, len(files)))]
            for name, file in zip(names[1:], files[1:], strict=True):
                connection.execute(f"attach ? as {name}", (file.absolute().as_uri(),))
            _journal(connection, names, "delete")
            connection.execute("begin immediate")
            for step, changed in rows.items():
                Committed(connection, names).replace(step, changed)
            connection.execute("commit")
            _journal(connection, names, "wal")
    except sqlite3.Error as error:
        raise DamageError(str(error)) from error
    with committed(state) as now:
        if any(now.rows(step).get(key) != row for step, changed in rows.items() for key, row in changed.items()):
            raise DamageError("what was written does not read the same")


def _journal(connection: sqlite3.Connection, names: Sequence[str], mode: str) -> None:
    for name in names:
        if connection.execute(f"pragma {name}.journal_mode = {mode}").fetchone()[0] != mode:
            raise DamageError("its files are open elsewhere")
