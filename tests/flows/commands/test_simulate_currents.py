import os
import signal
import subprocess
import sys
import time

import pytest
import typer
from typer.testing import CliRunner

from currents_segment.flows.commands.simulate_currents import simulate_currents
from currents_segment.flows.errors import UserError
from currents_segment.flows.simulate.expected_file import read_ledgers

CONFIG = """
state: ./state
workspaces:
  shop:
    sources: {currents: {url: ./currents}}
    connectors:
      mail: {write_key: env:ABSENT_KEY, region: us, events: [Email], start: earliest}
  app:
    sources: {currents: {url: ./elsewhere}}
    connectors:
      all: {write_key: env:OTHER_ABSENT_KEY, region: eu, events: ["*"], start: earliest}
"""
BASE = ("--base-time", "2026-01-02T03:00:00Z")

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
app.command()(simulate_currents)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty folder with a configuration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "segment.yaml").write_text(CONFIG)
    return tmp_path


def simulate(*arguments, code=0):
    result = CliRunner().invoke(app, list(arguments))
    if isinstance(result.exception, UserError):
        raise result.exception
    assert code == result.exit_code, result.output
    return result.output


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_writes_files_and_says_so(home):
    """A tidy export has the events that were asked for, and nothing beside it."""
    output = simulate("--out", "currents", "--count", "120", "--tidy", "--types", "users.messages.sms.*", *BASE)
    assert output.startswith(f"{len(files(home / 'currents'))} files, 120 events, ")
    assert {"currents", "segment.yaml"} == {path.name for path in home.iterdir()}


def test_the_same_arguments_write_the_same_bytes(home):
    """Seed and base time decide everything, the expected outcome included."""
    for out in ("one", "two"):
        simulate("--out", out, "--count", "300", "--config", "segment.yaml", "--workspace", "app", *BASE)
    assert files(home / "one") == files(home / "two")
    assert (home / "one.expected.jsonl.gz").read_bytes() == (home / "two.expected.jsonl.gz").read_bytes()


def test_the_expected_outcome_is_for_the_connectors_that_read_the_place(home):
    """Those of the workspace with a source there; secrets are not needed; it is printed and saved beside the export."""
    output = simulate("--out", "currents", "--count", "500", "--config", "segment.yaml", *BASE)
    ledgers = read_ledgers(home / "currents.expected.jsonl.gz")
    assert ["mail"] == list(ledgers)
    assert f"mail: {ledgers['mail']['received']} received = {ledgers['mail']['outcomes']['delivered']} delivered + " in output


def test_a_workspace_can_be_named(home):
    """Then its connectors are expected to read the place, whatever its sources are."""
    simulate("--out", "new", "--count", "50", "--config", "segment.yaml", "--workspace", "app", "--expected", "e.gz", *BASE)
    assert ["all"] == list(read_ledgers(home / "e.gz"))


def test_shares_are_added_to_a_tidy_export(home):
    """What is not named stays out."""
    simulate("--out", "currents", "--count", "400", "--tidy", "--share", "no_identity=0.1", "--config", "segment.yaml", *BASE)
    assert {"delivered", "rejected/no_identity"} == set(read_ledgers(home / "currents.expected.jsonl.gz")["mail"]["outcomes"])


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (["--types", "users.massages.*"], "--types users.massages.*"),
        (["--share", "duplicate=0.1"], "did you mean duplicates?"),
        (["--share", "duplicates=many"], "not a number"),
        (["--share", "duplicates=2"], "between 0 and 1"),
        (["--share", "duplicates"], "KEY=VALUE"),
        (["--base-time", "yesterday"], "--base-time yesterday"),
        (["--expected", "e.gz"], "--expected needs --config"),
        (["--config", "segment.yaml", "--workspace", "nowhere"], "only shop, app"),
        (["--config", "segment.yaml", "--expected", "new/e.gz"], "where connectors would read it"),
        (["--config", "segment.yaml"], "--workspace shop|app"),
        (["--out", "ftp://host/x"], "--out"),
        (["--out", "s3://bucket/x", "--config", "segment.yaml", "--workspace", "app"], "--expected FILE is needed"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(home, arguments, mistake):
    """One line that names the option and the way out; no file is left behind."""
    workspace = ["--workspace", "app"] if "--expected" in arguments and "--config" in arguments else []
    with pytest.raises(UserError) as caught:
        simulate("--out", "new", "--count", "10", *arguments, *workspace)
    assert mistake in str(caught.value)
    assert "\n" not in str(caught.value)
    assert ["segment.yaml"] == [path.name for path in home.iterdir()]


def test_a_rate_writes_files_over_time(home):
    """Half a second of events comes in rounds, and not before its time."""
    begun = time.monotonic()
    simulate("--out", "currents", "--rate", "1000", "--duration", "0.5", "--every", "0.25", "--tidy")
    assert time.monotonic() - begun >= 0.5
    assert len(files(home / "currents")) > 1


def test_ctrl_c_ends_an_endless_export_with_its_expected_outcome(home):
    """What was written until then is what is expected, to the event; the exit code is 0, since that is how it ends."""
    code = "import typer; from currents_segment.flows.commands.simulate_currents import simulate_currents; typer.run(simulate_currents)"
    arguments = ["--out", "currents", "--rate", "300", "--every", "0.1", "--config", "segment.yaml", "--workspace", "app", "--tidy"]
    with subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=home, stdout=subprocess.PIPE, text=True) as process:
        try:
            while not any((home / "currents").rglob("*.avro")):
                assert process.poll() is None
                os.sched_yield()
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert 0 == process.returncode
    received = read_ledgers(home / "currents.expected.jsonl.gz")["all"]["received"]
    assert received > 0
    assert f"files, {received:,} events" in output
