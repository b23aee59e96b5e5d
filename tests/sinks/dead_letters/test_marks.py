"""Marks of what was sent again."""

from pathlib import Path

import pytest
from tests.flows.replaying import letter, letters

from currents_segment.sinks.dead_letters import Mark, Marks, Scope, opened
from currents_segment.sinks.dead_letters.places import Bucket, at


def _unreadable(name, what):
    raise AssertionError(name, what)


def _mark(one, *messages, whole=True):
    return Mark(one.connector, one.id, one.digest, messages or (one.id,), whole)


def _objects(place: Path):
    return sorted(path for path in (place / "replayed").rglob("*.gz"))


def test_a_mark_is_known_at_once_and_later(tmp_path):
    """Whoever wrote it knows it, and whoever reads it."""
    sent, other = letters(2)
    marks = Marks(opened(str(tmp_path)), unreadable=_unreadable)
    assert not marks.replayed(sent)
    marks.write([_mark(sent)], 1.0)
    for known in (
        marks,
        Marks(opened(str(tmp_path)), unreadable=_unreadable),
        Marks(opened(str(tmp_path)), connector="shop", unreadable=_unreadable),
    ):
        assert (True, False) == (known.replayed(sent), known.replayed(other))
    assert not Marks(opened(str(tmp_path)), connector="sho", unreadable=_unreadable).replayed(sent)


def test_letters_of_one_message(tmp_path):
    """A message that was sent for one letter is sent for every other one of it, but not for another connector's."""
    marks = Marks(opened(str(tmp_path)), unreadable=_unreadable)
    marks.write([_mark(letter("m"))], 1.0)
    assert marks.replayed(letter("m", at=5.0, origin=letter().origin.__class__("other", "log")))
    assert not marks.replayed(letter("m", connector="other"))


def test_a_part_is_not_the_whole(tmp_path):
    """A letter of which something is left is not replayed, but what was sent of it is known."""
    one = letter("a.avro#1.2", message=None, raw=b"x")
    marks = Marks(opened(str(tmp_path)), unreadable=_unreadable)
    marks.write([_mark(one, "m-1", whole=False)], 1.0)
    assert (False, True, False) == (marks.replayed(one), marks.sent("shop", "m-1"), marks.sent("shop", "m-2"))


def test_marks_are_no_letters(tmp_path):
    """They lie beside the letters and are never read as such."""
    opened(str(tmp_path)).write([letter()])
    Marks(opened(str(tmp_path)), unreadable=_unreadable).write([_mark(letter())], 1.0)
    assert [letter()] == list(opened(str(tmp_path)).read(Scope(), _unreadable))


@pytest.mark.parametrize("kind", [at, Bucket])
def test_fold(tmp_path, monkeypatch, kind):
    """Many objects become one that knows the same; another connector's are left alone."""
    monkeypatch.setattr("currents_segment.sinks.dead_letters.places.at", kind)
    marks = Marks(opened(tmp_path.as_uri()), unreadable=_unreadable)
    for one in (*letters(5), letter(connector="other")):
        marks.write([_mark(one)], 1.0)
    opened(tmp_path.as_uri()).fold("shop", 2.0)
    assert 2 == len(_objects(tmp_path))
    again = Marks(opened(tmp_path.as_uri()), unreadable=_unreadable)
    assert all(again.replayed(one) for one in (*letters(5), letter(connector="other")))
    opened(tmp_path.as_uri()).fold("shop", 3.0)
    assert 2 == len(_objects(tmp_path))


def test_a_fold_that_was_interrupted(tmp_path):
    """While old and new objects both lie there nothing is known less, and the next one tidies up."""
    marks = Marks(opened(str(tmp_path)), unreadable=_unreadable)
    for one in letters(3):
        marks.write([_mark(one)], 1.0)
    before = {path: path.read_bytes() for path in _objects(tmp_path)}
    opened(str(tmp_path)).fold("shop", 2.0)
    for path, data in before.items():
        path.write_bytes(data)
    assert 4 == len(_objects(tmp_path))
    opened(str(tmp_path)).fold("shop", 2.0)
    assert 1 == len(_objects(tmp_path))
    assert all(map(Marks(opened(str(tmp_path)), unreadable=_unreadable).replayed, letters(3)))


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda _: b"no gzip"])
def test_a_mark_that_cannot_be_read(tmp_path, damage):
    """It is told, and never folded away."""
    marks = Marks(opened(str(tmp_path)), unreadable=_unreadable)
    for one in letters(2):
        marks.write([_mark(one)], 1.0)
    victim = _objects(tmp_path)[0]
    victim.write_bytes(damage(victim.read_bytes()))
    told = []
    Marks(opened(str(tmp_path)), unreadable=lambda name, what: told.append(name))
    assert [victim.relative_to(tmp_path).as_posix()] == told
    with pytest.raises(OSError, match=victim.name):
        opened(str(tmp_path)).fold("shop", 2.0)
    assert 2 == len(_objects(tmp_path))


@pytest.mark.parametrize("line", [b"{}", b"no json", b'{"format":2}', b"[]", b'{"format":1,"letter":"zz"}'])
def test_a_line_that_is_no_mark(line):
    """ValueError, whatever it is."""
    with pytest.raises(ValueError, match=r"."):
        Mark.load(line)
