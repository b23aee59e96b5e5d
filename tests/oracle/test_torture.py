"""A short torture in every `make test`, of a new seed each time; the long one is `make torture`. And what the command says to a mistake."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.system.rig import wait

LINE = "missing=0 spurious=0 corrupted=0 replayed="


def torture(*arguments):
    """The command, started."""
    words = [sys.executable, "-m", "tests.oracle", *map(str, arguments)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process, code):
    """What it says, when it ends with this code; it is never left behind."""
    try:
        out, err = process.communicate(timeout=280)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert code == process.returncode, f"{out}\n{err}"
    return out, err


@pytest.mark.parametrize(("source", "rounds"), [("folder", 3), ("kafka", 2)])
def test_a_short_torture(source, rounds):
    """Whatever happens, in whatever order: every event ends in exactly one state, and that is counted. Env SEED repeats a schedule."""
    seed = int(os.environ.get("SEED") or int.from_bytes(os.urandom(4)))
    out, _ = ended(torture("--source", source, "--seeds", seed, "--rounds", rounds), 0)
    print(out)  # noqa: T201 - the schedule, to run it again
    assert f"seed {seed} round {rounds}/{rounds}: " in out
    last = out.splitlines()[-1]
    assert last.startswith(LINE)
    assert int(last.rpartition("faults=")[2]) > 0


def test_a_source_that_does_not_exist():
    """One line that names those there are, and exit code 2."""
    _, err = ended(torture("--source", "carrier-pigeons"), 2)
    (line,) = err.splitlines()
    assert "torture: SOURCE=carrier-pigeons: no such source; there is: folder, kafka" == line


def test_ctrl_c_leaves_nothing_behind(tmp_path):
    """Neither a process nor a mount, whatever was under way."""
    process = torture("--seeds", 1, "--rounds", 3, "--processes", 2, "--keep", tmp_path)
    wait(lambda: len(living(tmp_path)) >= 4, "the torture itself, the double, and a cluster with its processes")
    process.send_signal(signal.SIGINT)
    out, _ = ended(process, 130)
    assert "stopped; nothing is left running" in out
    assert [] == living(tmp_path)
    assert str(tmp_path) not in Path("/proc/mounts").read_text(encoding="utf-8")


def living(home):
    """Command lines of the processes that work below a folder."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        lines += [line] if str(home) in line else []
    return lines
