"""A sink slot: puts chunks and verdicts together, holds what is un-acked and what is dead, keeps the ledger. Knows nothing of Bytewax.

An event leaves the lanes only by a 2xx or into `dead`; `dead` is written only after the commit that holds it, which the next call of
`accept` proves: Bytewax lets nobody write in an epoch before the one before it is committed. So nothing is ever both dead and sent again.
"""

import time
from collections.abc import Iterable
from typing import Any

import structlog

from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.gate import Gate
from currents_segment.flows.items import AtSink, Chunk, Tick
from currents_segment.flows.ledger import Account
from currents_segment.sinks.keeper import Keeper
from currents_segment.sinks.segment.backoff import Health
from currents_segment.sinks.segment.batch import Piece, drop
from currents_segment.sinks.segment.dead import Dead
from currents_segment.sinks.segment.driver import Driver
from currents_segment.sinks.segment.loads import Keep, Loads
from currents_segment.sinks.segment.sender import Sender
from currents_segment.sinks.segment.state import NOTHING, VERSION, State, migrated

__all__ = ["SinkSlot", "State"]


class SinkSlot:
    """State and behaviour of one slot.

    Attributes:
        accounts: the ledger, by connector.
        restored: the ledger as this process found it.
        dead: decided, not yet known to be written; the oldest first.
    """

    def __init__(self, number: int, state: State | None, *, gate: Gate, sender: Sender, keeper: Keeper, loads: Loads) -> None:
        state = NOTHING if state is None else migrated(state, sender.clock())
        self.number = number
        self.accounts = {name: Account.restore(counts) for name, counts in state["ledger"].items()}
        self.restored: dict[str, dict[str, int]] = state["ledger"]
        self.dead = [Dead.restore(one, number) for one in state["dead"]]
        self._committed = len(self.dead)  # the state is committed, so these may be written
        self._burying = 0
        self._kept: dict[Piece | Dead, tuple[Any, ...]] = {}  # as of the last snapshot: while nothing moves, nothing is packed again
        self._gate, self._sender, self._keeper, self._loads = gate, sender, keeper, loads
        with sender.lock:
            self._parked = self._attach(state)
            sender.slots[number] = self
        sender.wake(sender.drivers)
        loads.slots[number] = self

    def _attach(self, state: State) -> dict[str, Any]:
        """Put what was held back into lanes; what belongs to a connector that is not configured now is kept as it is."""
        parked: dict[str, Any] = {"lanes": {}, "health": {}, "warned": {}}
        for name, (failing_since, last_ok, asked_until) in state["health"].items():
            warned = state["warned"].get(name, 0)
            if name in self._sender.drivers:
                self._sender.drivers[name].restore(Health(failing_since=failing_since, last_ok=last_ok, wait_until=asked_until), warned)
            else:
                parked["health"][name], parked["warned"][name] = (failing_since, last_ok, asked_until), warned
        for name, pieces in state["lanes"].items():
            if name in self._sender.drivers:
                restored = [Piece.restore(piece, self.number) for piece in pieces]
                self._hold(name, restored, emitted=0)
            else:
                parked["lanes"][name] = pieces
                structlog.get_logger().warning(
                    "connector.not_configured", connector=name, slot=self.number, held=sum(len(piece[1]) // 4 for piece in pieces)
                )
        self._admit(self.dead)
        return parked

    def accept(self, items: Iterable[AtSink]) -> None:
        """Take in what came; never waits.

        Raises:
            RuntimeError: a bug ended the sender or the keeper; the process must die and resume.
        """
        for thread in (self._sender, self._keeper):
            if thread.bug is not None:
                raise RuntimeError(f"the {thread.name} thread died") from thread.bug
        self._bury_committed()
        for item in items:
            if isinstance(item, Tick):
                self._gate.echo(self.number, item.number)
            else:
                self._loads.add(item)
        if touched := self._loads.release():
            self._sender.wake(touched)

    def take(self, chunk: Chunk, keep: Keep | None) -> None:
        """A chunk of this slot is whole, and these of its messages are no duplicates; None: all."""
        messages, name = chunk.messages, chunk.connector
        piece = Piece(messages.bodies, messages.ends, chunk.arrival, None, chunk.origin, chunk.trace, self.number)
        if keep is not None:
            piece = drop(piece, ~keep)
        duplicates = len(messages.ends) - piece.count
        now = self._sender.clock.wall()
        letters = [Dead(name, letter.outcome, letter, None, "", 0, now) for letter in messages.letters]
        with self._sender.lock:
            account = self.accounts.setdefault(name, Account())
            account.arrive(messages.received, messages.tally)
            if duplicates:
                account.end(Outcome.DUPLICATE, duplicates)
            driver = self._sender.drivers[name]
            driver.met(messages.unknown)
            driver.slow.update(messages.slow)
            self.dead += letters
            self._hold(name, [piece] if piece.count else [], emitted=chunk.emitted)
            self._admit(letters)

    def _hold(self, connector: str, pieces: list[Piece], *, emitted: int) -> None:
        self._sender.drivers[connector].lane.add(pieces, time.monotonic())
        self._gate.arrived(self.number, connector, emitted, sum(piece.count for piece in pieces), sum(piece.size for piece in pieces))

    def _admit(self, dead: Iterable[Dead]) -> None:
        """These hold credit until they are written."""
        for one in dead:
            self._gate.arrived(self.number, one.connector, 0, one.held, one.size)
            self._gate.died(self.number, one.connector, one.held, one.size)

    def delivered(self, connector: str, pieces: list[Piece]) -> None:
        """These are in Segment's hands. Called under the sender's lock."""
        count = sum(piece.count for piece in pieces)
        self.accounts[connector].end(Outcome.DELIVERED, count)
        self._gate.released(self.number, connector, count, sum(piece.size for piece in pieces))

    def bury(self, dead: list[Dead]) -> None:
        """These have ended, and are to be kept as dead letters. Called under the sender's lock; the credit stays until they are written."""
        for one in dead:
            self.accounts[one.connector].end(one.outcome, one.events)
            self._gate.died(self.number, one.connector, one.held, one.size)
        self.dead += dead

    def _bury_committed(self) -> None:
        """Hand what the committed snapshot holds to the keeper, one load at a time."""
        with self._sender.lock:
            if self._burying or not self._committed:
                return
            self._burying = self._committed
            load = self.dead[: self._burying]
        self._keeper.bury(load, self._buried)

    def _buried(self) -> None:
        """The load is durable: it may leave the state. Called from the keeper's thread."""
        with self._sender.lock:
            load = self.dead[: self._burying]
            del self.dead[: self._burying]
            self._committed = max(0, self._committed - self._burying)
            self._burying = 0
        for one in load:
            self._gate.buried(self.number, one.connector, one.held, one.size)

    def in_flight(self, connector: str) -> int:
        """Messages of a connector un-acked here. Called under the sender's lock."""
        driver = self._sender.drivers.get(connector)
        if driver is None:
            return sum(len(piece[1]) // 4 for piece in self._parked["lanes"].get(connector, ()))
        return sum(piece.count for piece in self._unacked(driver))

    def _unacked(self, driver: Driver) -> list[Piece]:
        return [piece for piece in driver.lane.unacked() if piece.slot == self.number]

    def snapshot(self) -> State:
        """The slot's state, a consistent cut; called at the end of every epoch, since every epoch has a tick.

        Raises:
            RuntimeError: a load is split over an epoch boundary: a bug, since both ways to here end within one epoch.
        """
        if self._loads:
            raise RuntimeError(f"slot {self.number}: {len(self._loads)} loads are split over an epoch boundary")
        with self._sender.lock:
            self._committed = len(self.dead)  # durable once this epoch commits, so at the next `accept`
            drivers = self._sender.drivers.items()
            lanes = {name: pieces for name, driver in drivers if (pieces := self._unacked(driver))}
            every: tuple[Piece | Dead, ...] = (*self.dead, *(piece for pieces in lanes.values() for piece in pieces))
            self._kept = {one: self._kept.get(one) or one.state() for one in every}
            return {
                "version": VERSION,
                "lanes": {name: [self._kept[piece] for piece in pieces] for name, pieces in lanes.items()} | self._parked["lanes"],
                "dead": tuple(self._kept[one] for one in self.dead),
                "health": {name: (d.health.failing_since, d.health.last_ok, d.asked_until) for name, d in drivers} | self._parked["health"],
                "warned": {name: driver.news.warned for name, driver in drivers} | self._parked["warned"],
                "ledger": {name: account.state() for name, account in self.accounts.items()},
                "ahead": self._sender.clock.ahead(),
                "taken": self._sender.clock(),
            }
