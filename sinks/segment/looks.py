"""When a driver looks what is to be done: after a while, or as soon as there is news. One timer instead of a task that waits, which costs as much as a request."""

import asyncio
from collections.abc import Callable


class Looks:
    """Calls a function in the running event loop: after as many seconds as it said the last time, or sooner when it is asked for.

    Args:
        look: returns the seconds after which it is to be called again.
        fail: is told of a bug in it, which ends the calls.
    """

    def __init__(self, look: Callable[[], float], fail: Callable[[BaseException], None]) -> None:
        self._look, self._fail = look, fail
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Handle = self._loop.call_soon(self._call)
        self._is_soon = True

    def soon(self) -> None:
        """Behind what the loop has to do already; once, however often it is asked for."""
        if not self._is_soon:
            self._next.cancel()
            self._next, self._is_soon = self._loop.call_soon(self._call), True

    def end(self) -> None:
        """Never again."""
        self._next.cancel()
        self._is_soon = True

    def _call(self) -> None:
        self._is_soon = False
        try:
            delay = self._look()
        except BaseException as bug:  # noqa: BLE001 - raised again by the slots
            self._is_soon = True
            self._fail(bug)
            return
        if not self._is_soon:
            self._next = self._loop.call_later(delay, self._call)
