"""What a command and all processes that it starts use: CPU as the system accounts for it, memory at its peak, time."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOK: Final = 0.05  # s: how often memory is looked at; the peak of each process is the system's own and only its last moment can be missed


@dataclass(frozen=True, slots=True)
class Used:
    """What a command used.

    Attributes:
        cpu: user and system time of all its processes, s.
        memory: the sum of the peaks of its processes, bytes.
        seconds: from its start to its end.
    """

    cpu: float
    memory: int
    seconds: float


def run(
    command: Sequence[object],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    within: float,
    meanwhile: Callable[[int], None] = lambda pid: None,
) -> Used:
    """A command to its end, which has to be a good one.

    Args:
        command: its words.
        log: where it writes.
        env: on top of this process's environment.
        within: s, then it has failed.
        meanwhile: is called again and again with its process id.

    Raises:
        AssertionError: it failed, with the end of what it wrote.
    """
    begin, peaks = time.monotonic(), dict[int, int]()
    with log.open("wb") as out:
        process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=out, env={**os.environ, **(env or {})})
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() - begin > within:
            process.kill()
        for pid in tree(process.pid):
            peaks[pid] = max(peaks.get(pid, 0), peak(pid))
        meanwhile(process.pid)
        time.sleep(LOOK)
    # not its ru_maxrss: that begins with what this process had when it forked
    _, status, spent = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (
        f"{command}: exit code {process.returncode} after {time.monotonic() - begin:.0f} s\n{log.read_text(errors='replace')[-4000:]}"
    )
    return Used(spent.ru_utime + spent.ru_stime, sum(peaks.values()), time.monotonic() - begin)


def tree(pid: int) -> Iterator[int]:
    """A process and all that it started, directly or not."""
    yield pid
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from tree(int(child))


def peak(pid: int) -> int:
    """The most memory that a process had resident, bytes; 0 when it is gone."""
    return _memory(pid, "VmHWM")


def resident(pid: int) -> int:
    """What a process has resident now, bytes; 0 when it is gone."""
    return _memory(pid, "VmRSS")


def cpu(pid: int) -> float:
    """User and system time of a process and of those that it waited for, s; 0 when it is gone."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _memory(pid: int, name: str) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0
