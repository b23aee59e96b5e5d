"""The gate: the credits that sink slots give their source slots, so that a connector that fails stops reading, and none fills the memory.

A connector has one bound for all slots of a process, in equal shares for those slots that have something of it under way. The bound follows its requests in
flight: behind an endpoint that answers at once little is un-acked, behind a slow one as much as its requests can carry.

Both slots live in the same process and share it. Nothing of it is kept: at every commit nothing is in transit, and what is
held is counted again from the sink slot's own state.
"""

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Final, NamedTuple, Self


class Bound(NamedTuple):
    """So many events of a connector and so many bytes of their messages."""

    events: int
    size: int

    def plus(self, more: "Bound", times: int) -> "Bound":
        """With so many times more."""
        return Bound(self.events + times * more.events, self.size + times * more.size)

    def within(self, least: "Bound", most: "Bound") -> "Bound":
        """Not less than one, nor more than the other."""
        return Bound(min(max(self.events, least.events), most.events), min(max(self.size, least.size), most.size))


class Bounds(NamedTuple):
    """What a connector may have in a process.

    Attributes:
        whole: all, what is decided and not yet written included.
        failing: un-acked while it fails, or has not yet succeeded: this is written to the recovery store again in every epoch.
        working: un-acked while it works and nothing is in flight.
        flying: more for each request in flight: what it carries, and what is to follow it.
    """

    whole: Bound = Bound(100_000, 24_000_000)
    failing: Bound = Bound(16_000, 6_000_000)
    working: Bound = Bound(40_000, 16_000_000)
    flying: Bound = Bound(10_000, 2_000_000)

    @classmethod
    def of(cls, connectors: int) -> Self:
        """For each of so many connectors that share the memory of a process."""
        share = Bound(120_000 // max(1, connectors), 48_000_000 // max(1, connectors))
        return cls(working=share.within(Bound(10_000, 4_000_000), cls().working))


FEW: Final = Bound(250, 250_000)  # a smaller chunk is not worth its way; so much is never refused to a slot that has nothing
USUAL: Final = 1_000.0  # bytes of a message, until some of the connector were seen


@dataclass(slots=True)
class Credit:
    """What a connector has under way, in one slot or in all of a process.

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

    @property
    def alive(self) -> int:
        """Events that are not decided."""
        return self.transit + self.held - self.dead

    @property
    def under_way(self) -> int:
        """All events."""
        return self.transit + self.held

    def weight(self, each: float) -> float:
        """Bytes of them; of those in transit it is not known, and each counts as so many."""
        return self.size - self.dead_size + self.transit * each


class Gate:
    """Bounds what is in transit and un-acked, for each connector alone.

    `room` is asked by the source before each read; the sink slot reports `arrived` and `released`. Thread-safe.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._lock = threading.Lock()
        self._slots: dict[str, dict[int, Credit]] = {}
        self._all: dict[str, Credit] = {}
        self._echoes: dict[int, int] = {}
        self._flying: Counter[str] = Counter()
        self._working: set[str] = set()

    def room(self, slot: int, connector: str) -> int:
        """How many events the source may read as the slot's next chunk; 0: none.

        What expires leaves the bound of what is un-acked at once, though it is held until its letters are written: else a connector that is down for longer
        than its events live could not expire them as fast as new ones come.
        """
        with self._lock:
            bound = self._bound(connector)
            every = self._all.get(connector)
            if every is None or not every.under_way:
                return bound.events
            message = max(1.0, every.size / every.held) if every.held else USUAL  # what cannot be read may be held without a byte
            few = max(1, min(FEW.events, int(FEW.size / message)))
            if every.under_way >= self._bounds.whole.events or every.weight(message) + every.dead_size >= self._bounds.whole.size:
                return 0
            slots = self._slots[connector]
            mine = slots.get(slot)
            active = sum(1 for credit in slots.values() if credit.alive)
            if mine is None or not mine.alive:
                return max(
                    few, min(bound.events - every.alive, bound.events // (active + 1), int((bound.size - every.weight(message)) / message))
                )
            room = min(bound.events - every.alive, bound.events // active - mine.alive)
            room_size = min(bound.size - every.weight(message), bound.size / active - mine.weight(message))
            room = min(room, int(room_size / message))
            return room if room >= few else 0

    def transit(self, connector: str) -> int:
        """Events of it in transit, of all slots."""
        with self._lock:
            return self._all[connector].transit if connector in self._all else 0

    def _bound(self, connector: str) -> Bound:
        """Of what is un-acked."""
        if connector not in self._working:
            return self._bounds.failing
        return self._bounds.working.plus(self._bounds.flying, self._flying[connector]).within(Bound(0, 0), self._bounds.whole)

    def emitted(self, slot: int, connector: str, events: int) -> None:
        """The source sent a chunk of so many records on its way."""
        self._add(slot, connector, transit=events)

    def arrived(self, slot: int, connector: str, emitted: int, held: int, size: int) -> None:
        """A chunk and all its verdicts are at the sink slot, which keeps `held` events of `size` bytes."""
        self._add(slot, connector, transit=-emitted, held=held, size=size)

    def released(self, slot: int, connector: str, held: int, size: int) -> None:
        """Events left the sink slot: delivered."""
        self._add(slot, connector, held=-held, size=-size)

    def died(self, slot: int, connector: str, held: int, size: int) -> None:
        """Events that are held are decided: they expired, were refused or could not be read."""
        self._add(slot, connector, dead=held, dead_size=size)

    def buried(self, slot: int, connector: str, held: int, size: int) -> None:
        """The dead left the sink slot: they are written."""
        self._add(slot, connector, held=-held, size=-size, dead=-held, dead_size=-size)

    def _add(self, slot: int, connector: str, *, transit: int = 0, held: int = 0, size: int = 0, dead: int = 0, dead_size: int = 0) -> None:
        with self._lock:
            for credit in (self._slots.setdefault(connector, {}).setdefault(slot, Credit()), self._all.setdefault(connector, Credit())):
                credit.transit += transit
                credit.held += held
                credit.size += size
                credit.dead += dead
                credit.dead_size += dead_size

    def working(self, connector: str, works: bool) -> None:
        """The connector's last attempt succeeded, or did not."""
        with self._lock:
            (self._working.add if works else self._working.discard)(connector)

    def works(self, connector: str) -> bool:
        """Whether it did."""
        with self._lock:
            return connector in self._working

    def requests(self, connector: str, change: int) -> None:
        """So many more (or fewer) of its requests are in flight."""
        with self._lock:
            self._flying[connector] += change

    def quiet(self) -> bool:
        """No request is in flight."""
        with self._lock:
            return not self._flying.total()

    def echo(self, slot: int, tick: int) -> None:
        """The sink slot has seen this tick; all that was sent before it is there."""
        self._echoes[slot] = tick

    def echoed(self, slot: int) -> int:
        """The last tick that the sink slot has seen; 0 before the first."""
        return self._echoes.get(slot, 0)

    def idle(self, slot: int) -> bool:
        """Nothing of this slot is in transit or held."""
        with self._lock:
            return not any(slots[slot].under_way for slots in self._slots.values() if slot in slots)
