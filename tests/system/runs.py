"""A `run` command as a process, with the processes of its cluster: started, signalled, waited for. Knows only the command line."""

import json
import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.system.rig import PATIENCE, STOPPING, wait


@dataclass
class Run:
    """A `run` command, with the processes of its cluster."""

    process: subprocess.Popen[bytes]
    log: Path
    bounded: bool = False
    known: set[int] = field(default_factory=set)

    def children(self) -> list[int]:
        """Process ids of the cluster's processes; none when it is one process."""
        with suppress(FileNotFoundError):
            self.known |= {int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()}
        return sorted(pid for pid in self.known if alive(pid))

    def send(self, number: int) -> None:
        """As from a terminal or an orchestrator: to the command only."""
        self.process.send_signal(number)

    def end(self, within: float = PATIENCE) -> int:
        """Its exit code, once it and all its processes have ended."""
        self.children()
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {within:g} s\n{self.text()}") from None
        wait(lambda: not self.children(), "the cluster's processes to end", STOPPING)
        return code

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop it in good order: exit code 0, or 130 when it had an end of its own that it did not reach."""
        self.send(number)
        assert (130 if self.bounded else 0) == self.end(STOPPING), self.text()

    def kill(self) -> None:
        """SIGKILL to all of it at once."""
        children = self.children()
        self.process.kill()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.end()

    def running(self) -> bool:
        """It has not ended."""
        self.children()
        return self.process.poll() is None

    def text(self) -> str:
        """What it printed, on both streams."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def events(self) -> list[dict[str, Any]]:
        """Its log lines."""
        return [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]


def alive(pid: int) -> bool:
    """The process is there and not just waiting for its parent to notice its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False
