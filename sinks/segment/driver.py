"""Drives one connector: when to send which batch, what to do with the answer, when events expire. Shares nothing with other connectors."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, Protocol

from currents_segment.codecs.outcome import Outcome, Slow
from currents_segment.flows.clock import Clock
from currents_segment.flows.config import Connector
from currents_segment.flows.gate import Gate
from currents_segment.sinks.segment.answers import Answer, Delivered, Retry, Wait
from currents_segment.sinks.segment.backoff import Again, Done, Halve, Health, Hold, Reject, due, merge, rekeyed, step
from currents_segment.sinks.segment.batch import Piece
from currents_segment.sinks.segment.client import Client
from currents_segment.sinks.segment.dead import Dead
from currents_segment.sinks.segment.keys import Key
from currents_segment.sinks.segment.lane import Batch, Full, Lane
from currents_segment.sinks.segment.looks import Looks
from currents_segment.sinks.segment.news import News

NAMES: Final = 1_000  # Braze knows some hundreds: more come from hostile files only, and would fill memory and metrics
OTHERS: Final = "(others)"
LOOK: Final = 0.25  # s: how often a connector with nothing to do looks at clocks and keys


class Slot(Protocol):
    """What a driver asks of a sink slot; called under the lock."""

    def delivered(self, connector: str, pieces: list[Piece]) -> None:
        """These are in Segment's hands."""

    def bury(self, dead: list[Dead]) -> None:
        """These have ended otherwise."""


class Watch(Protocol):
    """Who is told of requests and batches: metrics and traces."""

    def request(self, connector: str, result: str, seconds: float, events: int) -> None:
        """A request ended; `result` is a status or the kind of a network fault."""

    def batch(self, connector: str, batch: Batch, result: str, ended: float) -> None:
        """A batch was delivered or refused; `ended` in seconds since the epoch by the wall clock."""


