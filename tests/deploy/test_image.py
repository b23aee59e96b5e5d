"""What can be known of the image without building it."""

import json
import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "deploy" / "Containerfile").read_text().splitlines()


def test_every_command_is_in_exec_form():
    """Exec form needs no shell, and hands signals to the program itself: a stop drains instead of killing."""
    commands = [line.partition(" ")[2] for line in LINES if re.match(r"(RUN|ENTRYPOINT|CMD) ", line)]
    assert commands
    assert all(isinstance(json.loads(command), list) for command in commands)


def test_what_is_copied_is_there_and_not_ignored():
    """Everything that the image is built from exists, and the ignore file lets it through; both ignore files say the same."""
    copied = [name for line in LINES if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]]
    assert copied
    let_through = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert [] == [name for name in copied if not (ROOT / name).exists() or not any(fnmatch(name, pattern) for pattern in let_through)]
    assert (ROOT / ".dockerignore").read_text() == (ROOT / ".containerignore").read_text()


def test_dependencies_are_checked_by_hash():
    """Nothing is installed that the lock does not name with its hash."""
    (install,) = [json.loads(line[4:]) for line in LINES if "requirements.lock" in line and line.startswith("RUN ")]
    assert {"--require-hashes", "requirements.lock"} <= set(install)


def test_it_does_not_run_as_root():
    """The last user named is a number other than 0, which Kubernetes can judge without asking the image."""
    (user,) = [line.split()[1] for line in LINES if line.startswith("USER ")]
    assert all(part.isdecimal() and int(part) > 0 for part in user.split(":"))


def test_compiled_loops_are_found_again(tmp_path):
    """The machine code that the image is built with is what a run looks for: a second start compiles nothing and writes nothing."""
    environ = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_CPU_NAME": "generic"}
    command = [sys.executable, ROOT / "deploy" / "compile.py"]
    subprocess.run(command, env=environ, check=True)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")}
    assert made
    subprocess.run(command, env=environ, check=True)
    assert made == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")}
