"""`dead-letters list` and `show`, as typed."""

import time
from dataclasses import replace

import orjson
import pytest
import typer
from typer.testing import CliRunner

from currents_segment.codecs.chunk import Origin
from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.commands.dead_letters import dead_letters_list, dead_letters_show
from currents_segment.flows.errors import ConfigError, FailedError, UserError
from currents_segment.sinks.dead_letters import DeadLetter, opened

NOON = 1_800_014_400.0  # 2027-01-15 12:00 UTC
LETTER = DeadLetter(
    id="shop:1",
    connector="shop",
    workspace="store",
    outcome=Outcome.EXPIRED,
    status=None,
    answer="timeout",
    attempts=2,
    detail="",
    origin=Origin("s3://bucket", "a.avro", 1, 2),
    arrival=NOON - 100,
    at=NOON,
    count=1,
    message='{"event":"Email Opened","messageId":"shop:1"}',
    raw=None,
    schema="",
)
DAMAGE = replace(
    LETTER,
    id="a.avro#3.0",
    outcome=Outcome.BAD_FRAME,
    answer="",
    detail="sync marker missing",
    message=None,
    raw=b"x",
    count=1500,
    at=NOON + 60,
)

APP = typer.Typer()
APP.command("list")(dead_letters_list)
APP.command("show")(dead_letters_show)


@pytest.fixture
def place(tmp_path):
    """A folder with three letters, of two connectors."""
    opened(str(tmp_path / "dead")).write([LETTER, DAMAGE, replace(LETTER, connector="other", at=NOON + 30)])
    return str(tmp_path / "dead")


def _run(*words: str):
    """Output and error of a command that succeeds; one that fails raises as it does for the command line's main."""
    result = CliRunner().invoke(APP, list(words), catch_exceptions=False, standalone_mode=False)
    return result.stdout, result.stderr


def test_list(place):
    """The list is a table in the order in which events ended, and a sum in events by outcome."""
    out, err = _run("list", "--place", place)
    head, *rows, total = out.splitlines()
    assert ["at", "connector", "outcome", "event", "id", "replayed", "detail"] == head.split()
    assert [["shop", "expired"], ["other", "expired"], ["shop", "undecodable/bad_frame"]] == [row.split()[1:3] for row in rows]
    assert rows[0].endswith("last answer timeout after 2 failed attempts")
    assert rows[2].endswith("sync marker missing")
    assert "3 letters, 1,502 events: undecodable/bad_frame 1,500, expired 2" == total
    assert not err


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (["a.avro#3.0"], ["--limit", "1"]),
        (["shop:1", "shop:1", "a.avro#3.0"], ["--limit", "0"]),
        (["shop:1"], ["--connector", "other"]),
        (["a.avro#3.0"], ["--reason", "undecodable"]),
        (["shop:1"], ["--until", "2027-01-15T12:00:30Z"]),
        (["shop:1"], ["--until", "2027-01-15T13:00:30+01:00"]),
        (["a.avro#3.0"], ["--since", "2027-01-15T12:01:00"]),
        ([], ["--since", "2027-01-16"]),
        ([], ["--connector", "nobody"]),
    ],
)
def test_filters(place, ids, words):
    """--json gives whole letters, a line each, those that are asked for; the sum is beside them on stderr."""
    out, err = _run("list", "--place", place, "--json", *words)
    assert ids == [orjson.loads(line)["id"] for line in out.splitlines()]
    assert "letters" in err


def test_age(tmp_path):
    """An age counts back from now."""
    now = time.time()
    opened(str(tmp_path)).write([replace(LETTER, id="old", at=now - 7200), replace(LETTER, id="new", at=now - 60)])
    out, _ = _run("list", "--place", str(tmp_path), "--json", "--since", "1h")
    assert ["new"] == [orjson.loads(line)["id"] for line in out.splitlines()]


def test_sum_is_of_all(place):
    """A limit on what is shown does not change the sum."""
    assert _run("list", "--place", place)[0].splitlines()[-1] == _run("list", "--place", place, "--limit", "1")[0].splitlines()[-1]


def test_nothing(tmp_path):
    """A place where nothing was ever written has no dead letters, and that is fine."""
    assert "no dead letters\n" == _run("list", "--place", str(tmp_path / "nowhere"))[0]


def test_show(place):
    """All letters of the id are shown, unless one connector's is asked for."""
    assert 2 == _run("show", "shop:1", "--place", place)[0].count("what to do:")
    out, _ = _run("show", "shop:1", "--place", place, "--connector", "other")
    assert "connector:  other (workspace store)" in out
    assert 1 == out.count("what to do:")


def test_show_json(place):
    """--json shows the whole letter as a line."""
    assert 1500 == orjson.loads(_run("show", "a.avro#3.0", "--place", place, "--json")[0])["count"]


def test_config(tmp_path, place):
    """The configuration file says where dead letters are."""
    (tmp_path / "in").mkdir()
    (tmp_path / "key").write_text("k" * 32)
    config = tmp_path / "segment.yaml"
    config.write_text(
        "dead_letters: ./dead\n"
        "workspaces:\n"
        "  store:\n"
        "    sources: {files: {url: ./in}}\n"
        "    connectors:\n"
        "      shop:\n"
        "        integration_name: Shop\n"
        "        contact_email: data@example.com\n"
        "        write_key: file:key\n"
        "        region: us\n"
        "        events: [Email]\n"
        "        start: earliest\n"
    )
    assert _run("list", "--place", place) == _run("list", str(config))
    assert _run("show", "shop:1", "--place", place) == _run("show", "shop:1", str(config))


@pytest.mark.parametrize(
    ("kind", "says", "words"),
    [
        (UserError, "either the configuration file or --place", ["list"]),
        (UserError, "either the configuration file or --place", ["list", "a.yaml", "--place", "b"]),
        (ConfigError, "nowhere.yaml", ["list", "nowhere.yaml"]),
        (UserError, "--place: .*ftp://", ["list", "--place", "ftp://host/x"]),
        (UserError, "--reason: 'refuse' is none of expired, .*refused", ["list", "--place", "x", "--reason", "refuse"]),
        (UserError, "--since: 'yesterday' is neither a time", ["list", "--place", "x", "--since", "yesterday"]),
        (UserError, "--until: '12' is neither a time", ["list", "--place", "x", "--until", "12"]),
        (FailedError, "no dead letter has the id 'shop:9'", ["show", "shop:9", "--place", "x"]),
    ],
)
def test_mistakes(kind, says, words):
    """A mistake is said in one line: what, and what to do instead."""
    with pytest.raises(kind, match=says) as error:
        _run(*words)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("command", [dead_letters_list, lambda place: dead_letters_show("shop:1", place=place)])
def test_damage(tmp_path, place, command, capsys):
    """An object that cannot be read is named, everything else is shown, and the exit code says that something is missing."""
    (tmp_path / "dead/connector=shop/date=2027-01-15/000000-torn.jsonl.gz").write_bytes(b"torn")
    with pytest.raises(FailedError, match="not everything"):
        command(place=place)
    shown = capsys.readouterr()
    assert "other" in shown.out
    assert shown.err.startswith("connector=shop/date=2027-01-15/000000-torn.jsonl.gz: cannot be read: ")


def test_place_is_no_folder(tmp_path):
    """A place that cannot be listed is said so."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be listed"):
        _run("list", "--place", str(tmp_path / "file"))
