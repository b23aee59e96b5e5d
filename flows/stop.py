"""Stopping: SIGTERM and Ctrl-C ask for a drain; a deadline ends a process that cannot drain, which is as safe as SIGKILL.

Bytewax takes no snapshot on a signal, a Python handler never runs in a thread that waits inside of Bytewax, and a signal that meets one of
its network threads breaks the cluster (seen: "Send thread panic"). So no signal reaches the threads of the flow: it runs apart, and the
main thread does nothing but listen.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

import structlog

from currents_segment.flows.errors import EndedHardError, FailedError

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
GRACE: Final = 1.0  # s: requests in flight may end; what they carried stays un-acked otherwise, and is sent again
DEADLINE: Final = 5.0  # s: from the signal to a hard exit; a drain takes about one

T = TypeVar("T")


def hold_signals() -> None:
    """Let signals wait until `Stop.apart` listens; threads and processes that start meanwhile inherit it. Called by the main thread, early."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


class Stop:
    """Whether a stop was asked for.

    Attributes:
        grace: s that a slot waits for its requests in flight.
        requested: set by the first signal, or by `request`.
        running: set when the dataflow's source slots are there, before they read.
        early: whether it was asked for before that, so that nothing is read, and nothing is there to drain.
        error: why the run cannot go on, if it asked for the stop itself.
    """

    def __init__(self, grace: float = GRACE) -> None:
        self.grace = grace
        self.requested = False
        self.running = False
        self.early = False
        self.error: FailedError | None = None
        self._heard = 0

    def request(self) -> None:
        """Ask for a drain."""
        self.early = self.early or not self.running
        self.requested = True

    def fail(self, error: FailedError) -> None:
        """The run cannot go on: drain, then raise this."""
        self.error = self.error or error
        self.request()

    def apart(self, work: Callable[[], T], stopping: Callable[[], None], deadline: float = DEADLINE) -> T:
        """Do the work in a thread that no signal reaches, and listen in this one, the main thread, until it is done.

        Args:
            work: what it returns or raises is returned or raised here.
            stopping: called once, at the first signal. A second Ctrl-C ends the process at once.
            deadline: s from the first signal to a hard exit.
        """
        done: Future[T] = Future()

        def call() -> None:
            try:
                done.set_result(work())
            except BaseException as error:  # noqa: BLE001 - raised in the main thread
                done.set_exception(error)

        def hear(number: int, _: object) -> None:
            self._heard += 1
            if self._heard == 1:
                self.request()
                stopping()
                hold_signals()
                threading.Thread(target=self._end_at, args=(time.monotonic() + deadline,), name="deadline", daemon=True).start()
                signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            elif number == signal.SIGINT:
                os._exit(128 + signal.SIGINT)

        for number in SIGNALS:
            signal.signal(number, hear)
        hold_signals()
        thread = threading.Thread(target=call, name="work")
        thread.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        thread.join()
        return done.result()

    def _end_at(self, deadline: float) -> None:
        time.sleep(max(0.0, deadline - time.monotonic()))
        if self.running:
            structlog.get_logger().error(
                "run.ended_hard", why="the drain did not end in time; nothing is lost, the last epoch is done again"
            )
        os._exit(EndedHardError.exit_code if self.running else 0)
