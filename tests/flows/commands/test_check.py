"""`check`, as typed."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from currents_segment.codecs.catalogue import load
from currents_segment.flows.commands.check import check
from currents_segment.flows.errors import ConfigError, FailedError
from currents_segment.flows.simulate.segment import Double

APP = typer.Typer()
APP.command()(check)
FOLDER = "dataexport.prod-01.S3.integration.0123456789abcdef01234567"


@pytest.fixture(scope="module")
def double():
    """A double of Segment."""
    with (double := Double({"shop": "sk-live-123"})).serving() as url:
        double.url = f"{url}/v1/batch"
        yield double


@pytest.fixture
def file(tmp_path, monkeypatch, double):
    """A configuration of one source with five objects, of which the connector selects three."""
    monkeypatch.setenv("TEST_KEY", "sk-live-123")
    for kind, hour, count in (
        ("users.messages.email.Open", "2026-01-30-10", 2),
        ("users.messages.email.Click", "2026-01-31-11", 1),
        ("users.messages.sms.Send", "2026-01-31-11", 2),
    ):
        place = tmp_path / "in" / FOLDER / f"event_type={kind}" / f"date={hour}" / "314" / "prod-01"
        place.mkdir(parents=True)
        for number in range(count):
            (place / f"{number}+0+0.avro").write_bytes(b"x" * 700)
    path = tmp_path / "segment.yaml"
    path.write_text(
        "http: null\ndedup: {max_ids: 1K}\nworkspaces:\n  store:\n    sources: {currents: {url: ./in}}\n    connectors:\n      shop:\n"
        f"        {{write_key: env:TEST_KEY, region: us, events: [Email], start: 2026-01-31T00:00:00Z, endpoint: '{double.url}'}}\n"
    )
    return path


def run(*arguments):
    """The command's output; its UserErrors are raised, as they are to `cli.main`."""
    return CliRunner().invoke(APP, [str(argument) for argument in arguments], catch_exceptions=False).stdout


def test_what_a_first_start_would_send(file, double):
    """The answer to "what happens if I start this?": what is there, what is selected, from when on, and where it goes."""
    lines = run(file).splitlines()
    assert f"{file}: 1 workspace, 1 source, 1 connector" == lines[0]
    assert lines[1].startswith(f"state {file.parent}/state: holds no recovery store: this would be the first start; ")
    assert "shop (workspace store)" == lines[3]
    assert f"  selects   11 of {len(load().types)} known types, without anonymous users" == lines[4]
    assert lines[5].startswith(f"  endpoint  {double.url} answers (")
    assert [
        f"  source    currents: {file.parent}/in",
        "            1 integration folder; 2 types; 3 objects, 2.1 KB; hours 2026-01-30 10h to 2026-01-31 11h",
        "            not selected: users.messages.sms.Send",
        "            a first start (2026-01-31T00:00:00Z) would read 1 object, 700 B",
        "",
        f"warning: shop: sends to {double.url}, not to Segment: remove `endpoint` outside tests",
    ] == lines[6:]


def test_the_same_for_programs(file):
    """With --json, standard output is one document that holds all that the text says."""
    found = json.loads(run(file, "--json"))
    shop = found["connectors"]["shop"]
    assert ("store", 1_769_817_600.0, 11) == (shop["workspace"], shop["start"], len(shop["selected"]))
    assert (3, 1, 700) == tuple(shop["sources"]["currents"][key] for key in ("objects", "first_objects", "first_bytes"))
    assert ["warning"] == [finding["level"] for finding in found["findings"]]
    assert (str(file), False) == (found["configuration"], found["state"]["resumes"])


def test_nothing_is_sent(file, double):
    """The endpoint is asked whether it answers; it gets no event."""
    double.reset()
    run(file)
    assert 0 == double.summary()["total"]["received"]
    assert [] == list(double.view())


def test_a_second_start_goes_on(file):
    """Where positions are kept, `start` does not matter, and nothing is said of a first start."""
    (file.parent / "state" / "recovery").mkdir(parents=True)
    (file.parent / "state" / "recovery" / "part-0.sqlite3").write_bytes(b"")
    out = run(file)
    assert "holds a recovery store: a start goes on there" in out
    assert "first start" not in out


def test_faults_fail(file, capsys):
    """A fault is told with what was found beside it, and the exit code is 1."""
    file.write_text(file.read_text().replace("./in", "./out"))
    with pytest.raises(FailedError, match=r"^1 fault in the way of events: mend them and check again$") as caught:
        check(Path(file))
    assert 1 == caught.value.exit_code
    out = capsys.readouterr().out
    assert (
        f"fault: shop, source currents: source 'currents': no such folder: {file.parent}/out; create the folder or correct the path" in out
    )


def test_mistakes_come_first(file):
    """With mistakes in the file nothing else is looked at; the exit code is 2."""
    file.write_text(file.read_text().replace("region: us", "region: mars") + "epoch: 2 parsecs\n")
    with pytest.raises(ConfigError) as caught:
        run(file)
    assert (2, 2) == (caught.value.exit_code, len(caught.value.mistakes))


def test_offline_needs_nothing_but_the_file(file, monkeypatch):
    """In a pipeline without secrets and network the file alone is checked."""
    monkeypatch.delenv("TEST_KEY")
    file.write_text(file.read_text().replace("./in", "s3://nowhere/x"))
    assert f"{file} is right: 1 workspace, 1 source, 1 connector\n" == run(file, "--offline")
    assert {"configuration": str(file), "right": True} == json.loads(run(file, "--offline", "--json"))


def test_no_secret_is_printed(file):
    """Neither form shows the key."""
    assert "sk-live" not in run(file) + run(file, "--json")
