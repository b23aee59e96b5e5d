"""What the threads in which Bytewax runs our steps are told, since Bytewax and not Python makes them."""

import ctypes
from typing import Final

LATE: Final = 4_000_000  # ns: how much later than it asked for a thread may be woken; Linux' own is 50,000
PR_SET_TIMERSLACK: Final = 29  # of Linux' prctl


def keep_state() -> None:
    """Python's state of the calling thread lives as long as the thread.

    A thread that Python did not start gets one for each call, and memory for its frames that is mapped, touched and unmapped: in a cluster that was a fifth of what a
    worker used. The state counts who wants it; this is never taken back.
    """
    ctypes.pythonapi.PyGILState_Ensure()


def wake_together() -> None:
    """The calling thread, and those that it starts from now on, may be woken a little late when they wait for a time, and so together.

    Two threads of Bytewax look a thousand times a second whether there is something to do: half of what an idle process of a cluster used. What comes from others wakes
    them at once all the same. Where the system does not allow it, nothing changes.
    """
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, LATE, 0, 0, 0)
