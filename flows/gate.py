"""The gate: the credits that a sink slot gives its source slot for one connector, so that a connector that fails stops reading.

Both slots live in the same process and share it. Nothing of it is kept: at every commit nothing is in transit, and what is
held is counted again from the sink slot's own state.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

EVENTS: Final = 4_000  # a slot and connector; what is held is written to the recovery store in every epoch, so no more than serves
BYTES: Final = 1_500_000  # three full batches: one on its way, one being packed, one being read
RESERVED: Final = (
    4  # a connector that fails may have a quarter un-acked: it is written again and again. What is dead is written twice, then gone
)


@dataclass(slots=True)
class Credit:
    """What one connector has under way in one slot.

    Attributes:
        transit: events emitted by the source and not yet accounted for by the sink slot.
        held: events that the sink slot keeps, un-acked or dead.
        size: bytes of those held.
        dead: those of them that are decided, and go as soon as their letters are written.
        dead_size: bytes of the dead.
    """

    transit: int = 0
    held: int = 0
    size: int = 0
    dead: int = 0
    dead_size: int = 0

    def below(self, events: int, size: int, share: int) -> bool:
        """Whether all of it stays below the bounds, and what is not dead below a share of them."""
        alive, alive_size = self.transit + self.held - self.dead, self.size - self.dead_size
        return self.transit + self.held < events and self.size < size and alive < events // share and alive_size < size // share


class Gate:
    """Bounds what is in transit and un-acked, for each slot and connector alone.

    `opened` is asked by the source before each read; the sink slot reports `arrived` and `released`. Thread-safe.
    """

    def __init__(self, events: int = EVENTS, size: int = BYTES) -> None:
        self._events, self._size = events, size
        self._lock = threading.Lock()
        self._credits: dict[tuple[int, str], Credit] = {}
        self._echoes: dict[int, int] = {}
        self._requests: dict[int, int] = {}
        self._working: set[str] = set()

    def _credit(self, slot: int, connector: str) -> Credit:
        return self._credits.setdefault((slot, connector), Credit())

    def opened(self, slot: int, connector: str) -> bool:
        """Whether the source may read another chunk.

        One that fails or has not yet succeeded may have a quarter un-acked. What expires leaves that quarter at once, though it is held until its letters are
        written: else a connector that is down for longer than its events live could not expire them as fast as new ones come.
        """
        with self._lock:
            return self._credit(slot, connector).below(self._events, self._size, 1 if connector in self._working else RESERVED)

    def emitted(self, slot: int, connector: str, events: int) -> None:
        """The source sent a chunk of so many records on its way."""
        with self._lock:
            self._credit(slot, connector).transit += events

    def arrived(self, slot: int, connector: str, emitted: int, held: int, size: int) -> None:
        """A chunk and all its verdicts are at the sink slot, which keeps `held` events of `size` bytes."""
        with self._lock:
            credit = self._credit(slot, connector)
            credit.transit -= emitted
            credit.held += held
            credit.size += size

    def released(self, slot: int, connector: str, held: int, size: int) -> None:
        """Events left the sink slot: delivered."""
        self.arrived(slot, connector, 0, -held, -size)

    def died(self, slot: int, connector: str, held: int, size: int) -> None:
        """Events that are held are decided: they expired, were refused or could not be read."""
        with self._lock:
            credit = self._credit(slot, connector)
            credit.dead += held
            credit.dead_size += size

    def buried(self, slot: int, connector: str, held: int, size: int) -> None:
        """The dead left the sink slot: they are written."""
        self.died(slot, connector, -held, -size)
        self.released(slot, connector, held, size)

    def working(self, connector: str, works: bool) -> None:
        """The connector's last attempt succeeded, or did not."""
        with self._lock:
            (self._working.add if works else self._working.discard)(connector)

    def echo(self, slot: int, tick: int) -> None:
        """The sink slot has seen this tick; all that was sent before it is there."""
        self._echoes[slot] = tick

    def echoed(self, slot: int) -> int:
        """The last tick that the sink slot has seen; 0 before the first."""
        return self._echoes.get(slot, 0)

    def requests(self, slot: int, change: int) -> None:
        """So many more (or fewer) requests of this slot are in flight."""
        with self._lock:
            self._requests[slot] = self._requests.get(slot, 0) + change

    def quiet(self, slot: int) -> bool:
        """No request of this slot is in flight."""
        return not self._requests.get(slot)

    def idle(self, slot: int) -> bool:
        """Nothing of this slot is in transit or held."""
        return not any(credit.transit or credit.held for credit in self._of(slot))

    def _of(self, slot: int) -> Iterator[Credit]:
        with self._lock:
            credits_ = [credit for (owner, _), credit in self._credits.items() if owner == slot]
        return iter(credits_)
