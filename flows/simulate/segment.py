"""A faithful double of Segment's tracking API: what its edge answers, what Segment would really keep, and faults by script.

Over a socket (`start`, `serving`), or as an httpx transport without one. Tests assert on `view` and `summary`, never on a 200.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import Literal

from currents_segment.flows.simulate.segment_edge import Limits
from currents_segment.flows.simulate.segment_endpoint import Endpoint
from currents_segment.flows.simulate.segment_keep import WINDOW
from currents_segment.flows.simulate.segment_serve import listening
from currents_segment.flows.simulate.segment_transport import DoubleTransport, Sleep


class Double(Endpoint):
    """The double of one Segment region, with any number of sources.

    Its methods are called from the thread of its event loop; `script`, `clear`, `set_key` and the looks also from another.
    """

    def __init__(
        self,
        keys: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
        keep: Literal["all", "none"] = "all",
        limits: Limits | None = None,
        window: float = WINDOW,
    ) -> None:
        """As `Endpoint`, with the wall clock."""
        super().__init__(keys, clock=clock, seed=seed, keep=keep, limits=limits, window=window)
        self._open = AsyncExitStack()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen (port 0: any free one) until `stop`; gives the URL. OSError where it cannot."""
        return await self._open.enter_async_context(listening(self, host, port))

    async def stop(self) -> None:
        """Close the port and cut the answers under way. What was kept can still be looked at."""
        await self._open.aclose()

    def transport(self, sleep: Sleep = asyncio.sleep) -> DoubleTransport:
        """For `httpx.AsyncClient(transport=…)`: no socket, and waiting only by `sleep`."""
        return DoubleTransport(self, sleep)

    @contextmanager
    def serving(self, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
        """Listen on a thread of its own for as long as the context lasts, for callers that have no event loop; gives the URL."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="segment-double")
        thread.start()
        try:
            yield asyncio.run_coroutine_threadsafe(self.start(host, port), loop).result()
        finally:
            asyncio.run_coroutine_threadsafe(self.stop(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
