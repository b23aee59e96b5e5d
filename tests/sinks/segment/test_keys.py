"""The write key: read by reference, renewed in place, never shown."""

import pickle
from pathlib import Path

import pytest

from currents_segment.flows.errors import UserError
from currents_segment.sinks.segment.keys import Key

SECRET = "very-secret-write-key"


class File:
    """A secret reference to a file, as the configuration makes them."""

    def __init__(self, path: Path) -> None:
        self.path, self.reference = path, f"file:{path}"

    def read(self) -> str:
        """The content; a UserError names the reference."""
        try:
            return self.path.read_text().strip()
        except OSError as error:
            raise UserError(f"cannot read {self.reference}") from error


@pytest.fixture
def file(tmp_path):
    """A key file with its reference."""
    (tmp_path / "key").write_text(SECRET + "\n")
    return File(tmp_path / "key")


def test_rotation(file):
    """A rotated file takes effect at the next read, and is told of once."""
    key = Key(file)
    assert SECRET == key.read()
    assert not key.changed()
    file.path.write_text("another")
    assert key.changed()
    assert not key.changed()
    assert "another" == key.read()
    file.path.write_text("a third")
    assert "a third" == key.read()


def test_vanished_file(file):
    """A key file that is gone for a moment leaves the last key in force."""
    key = Key(file)
    key.read()
    file.path.unlink()
    assert not key.changed()
    assert SECRET == key.read()
    file.path.write_text("another")
    assert "another" == key.read()


def test_never_readable(tmp_path):
    """A key that was never readable is a mistake that names the reference, and no other key than before."""
    key = Key(File(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="nowhere"):
        key.read()
    assert not key.changed()


def test_first_look_is_no_change(file):
    """The first value is not a change."""
    key = Key(file)
    assert not key.changed()
    assert SECRET == key.read()


def test_never_shown(file):
    """Neither repr nor pickle gives the key away."""
    key = Key(file)
    key.read()
    assert f"Key({file.reference})" == repr(key) == str(key)
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(key)
