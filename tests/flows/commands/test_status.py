import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest
import typer
from typer.testing import CliRunner

from currents_segment.flows import status as document_of
from currents_segment.flows.commands.status import status
from currents_segment.flows.errors import FailedError, UserError
from currents_segment.flows.telemetry import http

WORKING = {"received": 1000, "in_flight": 10, "outcomes": {"delivered": 990}, "health": "working", "last_ok": 999.0}
FAILING = {"health": "failing", "why": "503", "failing_since": 700.0, "time_to_loss": 3600.0}
CONFIG = """\
state: {state}
http: {http}
workspaces:
  shop:
    sources:
      currents: {{url: {state}-currents}}
    connectors:
      crm: {{write_key: "env:KEY", region: us, events: [Email], start: earliest}}
"""


def document(number=0, of=1, phase="running", **crm):
    """One process with one connector."""
    return {
        "version": "0.1.0",
        "process": {"id": number, "of": of, "pid": 7, "started": 500.0, "mode": "follow"},
        "phase": phase,
        "at": 1000.0,
        "connectors": {"crm": document_of.fresh("shop") | WORKING | crm},
        "dedup": {"ids": 42, "window": 86400.0, "effective_window": 86400.0},
    }


@pytest.fixture
def listen():
    """Serves a document; gives the URL."""
    with ExitStack() as closing:

        def serve(served):
            server = http.serve("127.0.0.1", 0, lambda: served, live=lambda: None, ready=lambda: None)
            closing.callback(server.close)
            return f"http://127.0.0.1:{server.port}"

        yield serve


@pytest.fixture
def configured(tmp_path):
    """Writes a configuration, whose secrets are not there; gives its path. The state folder is `tmp_path`."""

    def write(http="null"):
        path = tmp_path / "config.yaml"
        path.write_text(CONFIG.format(state=tmp_path, http=http))
        return str(path)

    return write


def run(*args):
    """The command as it is registered: exit code, stdout, stderr; errors of the user come through."""
    app = typer.Typer()
    app.command()(status)
    result = CliRunner().invoke(app, args)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_running(listen):
    """A run that is well: the headline, the ledger and the health of each connector, exit 0."""
    code, out, _ = run("--url", listen(document()))
    assert code == 0
    assert out.startswith("currents-segment 0.1.0: running, started 8 min 20 s ago (as of 1970-01-01 00:16:40Z)\n")
    assert "= delivered                       990" in out
    assert "crm (workspace shop): working, last accepted 1 s ago" in out
    assert "deduplication: 42 ids" in out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (FAILING, "failing for 5 min (since 1970-01-01 00:11:40Z): 503; the first event expires in 1 h"),
        (FAILING | {"health": "held", "why": "the write key is refused"}, "the write key is refused"),
        ({"received": 1003}, "LEDGER OUT OF BALANCE: 3 events are in no state"),
    ],
)
def test_not_well(listen, changes, words):
    """A connector that fails or is held, or a ledger that does not add up, is told in words and by exit code 1."""
    code, out, _ = run("--url", listen(document(**changes)))
    assert code == 1
    assert words in out


def test_waiting_is_well(listen):
    """A connector that waits because Segment said so is well."""
    assert run("--url", listen(document(health="waiting", why="429", wait_until=1030.0)))[0] == 0


def test_json(listen):
    """--json is the document, one line, and nothing else on stdout."""
    served = document(**FAILING)
    code, out, _ = run("--url", listen(served), "--json")
    assert (code, out.count("\n")) == (1, 1)
    assert served == json.loads(out)


def test_cluster(listen):
    """Processes named one by one are shown as one."""
    code, out, _ = run("--url", listen(document(0, 2)), "--url", listen(document(1, 2)), "--json")
    assert (code, json.loads(out)["connectors"]["crm"]["received"]) == (0, 2000)


def test_missing_process(listen):
    """A process of the cluster that does not answer is said, and is exit code 1."""
    first = listen(document(0, 2))
    code, out, err = run("--url", first, "--url", "http://127.0.0.1:1", "--json")
    assert (code, json.loads(out)["connectors"]["crm"]["received"]) == (1, 1000)
    assert "currents-segment: nothing answers at http://127.0.0.1:1: Connection refused" in err
    assert "! no status of process 1 of 2" in run("--url", first, "--url", "http://127.0.0.1:1")[1]


def test_configured(listen, configured):
    """With a configuration the process at its http address is asked."""
    port = listen(document()).rpartition(":")[2]
    code, out, _ = run(configured(f"{{port: {port}}}"))
    assert code == 0
    assert "running, started" in out


def test_another_configuration(listen, configured):
    """A process of another configuration at the same address is not taken for ours."""
    other = document()
    other["connectors"] = {"web": other["connectors"]["crm"]}
    port = listen(other).rpartition(":")[2]
    with pytest.raises(FailedError, match=r"runs another configuration, with web; give one of the two another http\.port"):
        run(configured(f"{{port: {port}}}"))


@pytest.mark.parametrize(("last", "code"), [({}, 0), (FAILING, 1)])
def test_not_running(configured, tmp_path, last, code):
    """When nothing runs, what the last run left is shown, with when it ended."""
    (tmp_path / "status-0.json").write_text(json.dumps(document(phase="stopped", **last)))
    shown = run(configured("{port: 1}"))
    assert (code, True) == (shown[0], "= delivered" in shown[1])
    assert shown[1].startswith("not running; the last run ended at 1970-01-01 00:16:40Z\n")


def test_http_off(configured, tmp_path):
    """Without http what the state folder tells is shown as that."""
    (tmp_path / "status-0.json").write_text(json.dumps(document()))
    code, out, _ = run(configured())
    assert code == 0
    assert out.startswith("http is off in the configuration; this is what the state folder tells, as of 1970-01-01 00:16:40Z: running\n")


def test_never_ran(configured, tmp_path):
    """When nothing runs and nothing ran, that is said with both places that were looked at."""
    with pytest.raises(
        FailedError, match=rf"nothing answers at http://127.0.0.1:1: Connection refused, and {tmp_path} holds no status"
    ) as caught:
        run(configured("{port: 1}"))
    assert caught.value.exit_code == 1


def test_nothing_answers():
    """A URL at which nothing answers is one line that names it."""
    with pytest.raises(FailedError, match=r"nothing answers at http://127.0.0.1:1: Connection refused; does it run"):
        run("--url", "http://127.0.0.1:1")


@pytest.mark.parametrize("args", [[], ["some.yaml", "--url", "http://127.0.0.1:1"]])
def test_whose(args):
    """Neither a configuration nor a URL, or both, is a mistake that shows how to ask."""
    with pytest.raises(UserError, match="give either the configuration file or --url") as caught:
        run(*args)
    assert caught.value.exit_code == 2


def test_watch(listen):
    """--watch in a terminal looks again until Ctrl-C, then ends with 130."""
    program = "import typer; from currents_segment.flows.commands.status import status; typer.run(status)"
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", program, "--watch", "--url", listen(document())]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm"}) as process:
        os.close(theirs)
        output = b""
        while output.count(b"deduplication: 42 ids") < 2:
            output += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    os.close(ours)
    assert b"crm (workspace shop): working" in output
    assert b"LEDGER" not in output
