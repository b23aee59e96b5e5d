"""`simulate segment` as a process: how it starts, ends and names mistakes."""

import signal
import subprocess
import sys

import httpx
import pytest
import typer
from typer.testing import CliRunner

from currents_segment.flows.commands.simulate_segment import simulate_segment
from currents_segment.flows.errors import UserError

RUN = "import typer; from currents_segment.flows.commands.simulate_segment import simulate_segment; typer.run(simulate_segment)"
TRACK = {"type": "track", "event": "E", "userId": "u", "messageId": "m"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_from_ready_to_end(tmp_path, number):
    """It says where it listens, on the screen and in a file, and ends by Ctrl-C or SIGTERM with the counts and exit code 0."""
    faults, ready = tmp_path / "faults.yaml", tmp_path / "port"
    faults.write_text("- {do: status, status: 503, count: 1}\n")
    command = [
        sys.executable,
        "-c",
        RUN,
        "--key",
        "shop=shop-key",
        "--key",
        "off=off-key",
        "--disabled",
        "off",
        "--faults",
        faults,
        "--ready-file",
        ready,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline().rstrip()
        url = line.removeprefix("segment double listening on ")
        assert f"http://127.0.0.1:{ready.read_text()}" == url
        with httpx.Client(base_url=url) as client:
            keys = ("shop-key", "shop-key", "off-key", "other-key")
            statuses = [client.post("/v1/batch", json={"batch": [TRACK], "writeKey": key}).status_code for key in keys]
        assert [503, 200, 200, 200] == statuses
        process.send_signal(number)
        rest, _ = process.communicate(timeout=20)
    expected = [
        "shop: 2 requests (1 x 200, 1 x 503); 1 events = 1 kept + 0 duplicate + 0 refused; 1 turned away",
        "off: 1 requests (1 x 200); 1 events = 0 kept + 0 duplicate + 1 refused (1 disabled_source)",
        "unknown: 1 requests (1 x 200); 1 events = 0 kept + 0 duplicate + 1 refused (1 unknown_write_key)",
    ]
    assert (0, expected) == (process.returncode, rest.splitlines())


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (["--key", "shop"], "--key: number 1 is not of the form NAME=KEY, for example shop=shop-write-key"),
        (["--key", "a=key-1", "--key", "a=key-2"], "--key: source a is given twice; a source has one write key"),
        (["--key", "a=abcd"], "--key: source a: a write key has 5 characters or more; the edge answers 400 to a shorter one"),
        (["--key", "a=key-1", "--disabled", "b"], "--disabled b: no --key gives a source of this name"),
        (["--key", "a=key-1", "--faults", "/no/file"], "--faults /no/file: cannot be read: No such file or directory"),
        (
            ["--key", "a=key-1", "--ready-file", "/no/folder/port"],
            "--ready-file /no/folder/port: cannot be written: No such file or directory",
        ),
        (["--key", "a=key-1", "--host", "192.0.2.1"], "--host 192.0.2.1 --port 0: cannot listen: "),
    ],
)
def test_mistakes_on_the_command_line(arguments, mistake):
    """Each is one line that names the option, what is wrong and what would be right."""
    error = run(*arguments).exception
    assert isinstance(error, UserError)
    assert str(error).startswith(mistake)
    assert 1 == len(str(error).splitlines())


@pytest.mark.parametrize(
    ("text", "lines"), [("- {do: explode}\n- {do: hang, cuont: 1}\n", ["fault 1: do: ", "fault 2: cuont: "]), ("{", ["while parsing"])]
)
def test_mistakes_in_the_faults_file(tmp_path, text, lines):
    """Each mistake is a line that names the file and the fault."""
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    error = run("--key", "a=key-1", "--faults", str(path)).exception
    assert isinstance(error, UserError)
    found = str(error).splitlines()
    assert all(line.startswith(f"--faults {path}: ") for line in found)
    assert all(expected in line for line, expected in zip(found, lines, strict=False))


def run(*arguments):
    """The result of the command, in this process."""
    app = typer.Typer()
    app.command()(simulate_segment)
    return CliRunner().invoke(app, arguments)
