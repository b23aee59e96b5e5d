"""`make profile`: where the time of one process goes, from Kafka to the endpoint: a flame graph, and CPU by stage.

    .venv/bin/python -m tests.bench --only profile

py-spy looks at the process from outside, some hundred times a second, from the first delivery on; what each thread spent is the system's own account.
"""

import linecache
import os
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench import used
from tests.bench.contenders import ours
from tests.bench.data import WAVES
from tests.bench.flame import draw, tree
from tests.bench.job import KEY
from tests.bench.logs import Logs
from tests.bench.receiver import Endpoint
from tests.bench.stages import Stack, parsed, shares

RATE: Final = 250  # samples a second: each stops the process for a moment
SOURCES: Final = Path(__file__).parents[2] / "src"
_TICK: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Profile:
    """What was seen.

    Attributes:
        events: that were read while it was looked at, about: all but the first.
        stages: CPU-seconds by stage.
        stacks: all samples.
    """

    events: int
    stages: dict[str, float]
    stacks: list[Stack]


def measure(logs: Logs, spool: Path, waves: int = WAVES) -> Profile:
    """One run of one process with one connector."""
    raw, profiler = logs.home / "profile.raw", []
    before: dict[int, tuple[str, float]] = {}
    after: dict[int, tuple[str, float]] = {}
    endpoint = Endpoint(spool)

    def look(pid: int) -> None:
        if not profiler and endpoint.count():
            words = [
                Path(sys.executable).with_name("py-spy"),
                "record",
                "-p",
                pid,
                "-f",
                "raw",
                "-o",
                raw,
                "-r",
                RATE,
                "-t",
                "--nonblocking",
                "-d",
                3600,
            ]
            before.update(threads(pid))
            profiler.append(subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        after.update(threads(pid))

    try:
        words = ours("Kafka", 1, 1).prepare(logs, logs.home / "job", endpoint.url, waves)
        used.run(words, logs.home / "contender.log", env=KEY, within=3600, meanwhile=look)
        assert profiler, "nothing was delivered"
        _, said = profiler[0].communicate(timeout=60)
        assert raw.exists(), said.decode(errors="replace")
    finally:
        endpoint.close()
    spent = {thread: (name, cpu - before.get(thread, ("", 0.0))[1]) for thread, (name, cpu) in after.items()}
    stacks = parsed(re.sub(r"\(([\w/]+\.py):(\d+)\)(?= \d+$)", called, raw.read_text(), flags=re.MULTILINE))
    return Profile(logs.data.first(waves), shares(stacks, spent), stacks)


def called(frame: re.Match[str]) -> str:
    """The innermost frame, and behind it the function in C that its line calls, where that makes a stage of its own."""
    line = linecache.getline(str(SOURCES / frame[1]), int(frame[2]))
    return f"{frame[0]};compress (isal)" if "compress(" in line else frame[0]


def threads(pid: int) -> dict[int, tuple[str, float]]:
    """The threads of a process: name, and CPU-seconds until now."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir() if Path(f"/proc/{pid}/task").exists() else ():
        with suppress(FileNotFoundError, ProcessLookupError):
            name, _, rest = (task / "stat").read_text().partition(" (")[2].rpartition(") ")
            found[int(task.name)] = name, sum(map(int, rest.split()[11:13])) / _TICK
    return found


def chart(profile: Profile) -> str:
    """The flame graph."""
    return draw("One process, from Kafka to Segment: CPU by function", tree(profile.stacks))
