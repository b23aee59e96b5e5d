"""Sends one connector's letters again: a batch at a time, with the client, the answers and the backoff of the main job.

Order of things: send, 2xx, mark (durable), next batch. So an interruption can repeat the one batch between its 2xx and its mark, which Segment's own
deduplication absorbs by messageId; what is marked is never sent again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from currents_segment.flows.config import Connector
from currents_segment.flows.replay import Case
from currents_segment.sinks.dead_letters import DeadLetters, Mark, Marks
from currents_segment.sinks.segment.answers import Delivered
from currents_segment.sinks.segment.backoff import Again, Done, Halve, Health, Hold, Reject, due, step
from currents_segment.sinks.segment.batch import ENVELOPE, Piece
from currents_segment.sinks.segment.client import Client

PATIENCE: Final = (
    600.0  # s: longer than the longest wait that Segment may ask for (330 s); someone is waiting, and a later replay goes on here
)

Parcel = tuple[Case, str, bytes]
"""A message of a case: the case, messageId, body."""
End = Literal["done", "stopped"]


@dataclass(slots=True, eq=False)
class Load:
    """What one request carries.

    Attributes:
        parcels: the messages.
        tries: failed tries.
        at: not sent before, seconds since the epoch.
        with_retry_count: whether `X-Retry-Count` may be sent.
    """

    parcels: list[Parcel]
    tries: int = 0
    at: float = 0.0
    with_retry_count: bool = True

    def piece(self) -> Piece:
        """The messages as the client takes them."""
        bodies = [body + b"," for _, _, body in self.parcels]
        first = self.parcels[0][0].letter
        return Piece(b"".join(bodies), np.cumsum([len(body) for body in bodies], dtype=np.int64), first.arrival, None, first.origin)

    def halves(self) -> "tuple[Load, Load]":
        """Two loads, for the endpoint to tell which of them it refuses."""
        middle = (len(self.parcels) + 1) // 2
        return Load(self.parcels[:middle]), Load(self.parcels[middle:])


@dataclass(slots=True)
class Result:
    """How far a replay has come.

    Attributes:
        sent: messages that Segment has taken.
        refused: letter's id and Segment's status of each message that it refused alone.
        failed: why an endpoint was given up, by connector.
    """

    sent: int = 0
    refused: list[tuple[str, int]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


class Replay:
    """One connector's replay.

    Args:
        connector: its settings; limits are kept, with one request in flight.
        client: sends.
        marks: where what was sent is marked.
        letters: where letters are kept that stand in for bytes that were sent in part.
        clock: seconds since the epoch.
        random: in [0, 1), for the jitter.
        patience: s of failing without a success after which the endpoint is given up.
        stop: once set, nothing new is sent; a request under way is waited for, so that its answer is marked.
        result: is kept up to date.
        told: called after each request.
    """

    def __init__(
        self,
        connector: Connector,
        client: Client,
        *,
        marks: Marks,
        letters: DeadLetters,
        clock: Callable[[], float],
        random: Callable[[], float],
        patience: float,
        stop: asyncio.Event,
        result: Result,
        told: Callable[[], None],
    ) -> None:
        self._connector, self._client, self._marks, self._letters = connector, client, marks, letters
        self._clock, self._random, self._patience = clock, random, patience
        self._stop, self._result, self._told = stop, result, told
        self._health = Health()
        self._next_request = 0.0  # of the loop's clock

    async def run(self, cases: Iterable[Case]) -> End:
        """Send all of them, as far as the endpoint takes them; `stopped` when it was asked to stop before.

        Raises:
            OSError: what was sent could not be marked, so nothing more is sent: the same batch would go out again and again.
        """
        for parcels in self._packed(cases):
            loads = deque([Load(parcels)])
            while loads:
                if not await self._may_send(loads[0]):
                    return "stopped"
                why = await self._attempt(loads)
                self._told()
                if why is not None:
                    self._result.failed[self._connector.name] = why
                    return "done"
        return "done"

    async def _may_send(self, load: Load) -> bool:
        """Waits for the backoff and the limit of requests; False when asked to stop."""
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            now, at = self._clock(), max(load.at, self._health.wait_until)
            delay = max(0.0 if due(at, now) else at - now, self._next_request - loop.time())
            if delay <= 0:
                self._next_request = loop.time() + 1 / self._connector.limits.requests_per_second
                return True
            try:
                await asyncio.wait_for(self._stop.wait(), delay)
            except TimeoutError:
                continue
        return False

    async def _attempt(self, loads: "deque[Load]") -> str | None:
        """One request with the first load, and what follows of its answer; why the endpoint is given up, or None."""
        load = loads.popleft()
        answer = await self._client.send([load.piece()], tries=load.tries, with_retry_count=load.with_retry_count, now=self._clock)
        why = "200" if isinstance(answer, Delivered) else answer.why
        now = self._clock()
        self._health, action = step(self._health, answer, tries=load.tries, now=now, random=self._random())
        match action:
            case Done():
                self._taken(load, now)
            case Halve() if len(load.parcels) > 1:
                loads.extendleft(reversed(load.halves()))
            case Halve(status=status) | Reject(status=status):
                self._result.refused += [(case.letter.id, status) for case, _, _ in load.parcels]
            case Hold():  # key or endpoint are wrong: somebody is at hand to mend them
                return why
            case Again(at=at, tries=tries, with_retry_count=with_retry_count):
                load.at, load.tries, load.with_retry_count = at, tries, with_retry_count and load.with_retry_count
                loads.appendleft(load)
                if max(at, self._health.wait_until) - (self._health.failing_since or now) > self._patience:
                    return why
        return None

    def _taken(self, load: Load, now: float) -> None:
        """Segment has taken these: mark them before anything else is sent."""
        messages: dict[Case, list[str]] = {}
        for case, message_id, _ in load.parcels:
            messages.setdefault(case, []).append(message_id)
        self._mark(messages, now)
        self._result.sent += len(load.parcels)

    def _mark(self, messages: dict[Case, list[str]], now: float) -> None:
        """What is kept in a letter's stead is durable before the letter's mark."""
        for case, ids in messages.items():
            case.open -= len(ids)
        rest = [letter for case in messages if not case.open for letter in case.rest]
        if rest:
            self._letters.write(rest)
        marks = [
            Mark(case.letter.connector, case.letter.id, case.letter.digest, tuple(ids), not case.open) for case, ids in messages.items()
        ]
        self._marks.write(marks, now)

    def _packed(self, cases: Iterable[Case]) -> Iterator[list[Parcel]]:
        """Messages in order, as many as one request may hold; one that is too large by itself goes alone, for Segment to refuse."""
        limits = self._connector.limits
        parcels: list[Parcel] = []
        room = limits.batch_size - ENVELOPE
        for case in cases:
            if not case.messages:  # Segment has all of it
                self._mark({case: []}, self._clock())
            for message_id, body in case.messages:
                if parcels and (len(body) + 1 > room or len(parcels) == limits.batch_events):
                    yield parcels
                    parcels, room = [], limits.batch_size - ENVELOPE
                parcels.append((case, message_id, body))
                room -= len(body) + 1
        if parcels:
            yield parcels
