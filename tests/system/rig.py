"""What the system tests share: commands as real processes, waiting for conditions, ports and keys."""

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, TypeVar

CLI: Final = (sys.executable, "-m", "currents_segment.flows.cli")
PATIENCE: Final = 60.0  # s: only against hanging; machines may be busy
PORTS: Final = (10_000, 32_000)
STOPPING: Final = 15.0  # s: a stop takes 5 at the most; the rest is for a busy machine

T = TypeVar("T")


def wait(condition: Callable[[], T], what: str, within: float = PATIENCE) -> T:
    """What the condition gives as soon as it is true."""
    deadline = time.monotonic() + within
    while not (got := condition()):
        assert time.monotonic() < deadline, f"waited {within:g} s for {what}"
        time.sleep(0.02)
    return got


def command(*arguments: object, code: int = 0, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself, with this exit code."""
    done = subprocess.run(
        [*CLI, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE, check=False, env={**os.environ, **(env or {})}
    )
    assert code == done.returncode, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def free_port(count: int = 1) -> int:
    """The first of so many ports in a row on which nothing listens at the moment, below those that Linux gives to whoever connects somewhere."""
    while True:
        port = random.randrange(*PORTS)
        with ExitStack() as bound, suppress(OSError):
            for each in range(port, port + count):
                bound.enter_context(socket.socket()).bind(("127.0.0.1", each))
            return port


def key(connector: str) -> str:
    """The write key of a connector in these tests; not to be met anywhere else."""
    return f"{connector}-w3r1te-k3y"


def everything_under(*places: Path) -> Iterator[Path]:
    """All files below some places."""
    for place in places:
        yield from (path for path in place.rglob("*") if path.is_file())
