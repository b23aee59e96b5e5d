import io
import json
from pathlib import Path

import fastavro
import pytest
import typer
from typer.testing import CliRunner

from currents_segment.flows.commands.transcode import transcode
from currents_segment.flows.errors import FailedError, UserError

CONFIG = """\
state: state
workspaces:
  shop:
    sources:
      currents: {url: ./folder}
    connectors:
      crm: {write_key: "env:NOT_THERE", region: us, events: [Email], start: earliest, integration_name: CRM}
      texts: {write_key: "env:NOT_THERE", region: us, events: [SMS], start: earliest}
"""
SCHEMA = {
    "type": "record",
    "name": "users.messages.email.Click",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "external_user_id", "type": ["null", "string"]},
        {"name": "user_id", "type": "string"},
        {"name": "time", "type": "int"},
        {"name": "url", "type": ["null", "string"]},
        {"name": "brand_new", "type": "int"},
    ],
}


def event(number, **values):
    """One event."""
    return {
        "id": f"i{number}",
        "external_user_id": f"u{number}",
        "user_id": f"b{number}",
        "time": 0,
        "url": "https://x",
        "brand_new": number,
    } | values


@pytest.fixture
def written(tmp_path):
    """Writes events to a file; gives its path."""

    def write(*events, schema=SCHEMA, cut=0):
        out = io.BytesIO()
        fastavro.writer(out, schema, events)
        path = tmp_path / "export.avro"
        path.write_bytes(out.getvalue()[: len(out.getvalue()) - cut])
        return str(path)

    return write


@pytest.fixture
def config(tmp_path):
    """A configuration with two connectors, whose secrets are not there."""
    path = tmp_path / "segment.yaml"
    path.write_text(CONFIG)
    return str(path)


def run(*args):
    """The command: stdout, stderr; errors of the user come through with what was written before."""
    app = typer.Typer()
    app.command()(transcode)
    result = CliRunner().invoke(app, args)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        result.exception.result = result
        raise result.exception
    assert result.exit_code == 0, result.stderr
    return result.stdout, result.stderr


def test_each_message_is_a_line(written):
    """Without a configuration everything is selected, anonymous users too; counts and unknown names are on stderr."""
    out, err = run(written(event(1), event(2, external_user_id=None), event(3, user_id="[REDACTED]", external_user_id=None)))
    messages = [json.loads(line) for line in out.splitlines()]
    assert [(each["event"], each.get("userId"), each["properties"]["link_url"]) for each in messages] == [
        ("Email Link Clicked", "u1", "https://x"),
        ("Email Link Clicked", None, "https://x"),
    ]
    assert "2 messages, rejected/no_identity 1" in err
    assert "unknown to the catalogue: users.messages.email.Click.brand_new (3 times)" in err


def test_a_connector_sees_with_its_own_eyes(written, config):
    """Its selection, policy and names; the write key need not be there."""
    file = written(event(1), event(2, external_user_id=None))
    out, err = run(file, "--config", config, "--connector", "crm")
    assert [json.loads(line)["context"]["integration"]["name"] for line in out.splitlines()] == ["CRM"]
    assert "1 messages, filtered/anonymous_user 1" in err
    out, err = run(file, "--config", config, "--connector", "texts")
    assert (out, err) == ("", "0 messages, filtered/not_selected 2\n")


def test_what_cannot_be_decoded_fails_after_the_rest(written):
    """The rest is written, the damage is named, the exit code is 1."""
    with pytest.raises(FailedError, match="3 events could not be decoded") as failure:
        run(written(event(1), event(2), event(3), cut=5))
    assert "export.avro#0.0: undecodable/bad_frame: the file ends within a block" in failure.value.result.stderr


def test_the_path_names_the_type_where_the_schema_does_not(written, tmp_path):
    """As in a bucket."""
    folder = tmp_path / "event_type=users.messages.email.Open"
    folder.mkdir()
    (folder / "a.avro").write_bytes(Path(written(event(1), schema={**SCHEMA, "name": "Foreign"})).read_bytes())
    assert json.loads(run(str(folder / "a.avro"))[0])["event"] == "Email Opened"


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        (["--connector", "crm"], "add --config FILE"),
        (["--config", "CONFIG"], r"2 connectors: say which with --connector \(crm, texts\)"),
        (["--config", "CONFIG", "--connector", "crn"], "no connector 'crn'; nearest: crm"),
    ],
)
def test_a_mistake_says_what_to_do(written, config, options, mistake):
    """Whose eyes is said in one way."""
    with pytest.raises(UserError, match=mistake):
        run(written(event(1)), *(config if option == "CONFIG" else option for option in options))


def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path):
    """It is named, with the system's reason."""
    with pytest.raises(UserError, match=r"nowhere\.avro: No such file or directory"):
        run(str(tmp_path / "nowhere.avro"))
