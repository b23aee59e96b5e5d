"""A short torture in every `make test`, of a new seed each time; the long one is `make torture`. And what the command says to a mistake."""

import os
import subprocess
import sys

LINE = "missing=0 spurious=0 corrupted=0 replayed="


def command(*arguments, code):
    """What the command says, when it ends with this code."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.oracle", *map(str, arguments)], capture_output=True, text=True, timeout=280, check=False
    )
    assert code == done.returncode, f"{done.stdout}\n{done.stderr}"
    return done


def test_a_short_torture():
    """Whatever happens, in whatever order: every event ends in exactly one state, and that is counted. Env SEED repeats a schedule."""
    seed = int(os.environ.get("SEED") or int.from_bytes(os.urandom(4)))
    done = command("--seeds", seed, "--rounds", 3, code=0)
    print(done.stdout)  # noqa: T201 - the schedule, to run it again
    assert f"seed {seed} round 3/3: " in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith(LINE)
    assert int(last.rpartition("faults=")[2]) > 0


def test_a_source_that_does_not_exist():
    """One line that names those there are, and exit code 2."""
    (line,) = command("--source", "carrier-pigeons", code=2).stderr.splitlines()
    assert "torture: SOURCE=carrier-pigeons: no such source; there is: folder" == line
