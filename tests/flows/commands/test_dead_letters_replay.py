"""`dead-letters replay`, as typed: in this process, and as a real one that is killed and stopped."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import typer
from tests.flows.replaying import KEY, SCHEMA, configured, datum, kept, letter, letters, lying, unread
from typer.testing import CliRunner

from currents_segment.flows.commands.dead_letters import dead_letters_list
from currents_segment.flows.commands.dead_letters_replay import dead_letters_replay
from currents_segment.flows.errors import FailedError, UserError
from currents_segment.flows.lock import hold
from currents_segment.flows.simulate.segment import Double
from currents_segment.sinks.dead_letters import LOCK, opened

APP = typer.Typer()
APP.command("list")(dead_letters_list)
APP.command("replay")(dead_letters_replay)
REPLAY = (sys.executable, "-m", "currents_segment.flows.cli", "dead-letters", "replay")
PATIENCE = 60.0  # s: only against hanging


@pytest.fixture
def double():
    """A double that has seen nothing."""
    return Double({"shop": KEY})


@pytest.fixture
def config(tmp_path, double):
    """A configuration that sends to the double."""
    with double.serving() as url:
        yield configured(tmp_path, url)


def _write(config, *given):
    opened(str(config.parent / "dead")).write(given)


def _run(*words):
    """Output and error of a command that succeeds; one that fails raises as it does for the command line's main."""
    result = CliRunner().invoke(APP, list(map(str, words)), catch_exceptions=False, standalone_mode=False)
    return result.stdout, result.stderr


def _until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        threading.Event().wait(0.005)


def test_what_expired_is_delivered(config, double):
    """With the same messageIds; the letters stay as they were, shown as replayed, and a second replay sends nothing."""
    given = letters(25)
    _write(config, *given)
    out, _ = _run("replay", config, "--reason", "expired", "--yes")
    assert "25 messages sent, 0 refused again, 0 left" == out.splitlines()[-1]
    assert [one.id for one in given] == sorted(kept(double), key=lambda name: int(name[2:]))
    assert given == sorted(lying(config.parent / "dead"), key=lambda one: int(one.id[2:]))
    out, _ = _run("replay", config, "--all", "--yes")
    assert ["25 letters sent before", "0 messages sent, 0 refused again, 0 left"] == out.splitlines()
    assert 3 == len(double.requests())
    assert "no dead letters\n" == _run("list", config, "--not-replayed")[0]
    assert 25 == _run("list", config, "--replayed")[0].count("  yes  ")


def test_without_yes_it_is_only_told(config, double):
    """Nothing is sent, nothing is marked, and the key need not be there."""
    (config.parent / "key").unlink()
    _write(config, *letters(3), letter("n", fields={"userId": None}))
    out, _ = _run("replay", config, "--all")
    assert [
        "shop: 3 messages of 3 letters would be sent",
        "1 letter cannot be sent: still rejected/no_identity",
        "nothing was sent; --yes sends it",
    ] == out.splitlines()
    assert [] == double.requests()
    assert not (config.parent / "dead/replayed").exists()


def test_the_scope(config, double):
    """Only what is asked for is sent."""
    _write(config, *letters(5))
    _run("replay", config, "--id", "m-1", "--id", "m-3", "--yes")
    assert {"m-1", "m-3"} == set(kept(double))


def test_two_replays_of_one_folder(config, double):
    """The second is refused and names the first: both would send what neither has marked. To look is allowed."""
    _write(config, *letters(3))
    with hold(config.parent / "dead" / LOCK, ""):
        with pytest.raises(UserError, match=f"in use by process {os.getpid()} on .*; two replays at once would both send"):
            _run("replay", config, "--all", "--yes")
        assert "3 messages of 3 letters would be sent" in _run("replay", config, "--all")[0]
    assert [] == double.requests()
    assert "3 messages sent" in _run("replay", config, "--all", "--yes")[0]


def test_poison_is_reported_and_stays(config, double):
    """By its id and status, with exit code 1; the others are sent."""
    double.script({"do": "status", "status": 400, "match": {"messageId": "m-1"}})
    _write(config, *letters(3))
    result = CliRunner().invoke(APP, ["replay", str(config), "--all", "--yes"])
    assert "2 messages sent, 1 refused again, 0 left" in result.stdout
    assert "refused again with 400: m-1" in result.stderr
    assert isinstance(result.exception, FailedError)
    assert "1 letters, 1 events: expired 1" in _run("list", config, "--not-replayed")[0]


