"""`dead-letters drop`, as typed."""

import pytest
import typer
from tests.flows.replaying import letter, letters, lying
from typer.testing import CliRunner

from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.commands.dead_letters_drop import dead_letters_drop
from currents_segment.flows.errors import FailedError, UserError
from currents_segment.sinks.dead_letters import Mark, Marks, opened
from currents_segment.sinks.dead_letters.places import Bucket

APP = typer.Typer()
APP.command()(dead_letters_drop)


@pytest.fixture
def dead(tmp_path):
    """A folder with five letters in three objects; m-1 was replayed."""
    dead = tmp_path / "dead"
    opened(str(dead)).write(letters(3))
    opened(str(dead)).write([letter("r", Outcome.REFUSED)])
    opened(str(dead)).write([letter("o", connector="other")])
    Marks(opened(str(dead)), unreadable=lambda *_: None).write([Mark("shop", "m-1", letter("m-1").digest, ("m-1",), whole=True)], 1.0)
    return dead


def _run(dead, *words):
    return CliRunner().invoke(APP, ["--place", str(dead), *words], catch_exceptions=False, standalone_mode=False).stdout


def _bytes(dead):
    return {path: path.read_bytes() for path in dead.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (["m-0", "m-2", "o", "r"], ["--replayed"]),
        (["m-1"], ["--not-replayed"]),
        (["m-0", "m-1", "m-2", "o"], ["--reason", "refused"]),
        (["o"], ["--connector", "shop"]),
        (["m-1", "o", "r"], ["--id", "m-0", "--id", "m-2"]),
        (["m-0", "m-1", "m-2", "o", "r"], ["--until", "2027-01-15T12:00:00Z"]),
        ([], ["--all"]),
    ],
)
def test_the_scope(dead, left, words):
    """Exactly what is asked for is gone, and the others are what they were; without --yes nothing is changed, and the same is told."""
    before, bytes_before = {one.id: one for one in lying(dead)}, _bytes(dead)
    told = _run(dead, *words)
    assert bytes_before == _bytes(dead)
    done = _run(dead, *words, "--yes")
    assert told.replace("would be dropped", "dropped").replace("; --yes drops them", "") == done
    assert [before[name] for name in left] == sorted(lying(dead), key=lambda one: one.id)
    assert f"{5 - len(left)} letter{'' if len(left) == 4 else 's'} dropped" == done.splitlines()[-1]
    assert "0 letters dropped" == _run(dead, *words, "--yes").splitlines()[-1]


def test_in_a_bucket(dead, monkeypatch):
    """The same by the object store library, as for s3://."""
    monkeypatch.setattr("currents_segment.sinks.dead_letters.places.at", Bucket)
    _run(dead.as_uri(), "--id", "m-0", "--yes")
    _run(dead.as_uri(), "--replayed", "--yes")
    monkeypatch.undo()
    assert ["m-2", "o", "r"] == sorted(one.id for one in lying(dead))


def test_damage(dead):
    """An object that cannot be read in whole is named and left alone, the others are done, and the exit code says so."""
    torn = dead / "connector=shop/date=2027-01-15/000000-torn.jsonl.gz"
    torn.write_bytes(b"torn")
    result = CliRunner().invoke(APP, ["--place", str(dead), "--all", "--yes"])
    assert isinstance(result.exception, FailedError)
    assert f"{torn.relative_to(dead).as_posix()}: cannot be read: " in result.stderr
    assert b"torn" == torn.read_bytes()
    torn.unlink()
    assert [] == lying(dead)


def test_marks_that_cannot_be_read(dead):
    """Whoever asks by them deletes nothing; whoever does not may."""
    (dead / "replayed/torn.jsonl.gz").write_bytes(b"torn")
    before = _bytes(dead)
    with pytest.raises(FailedError, match="not everything"):
        _run(dead, "--not-replayed", "--yes")
    assert before == _bytes(dead)


def test_a_place_that_cannot_be_written_to(dead, monkeypatch):
    """It is said how far it came, and that the same can be typed again."""

    def full(*_):
        raise OSError("no space")

    monkeypatch.setattr("currents_segment.sinks.dead_letters.places.Folder.put", full)
    with pytest.raises(FailedError, match="stopped after 0 objects: no space; type the same again"):
        _run(dead, "--id", "m-0", "--yes")
    assert 5 == len(lying(dead))


@pytest.mark.parametrize("words", [[], ["--yes"], ["--all", "--id", "x"]])
def test_what_is_not_asked_for(dead, words):
    """Without a scope nothing is deleted; all of it only by --all."""
    with pytest.raises(UserError, match="which letters: give either"):
        _run(dead, *words)
    assert 5 == len(lying(dead))
