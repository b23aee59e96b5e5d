"""The board: makes the status document of this process from what slots, drivers, logs and shards know. It reads, and changes nothing."""

import os
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from typing import Final, Literal

import structlog

from currents_segment.flows import status
from currents_segment.flows.bucket import Unread
from currents_segment.flows.clock import Clock
from currents_segment.flows.config import Config
from currents_segment.flows.gate import Gate
from currents_segment.flows.known import Known, Window
from currents_segment.flows.logs import OpenLogs
from currents_segment.flows.slots import Place
from currents_segment.sinks.segment.driver import Driver
from currents_segment.sinks.segment.sender import Sender
from currents_segment.sinks.segment.slot import SinkSlot

STEPPED: Final = 5.0  # s: by so much a wall clock is set, not slewed


class Board:
    """What this process knows of itself.

    Attributes:
        phase: of the process.
        slots: the sink slots, as they come up.
        known: the shards' ids, as they come up.
        logs: once they are open.
        letters_error: why dead letters cannot be written at the moment.
    """

    def __init__(
        self, config: Config, place: Place, sender: Sender, gate: Gate, *, window: Window, mode: Literal["once", "follow"], clock: Clock
    ) -> None:
        self.phase: status.Phase = "starting"
        self.slots: list[SinkSlot] = []
        self.known: list[Known] = []
        self.logs: OpenLogs | None = None
        self.letters_error: Callable[[], str | None] = lambda: None
        self._unread: dict[str, float] = {}
        self._ahead = 0.0
        self._config, self._place, self._sender, self._gate = config, place, sender, gate
        self._window, self._mode, self._clock = window, mode, clock
        self._version = version("currents-segment")
        self._started = clock()
        self._shouted: set[tuple[str, str]] = set()

    def document(self) -> status.Status:
        """A consistent cut, taken under the sender's lock."""
        now = self._clock()
        with self._sender.lock:
            connectors = {name: self._connector(name, connector.workspace, now) for name, connector in self._config.connectors.items()}
        for name, one in connectors.items():
            if one["balance"]:
                self._shout("ledger.imbalance", name, missing=one["balance"], remedy="this is a bug: report it with the status document")
        effective = min((known.reach for known in self.known), default=self._window.length)
        if effective < self._window.length:
            self._shout(
                "dedup.window_cut", "", effective_window=round(effective), remedy="raise dedup.max_ids: older copies are not found any more"
            )
        return {
            "version": self._version,
            "process": {
                "id": self._place.process,
                "of": self._place.processes,
                "pid": os.getpid(),
                "started": self._started,
                "mode": self._mode,
            },
            "phase": self.phase,
            "at": now,
            "connectors": connectors,
            "dedup": {
                "ids": sum(known.count for known in self.known),
                "window": self._window.length,
                "effective_window": effective,
            },
        }

    def tell(self, document: status.Status) -> None:
        """A log line when a connector's log begins to fail or can be read again, and when the wall clock is set. Called by one thread only."""
        log = structlog.get_logger()
        ahead = self._clock.ahead()
        if abs(ahead - self._ahead) > STEPPED:
            log.warning(
                "clock.stepped", by=round(ahead - self._ahead), effect="none on waits and expiry: the run goes on by the time that passes"
            )
        self._ahead = ahead
        for name, connector in document["connectors"].items():
            error = connector["lag"]["error"]
            if error and name not in self._unread:
                self._unread[name] = document["at"]
                log.error("source.failing", connector=name, why=error, remedy="it is tried again for as long as it takes; nothing is lost")
            elif not error and name in self._unread:
                log.info("source.recovered", connector=name, failed_for=round(document["at"] - self._unread.pop(name), 1))

    def _connector(self, name: str, workspace: str, now: float) -> status.Connector:
        driver, document = self._sender.drivers[name], status.fresh(workspace)
        if self.logs is not None:  # in the order in which events go on: what is in none of these has ended
            document["lag"] = self.logs.lag(name)
        document["in_transit"] = self._gate.transit(name)
        outcomes: Counter[str] = Counter()
        restored: Counter[str] = Counter()
        for slot in self.slots:
            if (account := slot.accounts.get(name)) is not None:
                document["received"] += account.received
                outcomes.update({outcome.value: count for outcome, count in account.outcomes.items()})
            document["in_flight"] += slot.in_flight(name)
            document["letters_pending"] += sum(dead.events for dead in slot.dead if dead.connector == name)
            restored.update(slot.restored.get(name, {}))
        document["letters_error"] = self.letters_error() if document["letters_pending"] else None
        document["outcomes"] = {outcome: count for outcome, count in outcomes.items() if count}
        document["restored"] = {"received": restored.pop("received", 0), "outcomes": dict(restored)}
        document["balance"] = status.imbalance(document)
        health = driver.health
        document["health"] = _health(driver, now, busy=bool(document["in_transit"] or document["in_flight"]))
        document["why"] = health.fault or driver.why
        document["failing_since"], document["last_ok"] = health.failing_since, health.last_ok
        document["wait_until"] = health.wait_until if health.wait_until > now else None
        document["time_to_loss"] = driver.time_to_loss(now, document["lag"]["oldest"])
        if document["time_to_loss"] is not None:
            document["losses"] = [self._loss(name, driver, now, within) for within in status.HORIZONS]
        document["unknown"] = dict(driver.unknown)
        document["slow"] = {why.value: count for why, count in driver.slow.items()}
        document["requests"] = dict(driver.results)
        document["requests_in_flight"] = driver.flying
        document["batches"] = driver.batches
        return document

    def _loss(self, name: str, driver: Driver, now: float, within: float) -> status.Loss:
        before = driver.unread_lost_by(now + within)
        unread = Unread(0, 0, 0) if before is None or self.logs is None else self.logs.unread(name, before)
        return {
            "within": within,
            "events": driver.lost_by(now + within),
            "objects": unread.objects,
            "bytes": unread.bytes,
            "unread": unread.events,
        }

    def _shout(self, event: str, connector: str, **fields: object) -> None:
        """Once."""
        if (event, connector) not in self._shouted:
            self._shouted.add((event, connector))
            structlog.get_logger().error(event, **({"connector": connector} if connector else {}), **fields)


def _health(driver: Driver, now: float, *, busy: bool) -> status.Health:
    health = driver.health
    if health.fault:
        return "held"
    if not health.working:
        return "waiting" if driver.why == "429" and health.wait_until > now else "failing"
    return "working" if health.last_ok is not None or busy else "idle"
