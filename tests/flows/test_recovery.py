import pytest

from currents_segment.flows import committed, recovery
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
