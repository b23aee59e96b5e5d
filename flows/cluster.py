"""A local cluster: N processes of this machine that run as one, are stopped together, and end together."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Final, TextIO

import structlog

from currents_segment.flows.errors import EndedHardError, FailedError, UserError
from currents_segment.flows.merging import merge
from currents_segment.flows.process import LOCAL, status_file
from currents_segment.flows.status import Status
from currents_segment.flows.stop import DEADLINE

LOOK: Final = 0.1  # s: how often the parent looks whether a process has ended
PATIENCE: Final = DEADLINE + 5.0  # s: for processes to end after a stop; each ends itself hard before


class Cluster:
    """The parent of N processes.

    Args:
        config: path of the configuration file.
        state: its state folder, where the processes leave their status.
        processes: how many.
        once: process what is there and end, or follow.
        lock: of the state; the processes hold it too, so that nobody else gets the state before the last of them has ended.
    """

    def __init__(self, config: Path, state: Path, *, processes: int, once: bool, lock: TextIO) -> None:
        self._state, self._count = state, processes
        self._told: list[subprocess.Popen[bytes]] = []
        for old in state.glob("status-*.json"):
            old.unlink()
        command = [sys.executable, "-m", "currents_segment.flows.cli", "run", str(config), *(["--once"] if once else [])]
        addresses = ";".join(f"127.0.0.1:{port}" for port in _free_ports(processes))
        terminal = sys.stderr.isatty()
        self._children = [
            # A session of its own: Ctrl-C in the terminal reaches the parent, which stops all of them together. What Bytewax prints while the
            # processes find each other goes nowhere; in a terminal the parent shows their log lines above its table.
            subprocess.Popen(  # noqa: S603 - our own command
                command,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE if terminal else None,
                pass_fds=(lock.fileno(),),
                env=os.environ
                | {
                    LOCAL: f"{os.getpid()} {'terminal' if terminal else 'quiet'}",
                    "CURRENTS_SEGMENT_ADDRESSES": addresses,
                    "CURRENTS_SEGMENT_PROCESS_ID": str(number),
                },
                start_new_session=True,
            )
            for number in range(processes)
        ]
        for child in self._children:
            if child.stderr is not None:
                threading.Thread(target=_relay, args=(child.stderr,), name="relay", daemon=True).start()

    def document(self) -> Status | None:
        """What the processes know together, at most a second old; None before the first has said anything."""
        documents = [
            json.loads(file.read_text(encoding="utf-8")) for i in range(self._count) if (file := status_file(self._state, i)).exists()
        ]
        return merge(documents) if documents else None

    def stop(self) -> None:
        """Ask all of them to drain; once, since a second signal could meet a process that has drained and is ending."""
        for child in self._children:
            if child.poll() is None and child not in self._told:
                self._told.append(child)
                child.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Until all have ended; when one dies, the others are stopped.

        Raises:
            UserError: they could not start.
            EndedHardError: a stop had to be ended hard.
            FailedError: one ended with an error.
        """
        first: tuple[int, int] | None = None
        deadline = math.inf
        while any(child.poll() is None for child in self._children):
            time.sleep(LOOK)
            failed = [(number, child.returncode) for number, child in enumerate(self._children) if child.poll()]
            if failed and first is None:
                first, deadline = failed[0], time.monotonic() + PATIENCE
                self.stop()
            if time.monotonic() > deadline:
                for child in self._children:
                    child.kill()
        codes = [child.returncode for child in self._children]
        structlog.get_logger().info("cluster.end", exit_codes=codes)
        number, code = first or next(((number, code) for number, code in enumerate(codes) if code), (0, 0))
        if code == UserError.exit_code:
            raise UserError(f"process {number} of the cluster could not start; the reason stands above")
        if code == EndedHardError.exit_code:
            raise EndedHardError(f"process {number} did not drain in time. Nothing is lost: the next run goes on from the last commit")
        if code:
            raise FailedError(
                f"the run ended early: process {number}: {_end(code)}. Nothing is lost: the next run goes on from the last commit"
            )


def _end(code: int) -> str:
    """An exit code in words."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _relay(lines: IO[bytes]) -> None:
    for line in lines:
        sys.stderr.write(line.decode(errors="replace"))


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
