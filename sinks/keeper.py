"""Writes dead letters in the background, so that no step of the dataflow waits for a disk. An event is let go only when its letter is durable."""

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from currents_segment.sinks.dead_letters import DeadLetters
from currents_segment.sinks.segment.dead import Dead

RETRY: Final = 5.0  # s: a full disk or a lost bucket is looked at again; meanwhile the events stay in the slot's state
Job = tuple[Sequence[Dead], Callable[[], None]]


class Keeper(threading.Thread):
    """One thread a process; `bury` never waits, `done` is called from this thread when the letters are durable.

    Attributes:
        error: why nothing can be written at the moment, or None; it is tried again for ever.
        bug: what ended the thread, to be raised by the slots.
    """

    def __init__(self, place: DeadLetters, workspaces: Mapping[str, str]) -> None:
        super().__init__(name="dead-letters", daemon=True)
        self.error: str | None = None
        self.bug: BaseException | None = None
        self._place, self._workspaces = place, workspaces
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._log = structlog.get_logger()

    def bury(self, dead: Sequence[Dead], done: Callable[[], None]) -> None:
        """Write these, which the committed state holds, then call `done`."""
        self._jobs.put((dead, done))

    def close(self, timeout: float) -> None:
        """End; what is not written stays in the slots' state."""
        self._closed.set()
        self._jobs.put(None)
        if self.is_alive():
            self.join(timeout)

    def run(self) -> None:
        """Thread body."""
        try:
            while (job := self._jobs.get()) is not None:
                self._write(*job)
        except BaseException as bug:  # noqa: BLE001 - raised again by the slots: the process dies and resumes
            self.bug = bug

    def _write(self, dead: Sequence[Dead], done: Callable[[], None]) -> None:
        records = [record for one in dead for record in one.records(self._workspaces.get(one.connector, ""))]
        while not self._closed.is_set():
            try:
                self._place.write(records)
            except OSError as error:
                if self.error is None:
                    self._log.error(
                        "dead_letters.failing",
                        why=str(error),
                        held=len(records),
                        remedy=f"make room or mend `dead_letters`; tried every {RETRY:.0f} s",
                    )
                self.error = str(error)
                self._closed.wait(RETRY)
                continue
            if self.error is not None:
                self._log.info("dead_letters.recovered")
                self.error = None
            done()
            return
