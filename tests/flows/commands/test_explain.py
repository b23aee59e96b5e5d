import io
import json

import fastavro
import pytest
import typer
from typer.testing import CliRunner

from currents_segment.flows.commands.explain import explain
from currents_segment.flows.errors import FailedError, UserError

SCHEMA = {
    "type": "record",
    "name": "users.messages.email.Click",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "external_user_id", "type": ["null", "string"]},
        {"name": "user_id", "type": ["null", "string"]},
        {"name": "time", "type": "int"},
        {"name": "url", "type": ["null", "string"]},
    ],
}


@pytest.fixture
def file(tmp_path):
    """25 events in blocks of 10; the fourth is nobody's."""
    out = io.BytesIO()
    writer = fastavro.write.Writer(out, fastavro.parse_schema(SCHEMA), sync_interval=1 << 30)
    for number in range(25):
        nobody = number == 3
        user = {"external_user_id": None if nobody else f"u{number}", "user_id": None if nobody else f"b{number}"}
        writer.write({"id": f"i{number}", **user, "time": 0, "url": f"https://x/{number}"})
        if number % 10 == 9:
            writer.flush()
    writer.flush()
    path = tmp_path / "export.avro"
    path.write_bytes(out.getvalue())
    return path


def run(*args):
    """The command: stdout; errors of the user come through."""
    app = typer.Typer()
    app.command()(explain)
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_the_first_event_is_explained_step_by_step(file):
    """Type, selection, identity, name, messageId, size, key, fields, message, end."""
    shown = run(file)
    assert "event 0 of export.avro (block 0, record 0), connector default" in shown
    steps = ["type", "selection", "identity", "name", "messageId", "size", "deduplication"]
    assert [line.split()[0] for line in shown.splitlines() if line.startswith(tuple(f"{step} " for step in steps))] == steps
    assert "properties.link_url" in shown
    assert '"link_url": "https://x/0"' in shown
    assert shown.endswith("=> goes on to deduplication and delivery\n")


@pytest.mark.parametrize("wanted", [["--id", "i17"], ["--index", "17"], ["--id", "MESSAGE"]])
def test_an_event_is_found_by_id_by_number_and_by_message_id(file, wanted):
    """Where it stands is said."""
    message_id = json.loads(run(file, "--index", 17, "--json"))["message"]["messageId"]
    found = json.loads(run(file, *(message_id if each == "MESSAGE" else each for each in wanted), "--json"))
    assert (found["index"], found["block"], found["record"], found["events"]) == (17, 1, 7, 1)
    assert found["message"]["userId"] == "u17"
    assert found["outcome"] is None
    assert {field["name"]: field["place"] for field in found["fields"]}["url"] == "properties.link_url"


def test_an_event_that_ends_says_where(file):
    """The outcome in the words of the ledger."""
    assert run(file, "--index", 3).endswith("=> rejected/no_identity\n")


def test_numbers_behind_damage_stay_the_same(file):
    """A stretch that cannot be read counts as its events, and is explained as what it is."""
    data = bytearray(file.read_bytes())
    data[data.index(b"\x06i12")] = 0xFF  # a length that makes no sense
    file.write_bytes(data)
    lost = json.loads(run(file, "--index", 15, "--json"))
    assert lost["outcome"] == "undecodable/bad_datum"
    assert (lost["index"], lost["events"]) == (12, 8)
    assert json.loads(run(file, "--index", 20, "--json"))["message"]["userId"] == "u20"


def test_a_cut_file_is_explained(file):
    """The block that is cut is damage of as many events as it says."""
    file.write_bytes(file.read_bytes()[:-20])
    lost = json.loads(run(file, "--index", 22, "--json"))
    assert (lost["outcome"], lost["index"], lost["events"], lost["message"]) == ("undecodable/bad_frame", 20, 5, None)
    assert "event 20 to 24 of export.avro" in run(file, "--index", 22)


@pytest.mark.parametrize(("options", "what"), [(["--id", "i99"], "with the id 'i99'"), (["--index", 25], "with the number 25")])
def test_an_event_that_is_not_there_is_a_failure(file, options, what):
    """It says how many there are."""
    with pytest.raises(FailedError, match=f"no event {what}: it has 25 events"):
        run(file, *options)


def test_id_and_number_together_are_a_mistake(file):
    """One of them."""
    with pytest.raises(UserError, match="give one of them"):
        run(file, "--id", "i1", "--index", 1)
