import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from tests.flows.stores import execute, made, slots

from currents_segment.flows.committed import POSITIONS, SCHEMA, DamageError, UnreadableError, change, committed, damage, mend, parts
from currents_segment.flows.slots import NAMES

OLD = {name: {"of": name, "n": 0} for name in NAMES}
NEW = {name: {"of": name, "n": 1} for name in NAMES}
KILLED_AT = """
import os, signal, sqlite3, sys
from pathlib import Path
from currents_segment.flows import committed
real, left = sqlite3.connect, [int(sys.argv[2])]

def statement(_):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def connect(*arguments, **options):
    connection = real(*arguments, **options)
    connection.execute("pragma cache_size = 1")  # changed pages go to the files before the commit
    connection.set_trace_callback(statement)
    return connection

sqlite3.connect = connect
committed.change(Path(sys.argv[1]), {committed.POSITIONS: {f"{n:02d}": {"of": f"{n:02d}", "n": 1} for n in range(16)}})
"""


def rows(state):
    with committed(state) as found:
        return found.rows(POSITIONS)


def store(tmp_path):
    return made(tmp_path / "state", {(POSITIONS, name, 7): row for name, row in OLD.items()})


def test_of_each_key_the_newest_row_before_the_resume_counts(tmp_path):
    """What a crashed epoch left behind it does not, nor what was deleted; the slowest worker of the last execution says where that is."""
    kept = {
        ("s", "a", 3): "old",
        ("s", "a", 7): "new",
        ("s", "a", 8): "never committed",
        ("s", "b", 2): "alone",
        ("other", "a", 7): "not asked",
    }
    state = made(tmp_path, {**kept, ("s", "c", 2): "gone", ("s", "c", 6): None})
    with committed(state) as found:
        assert 8 == found.resume
        assert {"a": "new", "b": "alone"} == found.rows("s")
        assert {"other": 1, "s": 6} == {step: extent.rows for step, extent in found.extents().items()}


def test_before_the_first_commit_nothing_counts(tmp_path):
    """A store that was only made is no damage."""
    state = made(tmp_path, {})
    for table in ("exs", "fronts", "commits"):
        for part in parts(state):
            execute(part, f"delete from {table}")
    with committed(state) as found:
        assert found.resume is None
        assert {} == found.rows(POSITIONS)


def test_who_looks_leaves_no_trace(tmp_path):
    """Files that nobody has open get no log beside them; it might belong to another user than the run."""
    state = store(tmp_path)
    before = sorted((state / "recovery").iterdir()), [part.read_bytes() for part in parts(state)]
    assert rows(state) == OLD
    assert damage(state) is None
    assert before == (sorted((state / "recovery").iterdir()), [part.read_bytes() for part in parts(state)])


def test_what_a_run_has_committed_and_not_yet_moved_into_its_files_is_seen(tmp_path):
    """As during a run, and after one that was killed."""
    state = store(tmp_path)
    with closing(sqlite3.connect(parts(state)[0], isolation_level=None)) as writer:
        writer.execute("insert into snaps (step_id, state_key, snap_epoch, ser_change) values ('s', 'k', 1, x'4e2e')")
        with committed(state) as found:
            assert 1 == found.extents()["s"].rows


def test_files_of_different_moments_are_no_state(tmp_path):
    """One that was put back from an older backup; Bytewax would refuse it, too."""
    state = store(tmp_path)
    execute(parts(state)[0], "update commits set commit_epoch = 30")
    with pytest.raises(DamageError, match="not of one moment"):
        rows(state)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda part: part.write_bytes(b"no database" * 1000), "part-1.sqlite3: file is not a database"),
        (lambda part: part.unlink(), "2 of its 3 files are there"),
        (
            lambda part: execute(part, f"pragma user_version = {SCHEMA + 1}"),
            f"another version of Bytewax (schema {SCHEMA + 1}, not {SCHEMA})",
        ),
        (lambda part: execute(part, "update parts set part_index = 0"), "part-1.sqlite3: it says that it is part 0"),
        (lambda part: part.write_bytes(part.read_bytes()[:5000]), "part-1.sqlite3"),
    ],
)
def test_a_store_that_is_not_whole_is_named(tmp_path, spoil, said):
    """By the look at the files and by the look at their rows."""
    state = store(tmp_path)
    spoil(parts(state)[1])
    found = damage(state)
    assert found is not None
    assert said in found
    with pytest.raises(DamageError):
        rows(state)


def test_a_change_is_read_back_and_leaves_everything_else(tmp_path):
    """Rows of other steps and of other keys are untouched; the files are as Bytewax left them: in WAL mode, with nothing beside them."""
    kept = {(POSITIONS, name, 7): row for name, row in OLD.items()}
    state = made(tmp_path, {**kept, (POSITIONS, "00", 8): "never committed", ("other", "00", 7): "mine"})
    change(state, {POSITIONS: {"00": {"of": "00", "n": 1}}})
    assert OLD | {"00": NEW["00"]} == rows(state)
    with committed(state) as found:
        assert {"00": "mine"} == found.rows("other")
    assert parts(state) == sorted((state / "recovery").iterdir())
    for part in parts(state):
        with closing(sqlite3.connect(f"{part.as_uri()}?immutable=1", uri=True)) as file:
            assert b"\2\2" == part.read_bytes()[18:20]  # the header's mark of WAL mode
            assert "ok" == file.execute("pragma integrity_check").fetchone()[0]


def test_a_change_that_is_killed_on_its_way_is_done_whole_or_not_at_all(tmp_path):
    """Sixteen rows in three files; the next to hold the state undoes what was begun, and typing it again does it."""
    seen = set()
    for statement in range(1, 60, 3):
        state = store(tmp_path / str(statement))
        done = subprocess.run([sys.executable, "-c", KILLED_AT, state, str(statement)], check=False, timeout=60)
        if done.returncode == 0:
            break
        assert -signal.SIGKILL == done.returncode
        mend(state)
        found = rows(state)
        assert found in (OLD, NEW)
        seen.add(found == NEW)
        assert damage(state) is None
        change(state, {POSITIONS: NEW})
        assert rows(state) == NEW
    assert statement > len(NAMES)
    assert {False, True} == seen


def test_a_change_that_is_not_allowed_is_told_and_nothing_is_changed(tmp_path):
    """Somebody else has the files open."""
    state = store(tmp_path)
    with closing(sqlite3.connect(parts(state)[2], isolation_level=None)) as other:
        other.execute("begin")
        other.execute("select * from snaps").fetchone()
        with pytest.raises(DamageError):
            change(state, {POSITIONS: NEW})
        other.execute("commit")
    assert rows(state) == OLD


def test_a_store_that_cannot_be_read_is_no_damage(tmp_path, monkeypatch):
    """A start would tell better."""
    state = made(tmp_path, slots())

    def refused(*_, **__):
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(sqlite3, "connect", refused)
    with pytest.raises(UnreadableError, match="unable to open"):
        rows(state)
