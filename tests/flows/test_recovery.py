import pytest
from tests.flows.stores import made, slots

from currents_segment.flows import committed, recovery
from currents_segment.flows.committed import POSITIONS, SLOTS, parts
from currents_segment.flows.errors import UserError


def test_a_state_has_one_holder_and_the_next_is_told_who(tmp_path):
    """Two runs on one state would send everything twice."""
    with recovery.lock(tmp_path), pytest.raises(UserError, match=r"in use by process \d+ on .+ since \d{4}-"):
        recovery.lock(tmp_path)
    recovery.lock(tmp_path).close()


def test_a_state_folder_that_cannot_be_made_is_told(tmp_path):
    """With what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="set `state` in the configuration"):
        recovery.lock(tmp_path / "file" / "state")


def test_a_store_is_made_once_and_only_by_the_first_process(tmp_path):
    """The others of a cluster of machines have an empty folder; made twice, Bytewax would panic."""
    recovery.store(tmp_path / "other", first=False)
    assert [] == list((tmp_path / "other" / "recovery").iterdir())
    recovery.store(tmp_path / "first", first=True)
    made = sorted((tmp_path / "first" / "recovery").glob("*.sqlite3"))
    recovery.store(tmp_path / "first", first=True)
    assert recovery.PARTS == len(made) == len(list((tmp_path / "first" / "recovery").glob("*.sqlite3")))


def test_a_damaged_store_is_told_apart_from_a_whole_one(tmp_path):
    """A restart does not help there, so nobody is told that it does."""
    recovery.store(tmp_path, first=True)
    assert committed.damage(tmp_path) is None
    first, *_ = sorted((tmp_path / "recovery").glob("*.sqlite3"))
    whole = first.read_bytes()
    first.write_bytes(b"no database" * 1000)
    assert "part-0.sqlite3: file is not a database" == committed.damage(tmp_path)
    first.unlink()
    assert "2 of its 3 files are there" == committed.damage(tmp_path)
    first.write_bytes(whole)
    assert committed.damage(tmp_path) is None


@pytest.mark.parametrize(("step", "what"), [(POSITIONS, "positions"), (SLOTS, "a slot's state")])
def test_a_state_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path, step, what):
    """Before the flow starts, and whichever of its rows is newer."""
    rows = slots()
    rows[step, "07", 7] |= {"version": 99}
    state = made(tmp_path, rows)
    before = {file: file.read_bytes() for file in (state / "recovery").iterdir()}
    with pytest.raises(
        UserError, match=f"{what} of version 99, this program knows version 2; use the version of currents-segment that wrote it"
    ):
        recovery.check(state)
    assert before == {file: file.read_bytes() for file in (state / "recovery").iterdir()}


def test_a_state_of_today_or_an_older_version_is_gone_on_with(tmp_path):
    """And where there is none, a first start is nobody's mistake."""
    recovery.check(tmp_path / "nothing")
    recovery.check(made(tmp_path / "today", slots()))
    recovery.check(made(tmp_path / "older", slots(version=1)))
    recovery.store(tmp_path / "empty", first=True)
    recovery.check(tmp_path / "empty")


def test_a_damaged_state_is_refused_with_the_way_out(tmp_path):
    """A restart does not help."""
    state = made(tmp_path, slots())
    parts(state)[0].unlink()
    with pytest.raises(
        UserError, match=r"is damaged \(2 of its 3 files are there\)\. Put a backup in its place; or move it away and set `start`"
    ):
        recovery.check(state)
