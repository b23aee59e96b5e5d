"""The source slots as Bytewax partitions: each reads its units in turn while their gates are open, and starts every epoch with a tick."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from currents_segment.codecs.chunk import Framed, Records
from currents_segment.flows.errors import FailedError, unknown_version
from currents_segment.flows.gate import Gate
from currents_segment.flows.items import Raw, Read, Tick, emitted
from currents_segment.flows.loud import loud
from currents_segment.flows.pace import Pace
from currents_segment.flows.slots import NAMES, Key, Place, Unit
from currents_segment.flows.stop import Stop

IDLE: Final = 0.05  # s: until a slot that found nothing looks again: with hundreds of units, looking is what an idle process costs
SOON: Final = (
    0.005  # s: until one looks again that found much just now, or whose gate is closed for a moment, by a connector that is being served
)
MUCH: Final = 250  # events

State = dict[str, Any]
"""`version`; `positions` {key: packed position}; `rewinds` {connector: (how often it was set back, when last)}.

What belongs to units and connectors that are not configured now is kept."""
VERSION: Final = 2


def migrated(state: State) -> State:
    """A committed state of this version or an older one, as this version writes it.

    Raises:
        UserError: a newer version wrote it.
    """
    match state["version"]:
        case 1:  # before connectors could be set back
            return {"version": VERSION, "positions": state["positions"], "rewinds": {}}
        case 2:
            return state
    raise unknown_version("positions", state["version"], VERSION)


class Log(Protocol):
    """Where the units' records come from. Nothing here ever waits. Each may raise FailedError: a bounded run cannot go on."""

    def units(self, slot: int) -> Sequence[Unit]:
        """The units of a slot at the moment: more may come, none goes."""

    def read(self, unit: Unit, most: int) -> tuple[Records | Framed, ...] | None:
        """The next records, whose position moves as one, or None when none are ready; moves the unit's position behind them.

        They are `most` events at the most, but for what cannot be divided.
        """

    def positions(self, slot: int) -> Mapping[Key, Any]:
        """What to keep at a commit: the position of each unit behind what `read` gave, as plain values."""

    def exhausted(self, slot: int) -> bool:
        """In a bounded run: nothing more will come."""


OpenLogs = Callable[[Mapping[int, Mapping[Key, Any]]], Log]
"""Opens all logs of this process, from what each of its slots kept at the last commit (nothing at the first start)."""


class Logs:
    """Opens the process's logs once every slot has said where its units stand: one listing serves all of them."""

    def __init__(self, place: Place, open_logs: OpenLogs) -> None:
        self._expected = set(place.slots)
        self._kept: dict[int, Mapping[Key, Any]] = {}
        self._open = open_logs
        self.log: Log | None = None

    def register(self, slot: int, kept: Mapping[Key, Any]) -> None:
        """A slot came up, with what it kept."""
        self._kept[slot] = dict(kept)
        self._expected.discard(slot)
        if not self._expected:
            self.log = self._open(self._kept)


