"""Stopping: SIGTERM and Ctrl-C ask for a drain; a deadline ends a process that cannot drain, which is as safe as SIGKILL.

Bytewax takes no snapshot on a signal, and while processes wait for their peers a Python handler never runs. So the C-level handler
wakes a thread through a socket, sources see the flag and end, and what hangs is ended by that thread.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from currents_segment.flows.errors import FailedError

GRACE: Final = 1.0  # s: requests in flight may end; what they carried stays un-acked otherwise, and is sent again
DEADLINE: Final = 5.0  # s: from the signal to a hard exit
ALONE: Final = 2.0  # s: the same while no dataflow runs yet, so nothing is there to drain
HARD_EXIT: Final = 3  # exit code: the drain did not end in time; nothing is lost, the last epoch is done again


class Stop:
    """Whether a stop was asked for.

    Attributes:
        grace: s that a slot waits for its requests in flight.
        requested: set by the first signal, or by `request`.
        running: set when the dataflow's first slot is there.
        error: why the run cannot go on, if it asked for the stop itself.
    """

    def __init__(self, grace: float = GRACE) -> None:
        self.grace = grace
        self.requested = False
        self.running = False
        self.error: FailedError | None = None
        self._wakeup: socket.socket | None = None

    def request(self) -> None:
        """Ask for a drain."""
        self.requested = True

    def fail(self, error: FailedError) -> None:
        """The run cannot go on: drain, then raise this."""
        self.error = self.error or error
        self.request()

    def on_signals(self, stopping: Callable[[], None], deadline: float = DEADLINE) -> None:
        """Listen to SIGTERM and SIGINT, in the main thread; `stopping` is called once, from another one. A second Ctrl-C ends at once."""
        receiver, sender = socket.socketpair()
        self._wakeup = sender  # kept: closed, it would be the end of the stream
        sender.setblocking(False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.request())
        signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)

        def watch() -> None:
            seen = 0
            while number := receiver.recv(1):
                if number[0] not in {signal.SIGTERM, signal.SIGINT}:
                    continue
                seen += 1
                self.request()
                if seen == 1:
                    stopping()
                    threading.Thread(target=self._end_at, args=(time.monotonic() + deadline,), name="deadline", daemon=True).start()
                elif number[0] == signal.SIGINT:
                    os._exit(128 + signal.SIGINT)

        threading.Thread(target=watch, name="signals", daemon=True).start()

    def _end_at(self, deadline: float) -> None:
        time.sleep(min(ALONE, max(0.0, deadline - time.monotonic())))
        if self.running:
            time.sleep(max(0.0, deadline - time.monotonic()))
        os._exit(HARD_EXIT if self.running else 0)
