"""The source slots as Bytewax partitions: each reads its units in turn while their gates are open, and starts every epoch with a tick."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from currents_segment.codecs.chunk import Records
from currents_segment.flows.errors import FailedError, unknown_version
from currents_segment.flows.gate import Gate
from currents_segment.flows.items import Raw, Read, Tick, emitted
from currents_segment.flows.loud import loud
from currents_segment.flows.slots import NAMES, Place, Unit
from currents_segment.flows.stop import Stop

IDLE: Final = timedelta(milliseconds=20)  # until a slot that found nothing looks again

State = dict[str, Any]
"""`version`; `positions` {(connector, log, partition): packed position}; `rewinds` {connector: (how often it was set back, when last)}.

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
    """Where a unit's records come from. Nothing here ever waits."""

    def read(self, unit: Unit) -> Records | None:
        """The next records, or None when none are ready; moves the unit's position behind them.

        Raises:
            FailedError: a bounded run cannot go on.
        """

    def position(self, unit: Unit) -> Any:
        """What to keep at a commit: the position behind what `read` gave, as plain values."""

    def exhausted(self, unit: Unit) -> bool:
        """In a bounded run: nothing more will come."""


OpenLogs = Callable[[Mapping[Unit, Any]], Log]
"""Opens the logs of all units of this process, from their committed positions (None at the first start)."""


class Logs:
    """Opens the process's logs once every slot has said where its units stand: one listing serves all of them."""

    def __init__(self, place: Place, units: list[Unit], open_logs: OpenLogs) -> None:
        self.units = [unit for unit in units if unit.slot in place.slots]
        self._expected = set(place.slots)
        self._positions: dict[Unit, Any] = {}
        self._open = open_logs
        self.log: Log | None = None

    def register(self, slot: int, positions: Mapping[tuple[str, str, int], Any]) -> list[Unit]:
        """A slot came up; returns its units."""
        mine = [unit for unit in self.units if unit.slot == slot]
        for unit in mine:
            self._positions[unit] = positions.get((unit.connector, unit.log, unit.partition))
        self._expected.discard(slot)
        if not self._expected:
            self.log = self._open(self._positions)
        return mine


class SlotPartition(StatefulSourcePartition[Read, State]):
    """One source slot."""

    def __init__(self, slot: int, state: State | None, *, logs: Logs, gate: Gate, stop: Stop, once: bool) -> None:
        state = migrated(state) if state is not None else {"positions": {}, "rewinds": {}}
        self._slot, self._logs, self._gate, self._stop, self._once = slot, logs, gate, stop, once
        self._positions: dict[tuple[str, str, int], Any] = dict(state["positions"])
        self._rewinds: dict[str, tuple[int, float]] = state["rewinds"]
        self._units = logs.register(slot, self._positions)
        self._seq: dict[str, int] = {}
        self._tick = 0
        self._turn = slot % max(1, len(self._units))  # each slot begins with another connector, so that none waits for all others
        self._epoch_begins, self._idle, self._ending = True, False, False
        self._last_tick: int | None = None
        self._stopped_at: float | None = None

    @loud
    def next_batch(self) -> list[Read]:
        """A tick where an epoch begins, then a chunk of a unit whose gate is open; never waits."""
        if self._ending:
            raise StopIteration
        if self._stop.requested:
            return self._drain()
        items: list[Read] = []
        if self._epoch_begins:
            self._epoch_begins = False
            items.append(self._next_tick())
        if self._logs.log is not None:
            items += self._read(self._logs.log)
            if self._once and not items and all(self._logs.log.exhausted(unit) for unit in self._units):
                items += self._end()
        self._idle = not items
        return items

    def _read(self, log: Log) -> list[Read]:
        """A chunk of the next unit in turn that may read and has one.

        What all slots read goes through every step before they are asked again, and nothing new reaches a connector meanwhile: 16 chunks take half a
        second where decoding is slow. Four chunks a slot took 2.6 s.
        """
        for _ in self._units:
            unit = self._units[self._turn]
            self._turn = (self._turn + 1) % len(self._units)
            if not self._gate.opened(self._slot, unit.connector):
                continue
            try:
                records = log.read(unit)
            except FailedError as error:  # not a bug: end in good order, then say so
                self._stop.fail(error)
                break
            if records is not None:
                seq = self._seq.get(unit.connector, 0)
                self._seq[unit.connector] = seq + 1
                self._gate.emitted(self._slot, unit.connector, emitted(records))
                rewinds, _ = self._rewinds.get(unit.connector, (0, 0.0))
                return [Raw(self._slot, unit.connector, seq, records, rewinds)]
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
        if self._gate.quiet(self._slot) or now - self._stopped_at > self._stop.grace:
            self._ending = True
            return [self._next_tick()]
        self._idle = True
        return []

    def _next_tick(self) -> Tick:
        self._tick += 1
        return Tick(self._slot, self._tick)

    def next_awake(self) -> datetime | None:
        """At once while there is something to read."""
        return datetime.now(UTC) + IDLE if self._idle else None

    @loud
    def snapshot(self) -> State:
        """Where every unit stands; an epoch ends here, so the next item must be a tick."""
        self._epoch_begins = True
        if self._logs.log is not None:
            for unit in self._units:
                self._positions[unit.connector, unit.log, unit.partition] = self._logs.log.position(unit)
        return {"version": VERSION, "positions": dict(self._positions), "rewinds": self._rewinds}


class SlotSource(FixedPartitionedSource[Read, State]):
    """Lists the slots of this process only, so that a source slot and its sink slot meet."""

    def __init__(self, place: Place, *, logs: Logs, gate: Gate, stop: Stop, once: bool) -> None:
        self._place, self._logs, self._gate, self._stop, self._once = place, logs, gate, stop, once

    def list_parts(self) -> list[str]:
        """Of this process only."""
        return [NAMES[slot] for slot in self._place.slots]

    @loud
    def build_part(self, step_id: str, for_part: str, resume_state: State | None) -> SlotPartition:  # noqa: ARG002 - Bytewax' signature
        """Once for each slot, before its first item."""
        return SlotPartition(int(for_part), resume_state, logs=self._logs, gate=self._gate, stop=self._stop, once=self._once)