class SlotPartition(StatefulSourcePartition[Read, State]):
    """One source slot."""

    def __init__(self, slot: int, state: State | None, *, logs: Logs, gate: Gate, stop: Stop, once: bool, pace: Pace | None = None) -> None:
        state = migrated(state) if state is not None else {"positions": {}, "rewinds": {}}
        self._slot, self._logs, self._gate, self._stop, self._once = slot, logs, gate, stop, once
        self._pace = pace
        self._positions: dict[Key, Any] = dict(state["positions"])
        self._rewinds: dict[str, tuple[int, float]] = state["rewinds"]
        logs.register(slot, self._positions)
        self._tick = 0
        self._turn = slot  # each slot begins with another connector, so that none waits for all others
        self._epoch_begins, self._ending = True, False
        self._pause = 0.0  # s until it is asked again
        self._patience = IDLE  # s until it is after it found nothing
        self._last_tick: int | None = None
        self._stopped_at: float | None = None

    @loud
    def next_batch(self) -> list[Read]:
        """A tick where an epoch begins, then a chunk of a unit whose gate is open; never waits."""
        if self._pace is not None:
            self._pace.asked(self._slot, time.time())
        if self._ending:
            raise StopIteration
        if self._stop.requested:
            return self._drain()
        items: list[Read] = []
        if self._epoch_begins:
            self._epoch_begins = False
            items.append(self._next_tick())
        if self._logs.log is not None:
            try:
                items += self._read(self._logs.log)
                if self._once and not items and self._logs.log.exhausted(self._slot):
                    items += self._end()
            except FailedError as error:  # not a bug: end in good order, then say so
                self._stop.fail(error)
        self._pause = 0.0 if items else self._patience
        return items

    def _read(self, log: Log) -> list[Read]:
        """A chunk of the next unit in turn that may read and has one.

        What all slots read goes through every step before they are asked again, and nothing new reaches a connector meanwhile: 16 chunks take half a
        second where decoding is slow. Four chunks a slot took 2.6 s.
        """
        units = log.units(self._slot)
        room: dict[str, int] = {}  # a slot may have hundreds of units of a few connectors
        for _ in units:
            unit = units[self._turn % len(units)]
            self._turn += 1
            if unit.connector not in room:
                room[unit.connector] = self._gate.room(self._slot, unit.connector)
            if not (most := room[unit.connector]):
                continue
            if (records := log.read(unit, most)) is not None:
                self._gate.emitted(self._slot, unit.connector, count := emitted(records))
                self._patience = SOON if count >= MUCH else IDLE
                rewinds, _ = self._rewinds.get(unit.connector, (0, 0.0))
                return [Raw(self._slot, unit.connector, records, rewinds)]
        if any(not most and self._gate.works(connector) for connector, most in room.items()):
            self._patience = SOON
        else:
            self._patience = min(IDLE, 2 * self._patience)
        return []

    def _end(self) -> list[Read]:
        """A bounded run ends when the sink slot has seen a tick that was sent after the last chunk, and holds nothing."""
        if self._last_tick is None:
            tick = self._next_tick()
            self._last_tick = tick.number
            return [tick]
        if self._gate.echoed(self._slot) >= self._last_tick and self._gate.idle(self._slot):
            self._ending = True
            return [self._next_tick()]  # so that the last snapshot sees the last acks
        return []

    def _drain(self) -> list[Read]:
        """A stop waits, for a while, for the slot's requests in flight; then a last tick carries their acks into the last snapshot."""
        now = time.monotonic()
        self._stopped_at = self._stopped_at or now
        if self._gate.quiet() or now - self._stopped_at > self._stop.grace:
            self._ending = True
            return [self._next_tick()]
        self._pause = IDLE
        return []

    def _next_tick(self) -> Tick:
        self._tick += 1
        return Tick(self._slot, self._tick)

    def next_awake(self) -> datetime | None:
        """At once while there is something to read, unless the epoch ends and there are others to wait for."""
        wait = self._pause if self._pace is None else self._pace.rest(time.time(), self._pause)
        return datetime.now(UTC) + timedelta(seconds=wait) if wait else None

    @loud
    def snapshot(self) -> State:
        """Where every unit stands; an epoch ends here, so the next item must be a tick."""
        self._epoch_begins = True
        if self._pace is not None and not self._ending:  # one that is through says nothing of the others
            self._pace.ended(self._slot)
        if self._logs.log is not None:
            self._positions.update(self._logs.log.positions(self._slot))
        return {"version": VERSION, "positions": dict(self._positions), "rewinds": self._rewinds}


class SlotSource(FixedPartitionedSource[Read, State]):
    """Lists the slots of this process only, so that a source slot and its sink slot meet."""

    def __init__(self, place: Place, *, logs: Logs, gate: Gate, stop: Stop, once: bool, pace: Pace | None = None) -> None:
        self._place, self._logs, self._gate, self._stop, self._once, self._pace = place, logs, gate, stop, once, pace

    def list_parts(self) -> list[str]:
        """Of this process only."""
        return [NAMES[slot] for slot in self._place.slots]

    @loud
    def build_part(self, step_id: str, for_part: str, resume_state: State | None) -> SlotPartition:  # noqa: ARG002 - Bytewax' signature
        """Once for each slot, before its first item."""
        return SlotPartition(
            int(for_part), resume_state, logs=self._logs, gate=self._gate, stop=self._stop, once=self._once, pace=self._pace
        )
