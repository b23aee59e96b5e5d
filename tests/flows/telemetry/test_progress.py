import io
import os
import pty
import signal
import subprocess
import sys
import threading

import pytest
from rich.console import Console

from currents_segment.flows.telemetry.progress import Progress

HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"


def drawn(document, width, clock=lambda: 0.0):
    """The table in a terminal of this width."""
    paper = io.StringIO()
    console = Console(file=paper, width=width, height=40, force_terminal=True, color_system=None)
    console.print(Progress(lambda: document, console=console, clock=clock).render())
    return paper.getvalue()


def test_wide(document):
    """A wide terminal shows every state, the lag, and the health with its reason, age and time to the first loss, a line a connector."""
    *_, header, _, crm, web, _ = drawn(document, 200).splitlines()
    columns = [
        "connector",
        "received",
        "/s",
        "delivered",
        "duplicate",
        "filtered",
        "rejected",
        "undecodable",
        "expired",
        "in",
        "flight",
        "lag",
        "health",
    ]
    assert columns == header.split()
    assert crm.split() == [
        "crm",
        "130",
        "0",
        "100",
        "0",
        "15",
        "0",
        "0",
        "5",
        "10",
        "3",
        "obj",
        "+",
        "7",
        "msg,",
        "1",
        "min",
        "failing,",
        "503,",
        "5",
        "min,",
        "loss",
        "in",
        "1",
        "h",
    ]
    assert web.split()[-1] == "idle"


@pytest.mark.parametrize("width", range(10, 160, 10))
def test_narrow(document, width):
    """However narrow the terminal: names, delivered events and health are there, and no number is cut."""
    document["connectors"]["crm"]["outcomes"]["delivered"] = 123_456_789
    document["connectors"]["crm"]["received"] = 123_456_819
    text = drawn(document, width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert "123,456,789" in text.replace("\n", "")
    for word in ("crm", "web", "failing", "idle"):
        assert word in text.replace("\n", "")
    assert "…" not in text


def test_what_is_read_and_not_yet_received_is_no_lag_and_yet_shown(document):
    """Else all would look done while a chunk waits for word on copies."""
    crm = document["connectors"]["crm"]
    assert " read" not in drawn(document, 200)
    crm["lag"] |= {"objects": 0, "messages": 0}
    assert "40 read" in drawn(document, 200)
    crm["in_transit"] = 0
    assert "none" in drawn(document, 200)


def test_rate(document):
    """The rate is the mean over the last five seconds; what came before the first look does not count."""
    times = iter([0.0, 2.0, 4.0, 6.0, 8.0])
    paper = io.StringIO()
    console = Console(file=paper, width=200)
    progress = Progress(lambda: document, console=console, clock=lambda: next(times))
    rates = []
    for received in (1000, 1200, 1400, 2400, 2400):
        document["connectors"]["crm"]["received"] = received
        rates.append(progress._rates(document).get("crm"))
    assert rates == [None, 100, 100, 1400 / 6, 1200 / 6]


def test_rate_after_a_restart(document):
    """What an earlier run received is not taken for a burst when the ledger comes back."""
    times = iter([0.0, 1.0])
    progress = Progress(lambda: document, console=Console(file=io.StringIO()), clock=lambda: next(times))
    before = {"received": 0, "restored": {"received": 0, "outcomes": {}}}
    progress._rates(document | {"connectors": {"crm": document["connectors"]["crm"] | before}})
    document["connectors"]["crm"] |= {"received": 1_000_050, "restored": {"received": 1_000_000, "outcomes": {}}}
    assert progress._rates(document)["crm"] == 50


def test_imbalance(document):
    """A ledger that does not add up is shouted in place of the health."""
    document["connectors"]["crm"]["received"] += 2
    assert "LEDGER OFF BY 2" in drawn(document, 200)


def test_no_document():
    """Before there is a document the table says that it starts."""
    assert "starting" in drawn(None, 80)


def test_broken_document():
    """A document that cannot be made is shown as such; drawing goes on."""

    def broken():
        raise KeyError("slots")

    console = Console(file=(paper := io.StringIO()), width=80)
    console.print(Progress(broken, console=console).render())
    assert "no status: KeyError: 'slots'" in paper.getvalue()


def test_no_terminal():
    """Where there is no terminal nothing is written and no document asked for."""

    def asked():
        raise AssertionError("asked for a document")

    paper = io.StringIO()
    progress = Progress(asked, console=Console(file=paper))
    progress.start()
    progress.stop()
    assert paper.getvalue() == ""


def test_drawn_anew(document):
    """In a terminal the table is drawn again and again until it is stopped, and the last state stays."""
    often, calls = threading.Event(), []

    def counted():
        calls.append(1)
        if len(calls) >= 4:
            often.set()
        return document

    paper = io.StringIO()
    progress = Progress(counted, console=Console(file=paper, width=120, force_terminal=True))
    progress.start()
    assert often.wait(20)
    document["connectors"]["crm"]["outcomes"]["delivered"] = 98_765
    progress.stop()
    progress.stop()
    assert "98,765" in paper.getvalue()


PROGRAM = """
import sys, time
from rich.console import Console
from currents_segment.flows import status
from currents_segment.flows.telemetry.progress import Progress
document = {"version": "1", "process": {"id": 0, "of": 1, "pid": 1, "started": 0.0, "mode": "once"}, "phase": "running", "at": 1.0,
            "connectors": {"crm": status.fresh("shop")}, "dedup": {"ids": 0, "window": 1.0, "effective_window": 1.0}}
progress = Progress(lambda: document, console=Console(stderr=True))
progress.start()
try:
    print("drawing", flush=True)
    for _ in range(600):  # a signal that comes just before a sleep is heard after it
        time.sleep(0.1)
finally:
    progress.stop()
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_terminal_is_left_whole(ending):
    """After Ctrl-C, and even after a kill, the terminal has its cursor."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    ) as process:
        os.close(theirs)
        output = b""
        while b"drawing" not in output or b"crm" not in output:
            output += os.read(ours, 65536)
        process.send_signal(ending)
        try:
            while more := os.read(ours, 65536):
                output += more
        except OSError:  # how Linux says that the other end of a terminal is closed
            pass
        assert process.wait(20) != 0
    os.close(ours)
    assert HIDE in output
    assert output.rindex(SHOW) > output.rindex(HIDE)
