"""`dead-letters count`, as typed."""

import orjson
import pytest
import typer
from tests.flows.replaying import NOON, letter, letters, unread
from typer.testing import CliRunner

from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.commands.dead_letters_count import dead_letters_count
from currents_segment.flows.errors import FailedError, UserError
from currents_segment.sinks.dead_letters import Mark, Marks, opened

APP = typer.Typer()
APP.command()(dead_letters_count)


@pytest.fixture
def place(tmp_path):
    """Letters of two connectors, two days and three outcomes; one of them was replayed."""
    place = str(tmp_path / "dead")
    tomorrow = letter("late", at=NOON + 86_400)
    opened(place).write([*letters(3), tomorrow, letter("r", Outcome.REFUSED, connector="other"), unread(b"x", b"y")])
    Marks(opened(place), unreadable=lambda *_: None).write([Mark("shop", "m-1", letter("m-1").digest, ("m-1",), whole=True)], NOON)
    return place


def _run(*words):
    result = CliRunner().invoke(APP, list(words), catch_exceptions=False, standalone_mode=False)
    return result.stdout, result.stderr


def test_count(place):
    """A row for each connector, day and outcome, and the sum."""
    out, err = _run("--place", place)
    head, *rows, total = out.splitlines()
    assert ["connector", "day", "outcome", "letters", "events", "replayed"] == head.split()
    assert [
        ["other", "2027-01-15", "rejected/refused", "1", "1", "0"],
        ["shop", "2027-01-15", "expired", "3", "3", "1"],
        ["shop", "2027-01-15", "undecodable/unknown_schema", "1", "2", "0"],
        ["shop", "2027-01-16", "expired", "1", "1", "0"],
    ] == [row.split() for row in rows]
    assert "6 letters, 7 events, 1 replayed" == total
    assert not err


@pytest.mark.parametrize(
    ("letters", "words"),
    [
        (1, ["--replayed"]),
        (5, ["--not-replayed"]),
        (3, ["--connector", "shop", "--reason", "expired", "--until", "2027-01-16"]),
        (2, ["--id", "late", "--id", "r"]),
        (0, ["--since", "2027-01-17"]),
    ],
)
def test_filters(place, letters, words):
    """Only what is asked for is counted; --json gives the rows, a line each."""
    out, _ = _run("--place", place, "--json", *words)
    assert letters == sum(orjson.loads(line)["letters"] for line in out.splitlines() if line.startswith("{"))


def test_nothing(tmp_path):
    """A place where nothing was written has none, and that is fine."""
    assert "no dead letters\n" == _run("--place", str(tmp_path / "nowhere"))[0]


def test_damage(tmp_path, place, capsys):
    """What cannot be read is named, be it letters or marks; the rest is counted."""
    (tmp_path / "dead/connector=shop/date=2027-01-15/000000-torn.jsonl.gz").write_bytes(b"torn")
    (tmp_path / "dead/replayed/torn.jsonl.gz").write_bytes(b"torn")
    with pytest.raises(FailedError, match="not everything"):
        dead_letters_count(place=place)
    shown = capsys.readouterr()
    assert "6 letters" in shown.out
    assert ["replayed/torn.jsonl.gz", "connector=shop/date=2027-01-15/000000-torn.jsonl.gz"] == [
        line.partition(":")[0] for line in shown.err.splitlines()
    ]


def test_a_mistake():
    """Said in one line."""
    with pytest.raises(UserError, match="--reason: 'x' is none of"):
        _run("--place", "x", "--reason", "x")
