import pytest

from currents_segment.flows.config import SecretRef
from currents_segment.flows.config.quantities import WrongValueError
from currents_segment.flows.errors import UserError


def test_a_variable_is_read_at_each_use(monkeypatch):
    """`env:NAME` is the variable's value now, without white space around it."""
    secret = SecretRef("env:TEST_KEY")
    monkeypatch.setenv("TEST_KEY", " one\n")
    assert "one" == secret.read()
    monkeypatch.setenv("TEST_KEY", "two")
    assert "two" == secret.read()


def test_a_file_is_read_at_each_use(tmp_path):
    """`file:PATH` is relative to the configuration's folder and read again each time, so that a rotated key needs no restart."""
    secret = SecretRef.parse("file:key", tmp_path)
    (tmp_path / "key").write_text("one\n")
    assert "one" == secret.read()
    (tmp_path / "key").write_text("two\n")
    assert "two" == secret.read()


@pytest.mark.parametrize(
    ("expected", "reference"),
    [
        ("secret env:TEST_NONE is missing: set the environment variable TEST_NONE", "env:TEST_NONE"),
        ("secret env:TEST_EMPTY is empty: put the secret there, alone", "env:TEST_EMPTY"),
        ("secret file:none is missing: create the file {folder}/none", "file:none"),
        ("secret file:empty is empty: put the secret there, alone", "file:empty"),
        ("secret file:. cannot be read from {folder}: Is a directory", "file:."),
        ("secret file:bytes cannot be read from {folder}/bytes: not UTF-8 text", "file:bytes"),
    ],
)
def test_a_secret_that_is_not_there(expected, reference, tmp_path, monkeypatch):
    """A missing, empty or unreadable secret is named by its reference, with what to do."""
    monkeypatch.setenv("TEST_EMPTY", "  ")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError) as caught:
        SecretRef.parse(reference, tmp_path).read()
    assert expected.format(folder=tmp_path) == str(caught.value)


@pytest.mark.parametrize("text", ["sk-live-123", "env:", "env:1A", "env:A B", "env:A-B", "file:", "ENV:A", "", None, 7, ["env:A"]])
def test_a_secret_in_place_of_a_reference_is_never_shown(text, tmp_path):
    """What is not a reference may be the secret itself, so it is not repeated."""
    with pytest.raises(WrongValueError) as caught:
        SecretRef.parse(text, tmp_path)
    assert "is not a reference: write env:NAME or file:PATH, never the secret itself" == str(caught.value)


def test_a_secret_does_not_show_in_its_repr(monkeypatch):
    """Logs of a configuration show where secrets are, not what they are."""
    monkeypatch.setenv("TEST_KEY", "sk-live-123")
    assert "SecretRef(reference='env:TEST_KEY')" == repr(SecretRef("env:TEST_KEY"))
