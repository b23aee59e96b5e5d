"""The runs of a torture, one after the other: started, disturbed, ended, and held to their documented exit codes and words."""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Final

from tests.oracle.journal import Journal, Life
from tests.oracle.letters import documents
from tests.system.rig import CLI, PATIENCE
from tests.system.runs import Run

STARTING: Final = 30.0  # s: until the log says that it runs; what takes longer is for the end of the run to explain


def wait(condition: Callable[[], object], within: float = PATIENCE, every: float = 0.05) -> bool:
    """Whether the condition came true in time; looked at again every so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


class Runs:
    """The `run` commands of one configuration.

    Args:
        home: where the configuration and the logs lie.
        state: the state folder.
        env: of the processes.
        journal: has the life of each.
    """

    def __init__(self, home: Path, state: Path, env: Mapping[str, str], journal: Journal) -> None:
        self.journal = journal
        self._home, self._state, self._env = home, state, env
        self._journaled: list[Run] = []
        self._all: list[Run] = []

    @property
    def last(self) -> Run:
        """The last one."""
        return self._journaled[-1]

    def start(self, processes: int, *options: str) -> Run:
        """Start `run`; the journal has its life."""
        if self.journal.lives and self.journal.lives[-1].processes != processes:
            self.journal.count("rescale")
        run = self.spawn(f"run-{len(self._journaled)}", processes, *options)
        self._journaled.append(run)
        self.journal.lives.append(Life(processes, time.time()))
        return run

    def spawn(self, name: str, processes: int, *options: str) -> Run:
        """Start `run` beside the journal."""
        arguments = ["run", str(self._home / "segment.yaml"), *options, *(["--processes", str(processes)] if processes > 1 else [])]
        log = self._home / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen([*CLI, *arguments], stdout=out, stderr=out, env=self._env, start_new_session=True)
        self._all.append(Run(process, log, bounded="--once" in options))
        return self._all[-1]

    def started(self) -> bool:
        """Wait until the run says that it runs; False where it ended before, or does not say so in time."""
        return wait(lambda: "run.start" in self.last.text() or not self.last.running(), STARTING) and self.last.running()

    def front(self) -> tuple[int, int]:
        """The execution and epoch from which a run would go on, by what the recovery store itself says; (0, 1) at the very beginning."""
        rows: list[tuple[int, int]] = []
        for file in (self._state / "recovery").glob("part-*.sqlite3"):
            with suppress(sqlite3.Error), closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as part:
                rows += part.execute("select ex_num, worker_frontier from fronts").fetchall()
        last = max((execution for execution, _ in rows), default=0)
        return last, min((epoch for execution, epoch in rows if execution == last), default=1)

    def epochs(self, count: int = 3) -> bool:
        """Wait until so many more epochs are seen to be committed: what a snapshot of the first may not yet hold, the last one does."""
        fronts = {self.front()}

        def enough() -> bool:
            fronts.add(self.front())
            return len(fronts) > count

        return wait(enough)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop it in good order; anything else than its documented exit code is a complaint."""
        life = self.journal.lives[-1]
        life.ending = time.time()
        self.last.send(number)
        code = self.ended()
        life.clean = code == (130 if self.last.bounded else 0)
        if code == 3:  # ended hard: nothing is lost, and it says so
            self.journal.count("a stop that was ended hard")
        elif not life.clean:
            self.complain(f"a stop ended with exit code {code}")

    def kill(self, who: str, random: Random) -> None:
        """SIGKILL: to `all`, to `one` process, or to the cluster's `parent`."""
        self.journal.lives[-1].ending = time.time()
        children = self.last.children()
        if who == "all" or not children:
            self.last.kill()
        else:
            with suppress(ProcessLookupError):
                os.kill(random.choice(children) if who == "one" else self.last.process.pid, signal.SIGKILL)
        self.ended()

    def ended(self) -> int:
        """Wait for its end; its exit code. A run that does not end is a complaint, and is killed."""
        code = -1
        try:
            code = self.last.end(PATIENCE)
        except AssertionError:
            self.complain(f"it did not end within {PATIENCE:g} s")
            self.last.kill()
        self.journal.lives[-1].ended = time.time()
        for document in documents(self._state):
            for each in document["connectors"].values():
                self.journal.unbalanced += abs(each["received"] - each["in_flight"] - sum(each["outcomes"].values()))
        return code

    def died(self) -> None:
        """The run has ended by itself: only a full disk may do that, and it says so."""
        if self.ended() != 1 or "could not be written" not in self.last.text():
            self.complain("it ended by itself")

    def refuses(self, words: str, code: int | None) -> None:
        """A run that must not work says these words and ends by itself, with this exit code or with any that means an error."""
        run = self.spawn(f"refused-{len(self._all)}", 1)
        try:
            found = run.end(PATIENCE)
        except AssertionError:
            run.kill()
            found = 0
        if found == 0 or code not in {None, found} or words not in run.text():
            self.complain(f"a run that should have said {words!r} ended with {found}:\n{run.text()[-2000:]}")

    def complain(self, what: str) -> None:
        """Something is not as documented."""
        self.journal.complaints.append(f"run {len(self._journaled) - 1}: {what}\n{self.last.text()[-3000:]}")

    def freeze(self, pid: int, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after a while."""
        begin = time.time()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            try:
                time.sleep(seconds)
            finally:
                os.kill(pid, signal.SIGCONT)
        self.journal.freezes.append((begin, time.time()))

    def close(self) -> None:
        """No process is left."""
        for run in self._all:
            for pid in {run.process.pid, *run.children()}:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            if run.running() or run.children():
                run.kill()