class Driver:
    """One connector's sender. Its methods run on the sender's event loop; what it shares with slots is moved under `lock`.

    Attributes:
        lane: what is un-acked.
        health: of the connector, as restored and seen since.
        tried: an attempt failed in this process after the last success; without one nothing expires.
        asked_until: what the endpoint asked to wait for; it outlives a restart, our own backoff does not.
        why: label of the last failure.
        results: requests that ended, by result.
        flying: requests in flight.
        batches: batches that ended, delivered, refused or split.
        news: what the log is told.
        slow: events that took the decoder's slow path since the process started, by reason.
        unknown: names that the catalogue does not know, since the process started; of the first `NAMES` each, the others together.
    """

    def __init__(
        self,
        connector: Connector,
        *,
        lock: threading.RLock,
        gate: Gate,
        slots: Mapping[int, Slot],
        clock: Clock,
        watch: Watch,
        fail: Callable[[BaseException], None],
    ) -> None:
        self.connector = connector
        self.lane = Lane()
        self.health = Health()
        self.tried = False
        self.asked_until = 0.0
        self.why: str | None = None
        self.results: Counter[str] = Counter()
        self.flying = 0
        self.batches = 0
        self.unknown: Counter[str] = Counter()
        self.slow: Counter[Slow] = Counter()
        self._lock, self._gate, self._slots, self._clock, self._watch, self._fail = lock, gate, slots, clock, watch, fail
        self._name = connector.name
        self._limits = connector.limits
        self._pause = 1 / connector.limits.requests_per_second  # s between requests
        self._full = Full(connector.limits.batch_size, connector.limits.batch_events, connector.limits.batch_age)
        self._next_request = 0.0
        self._key = Key(connector.write_key)
        self.news = News(connector.name, connector.expire_after)
        self._looks: Looks | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._random = random.Random()  # noqa: S311 - jitter

    def restore(self, health: Health, warned: int) -> None:
        """Take in what a slot's state knew of the connector's health, and how many warnings were given."""
        self.health = merge(self.health, health)
        self.asked_until = self.health.wait_until
        self.news.warned = max(self.news.warned, warned)

    def rest(self) -> None:
        """Nothing of it is held, on its way or to be read: without an attempt in this process, what an earlier run knew of a failure is about nothing any more.

        The events that failed are gone, or went to other processes, and what comes has its full time.
        """
        with self._lock:
            if not (self.health.working or self.results or self.flying or any(self.lane.unacked())):
                self.health = Health(last_ok=self.health.last_ok, wait_until=self.health.wait_until)
                self.news.warned = 0

    def met(self, unknown: Mapping[str, int]) -> None:
        """Names came that the catalogue does not know. Called under the lock."""
        for name, count in unknown.items():
            self.unknown[name if name in self.unknown or len(self.unknown) < NAMES else OTHERS] += count

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Send until cancelled; once `stopping`, start nothing new."""
        client = Client(endpoint=self.connector.endpoint, key=self._key, timeout=self._limits.timeout)
        self._looks = looks = Looks(lambda: LOOK if stopping() else self._turn(client), self._fail)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            looks.end()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await client.close()

    def wake(self) -> None:
        """Something may be ready to be sent. Called by the event loop, or before there is one."""
        if self._looks is not None:
            self._looks.soon()

    def _turn(self, client: Client) -> float:
        """Start what may be started now; returns the seconds after which to look again."""
        now, monotonic = self._clock(), time.monotonic()
        with self._lock:
            if self.unknown:
                self.news.unknown(self.unknown.keys())
            if not self.health.working:
                if self._key.changed():
                    self.news.key_replaced()
                    self.health = rekeyed(self.health)
                    self.lane.hurry()
                self.news.still_failing(now - (self.health.failing_since or now), self.time_to_loss(now, None), self.why)
            self._expire(now)
            if not due(self.health.wait_until, now):
                return min(LOOK, self.health.wait_until - now)
            while (delay := self._may_send(monotonic)) <= 0 and (batch := self.lane.next(now, monotonic, self._full)) is not None:
                self._start(client, batch, monotonic)
            return self._until_next(now, monotonic, delay)

    def _may_send(self, monotonic: float) -> float:
        """Seconds until another request may start: bounded in flight, one probe while failing, requests a second."""
        limit = 1 if self.health.failures or not self.health.working else self._limits.in_flight
        return LOOK if self.flying >= limit else self._next_request - monotonic

    def _until_next(self, now: float, monotonic: float, delay: float) -> float:
        if delay > 0:
            return max(0.001, min(delay, LOOK))
        wait, age = LOOK, self._limits.batch_age
        if self.lane.waiting:
            wait = min(wait, self.lane.since + age - monotonic)
        for retry in self.lane.retries:
            if not due(retry.at, now):
                wait = min(wait, retry.at - now)
        return max(0.005, wait)

    def _start(self, client: Client, batch: Batch, monotonic: float) -> None:
        self.flying += 1
        self._gate.requests(self._name, +1)
        self._next_request = max(monotonic, self._next_request) + self._pause
        task = asyncio.get_running_loop().create_task(self._send(client, batch))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (bug := task.exception()) is not None:
            self._fail(bug)

    async def _send(self, client: Client, batch: Batch) -> None:
        begin = time.monotonic()
        batch.begun = batch.begun or self._clock.wall()
        try:
            answer = await client.send(batch.pieces, tries=batch.tries, with_retry_count=batch.with_retry_count, now=self._clock.wall)
        finally:
            self.flying -= 1
            self._gate.requests(self._name, -1)
        result = "200" if isinstance(answer, Delivered) else str(answer.why)
        self.results[result] += 1
        self._watch.request(self._name, result, time.monotonic() - begin, batch.events)
        with self._lock:
            ended = self._settle(batch, answer, result)
        if ended:
            self.batches += 1
            self._watch.batch(self._name, batch, result, self._clock.wall())
        self.wake()

    def _settle(self, batch: Batch, answer: Answer, result: str) -> bool:
        """What the answer means for the batch and for the connector; whether the batch has ended."""
        now, before = self._clock(), self.health
        self.health, action = step(before, answer, tries=batch.tries, now=now, random=self._random.random())
        if isinstance(answer, Wait | Retry) and answer.after:
            self.asked_until = self.health.wait_until
        self.lane.landed(batch)
        match action:
            case Done():
                for slot, pieces in by_slot(batch.pieces).items():
                    self._slots[slot].delivered(self._name, pieces)
            case Again(at=at, tries=tries, with_retry_count=with_retry_count):
                if with_retry_count:  # else only the header was wrong
                    self._failed(batch, before, now, result)
                batch.at, batch.tries, batch.with_retry_count = at, tries, with_retry_count and batch.with_retry_count
                self.lane.back(batch)
            case Hold(at=at):
                self._failed(batch, before, now, result)
                batch.at = at
                self.lane.back(batch)
            case Halve() if batch.events > 1:
                self.lane.back(*batch.halves())
            case Halve(status=status) | Reject(status=status):
                self._bury(batch.pieces, Outcome.REFUSED, status=status, why=result, tries=batch.tries + 1)
        if self.health.working:
            self.tried = self.tried and bool(self.lane.retries)
            self.why = self.why if self.tried else None
        self._gate.working(self._name, self.health.working)
        self.news.changed(before, self.health, self.why, now)
        return batch not in self.lane.retries

    def _failed(self, batch: Batch, before: Health, now: float, result: str) -> None:
        """A batch that fails while its connector works has a clock of its own from here on; one that fails in an outage has the outage's."""
        self.why, self.tried = result, True
        if before.working:
            batch.failed(now)

    def clock_of(self, piece: Piece) -> float | None:
        """Since when the time to expiry of a piece runs, seconds since the epoch; None while it does not run.

        The later of its arrival and the connector's first failure: what was in the log before an outage gets its full chance. A batch that
        first failed while others succeeded has a clock of its own.
        """
        since = self.health.failing_since if piece.failed_since is None else piece.failed_since
        return None if since is None else max(piece.arrival, since)

    def time_to_loss(self, now: float, oldest_unread: float | None) -> float | None:
        """Seconds until the first event expires if nothing succeeds before; None while nothing runs out.

        Args:
            now: seconds since the epoch.
            oldest_unread: arrival of the oldest event that still lies in the log.
        """
        clocks = [clock for _, clock in self._running()]
        if oldest_unread is not None and self.health.failing_since is not None:
            clocks.append(max(oldest_unread, self.health.failing_since))
        return None if not clocks else min(clocks) + self.connector.expire_after - now

    def lost_by(self, by: float) -> int:
        """Events held that expire by then if nothing succeeds before; `by` in seconds since the epoch."""
        begun = by - self.connector.expire_after
        return sum(piece.count for piece, clock in self._running() if clock <= begun)

    def unread_lost_by(self, by: float) -> float | None:
        """Of what lies in the log, what came before this expires by then; None when nothing of it does."""
        begun = by - self.connector.expire_after
        return begun if self.health.failing_since is not None and self.health.failing_since <= begun else None

    def _running(self) -> Iterator[tuple[Piece, float]]:
        """What is held and has a clock that runs, with that clock."""
        for piece in self.lane.unacked():
            if (clock := self.clock_of(piece)) is not None:
                yield piece, clock

    def _expire(self, now: float) -> None:
        """Nothing expires unless an attempt failed in this process: after days of our own downtime the endpoint gets its chance first."""
        if not self.tried:
            return
        limit = self.connector.expire_after

        def expired(piece: Piece) -> bool:
            clock = self.clock_of(piece)
            return clock is not None and now - clock > limit

        self._bury(self.lane.expire(expired), Outcome.EXPIRED, why=self.why or "")

    def _bury(self, pieces: list[Piece], outcome: Outcome, *, status: int | None = None, why: str, tries: int = 0) -> None:
        name, now = self._name, self._clock.wall()
        for slot, mine in by_slot(pieces).items():
            self._slots[slot].bury([Dead(name, outcome, replace(piece.owned(), trace=None), status, why, tries, now) for piece in mine])


def by_slot(pieces: Iterable[Piece]) -> dict[int, list[Piece]]:
    """Whose they are."""
    found: dict[int, list[Piece]] = {}
    for piece in pieces:
        found.setdefault(piece.slot, []).append(piece)
    return found