def test_an_endpoint_that_is_down(config, double):
    """It is said who did not take what, by which answer; exit code 1; a later replay goes on."""
    double.script({"do": "status", "status": 401, "skip": 1})
    _write(config, *letters(25))
    result = CliRunner().invoke(APP, ["replay", str(config), "--all", "--yes"])
    assert "10 messages sent, 0 refused again, 15 left" in result.stdout
    assert "shop: the endpoint did not take it, last answer 401" in result.stderr
    assert isinstance(result.exception, FailedError)
    assert KEY not in result.stdout + result.stderr + str(result.exception)
    double.clear()
    assert "15 messages sent, 0 refused again, 0 left" in _run("replay", config, "--all", "--yes")[0]


def test_a_connector_that_fails_does_not_stop_the_others(tmp_path):
    """Each is tried."""
    double = Double({"a": "the-key-of-a", "b": KEY})
    with double.serving() as url:
        config = configured(tmp_path, url, names=("a", "b"))
        double.script({"do": "status", "status": 401, "count": 1})
        _write(config, *letters(2, connector="a"), *letters(3, "n", connector="b"), letter("x", connector="gone"))
        result = CliRunner().invoke(APP, ["replay", str(config), "--all", "--yes"])
    assert "1 letter cannot be sent: its connector is not in the configuration" in result.stdout
    assert "3 messages sent, 0 refused again, 2 left" in result.stdout
    assert {"n-0", "n-1", "n-2"} == set(kept(double))


def test_a_corrected_schema(config, double, tmp_path):
    """Bytes whose schema was wrong are sent by the right one, and only when asked for in so many words."""
    _write(config, unread(datum("a"), datum("b"), schema="{"))
    right = tmp_path / "right.avsc"
    right.write_text(json.dumps(SCHEMA))
    with pytest.raises(FailedError, match="not everything"):
        _run("replay", config, "--all", "--yes")
    assert [] == double.requests()
    assert "2 messages sent, 0 refused again, 0 left" in _run("replay", config, "--reason", "undecodable", "--schema", right, "--yes")[0]
    assert ["a", "b"] == [message_id.partition(":")[0] for message_id in kept(double)]


def test_marks_that_cannot_be_read(config, double):
    """Nothing is sent: it might be sent twice."""
    _write(config, *letters(3))
    _run("replay", config, "--id", "m-1", "--yes")
    (mark,) = (config.parent / "dead/replayed").rglob("*.gz")
    mark.write_bytes(b"torn")
    with pytest.raises(FailedError, match="nothing is sent"):
        _run("replay", config, "--all", "--yes")
    assert ["m-1"] == kept(double)


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("which letters: give either", []),
        ("which letters: give either", ["--all", "--reason", "expired"]),
        ("--connector: 'shp' is not in .*; it has shop", ["--connector", "shp"]),
        ("--reason: 'expire' is none of", ["--reason", "expire"]),
        ("--patience: '5' is no duration", ["--all", "--patience", "5"]),
        ("--schema: say for which bytes", ["--all", "--schema", "x.avsc"]),
        ("--schema: nowhere.avsc cannot be read", ["--id", "x", "--schema", "nowhere.avsc"]),
    ],
)
def test_mistakes(config, says, words):
    """A mistake is said in one line: what, and what to do instead."""
    with pytest.raises(UserError, match=says) as error:
        _run("replay", config, *words)
    assert "\n" not in str(error.value)
    assert 2 == error.value.exit_code


def _start(config):
    return subprocess.Popen(
        [*REPLAY, str(config), "--all", "--yes"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )


def test_killed_in_the_middle(config, double):
    """After SIGKILL at any moment a replay goes on: nothing is missing, and at most the one batch under way is sent twice."""
    given = letters(100)
    _write(config, *given)
    double.script({"do": "pass", "delay": 0.05})
    for batches in (2, 5):
        process = _start(config)
        _until(lambda least=batches: len(kept(double)) >= 10 * least)
        process.kill()
        process.communicate(timeout=PATIENCE)
    double.clear()
    before = len(kept(double))
    assert before < 100
    again = sum(double.summary()["total"]["duplicates"].values())
    assert again <= 10
    assert "0 left" in _run("replay", config, "--all", "--yes")[0]
    assert {one.id for one in given} == set(kept(double))
    assert sum(double.summary()["total"]["duplicates"].values()) - again <= 10


def test_ctrl_c(config, double):
    """The batch under way is marked, what is left is said, and the exit code is 130; the next replay repeats nothing."""
    _write(config, *letters(100))
    double.script({"do": "pass", "delay": 0.1})
    process = _start(config)
    _until(lambda: len(kept(double)) >= 20)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert 130 == process.returncode, err
    sent = len(kept(double))
    assert f"{sent} messages sent, 0 refused again, {100 - sent} left" in out
    assert "interrupted; type the same again to go on" in err
    assert KEY not in out + err
    double.clear()
    assert f"{100 - sent} messages sent, 0 refused again, 0 left" in _run("replay", config, "--all", "--yes")[0]
    assert 100 == len(kept(double))
    assert 0 == sum(double.summary()["total"]["duplicates"].values())
