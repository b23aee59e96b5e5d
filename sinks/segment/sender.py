"""The background sender: one thread with an event loop for all connectors of a process. The dataflow never waits for it."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from currents_segment.flows.clock import Clock
from currents_segment.flows.config import Connector
from currents_segment.flows.gate import Gate
from currents_segment.sinks.segment.driver import Driver, Slot, Watch


class Sender(threading.Thread):
    """Owns a driver for each connector.

    Attributes:
        lock: held whenever lanes, health or ledgers are read or moved; never while waiting.
        clock: of this process.
        drivers: by connector.
        slots: the sink slots of this process, as they attach.
        bug: what ended the sender; the slots raise it, so that the process dies and resumes from the last commit.
    """

    def __init__(
        self,
        connectors: Mapping[str, Connector],
        *,
        gate: Gate,
        clock: Clock,
        watch: Watch,
        stopping: Callable[[], bool],
    ) -> None:
        super().__init__(name="sender", daemon=True)
        self.lock = threading.RLock()
        self.clock = clock
        self.bug: BaseException | None = None
        self.slots: dict[int, Slot] = {}
        self._stopping = stopping
        self._loop: asyncio.AbstractEventLoop | None = None  # made by the thread that runs it
        self._quit = asyncio.Event()
        self.drivers = {
            name: Driver(connector, lock=self.lock, gate=gate, slots=self.slots, clock=clock, watch=watch, fail=self._fail)
            for name, connector in connectors.items()
        }

    def run(self) -> None:
        """Thread body."""
        try:
            asyncio.run(self._main())
        except BaseException as bug:  # noqa: BLE001 - raised again by the slots
            self.bug = self.bug or bug

    def wake(self, connectors: Iterable[str]) -> None:
        """These connectors have something new; called from any thread."""
        self._call(self._wake, tuple(connectors))

    def close(self, timeout: float) -> None:
        """End; requests in flight are given up and stay un-acked."""
        self._call(self._quit.set)
        if self.is_alive():
            self.join(timeout)

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        loop = self._loop
        if loop is None:
            function(*arguments)
            return
        with suppress(RuntimeError):  # it has just ended
            loop.call_soon_threadsafe(function, *arguments)

    def _wake(self, connectors: tuple[str, ...]) -> None:
        for name in connectors:
            self.drivers[name].wake()

    def _fail(self, bug: BaseException) -> None:
        self.bug = self.bug or bug
        self._quit.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(driver.run(self._stopping)) for driver in self.drivers.values()]
        quitting = asyncio.create_task(self._quit.wait())
        await asyncio.wait([*tasks, quitting], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                self.bug = self.bug or result
