"""When to try again: a pure state machine over the answers. No I/O, no clock, no randomness of its own.

Two things back off. A batch that fails alone waits for itself while the others go on. A connector without a success between two failures waits as a whole, and
then lets one probe out at a time: another batch than the last one if there is one, so that a batch which can never succeed does not keep the others from it.
What the sender must do:

- send nothing before `Health.wait_until`;
- while `Health.failures` is not 0, have at most one request in flight.
"""

from dataclasses import dataclass, replace
from typing import Final

from currents_segment.sinks.segment.answers import (
    LONGEST_WAIT,
    Answer,
    Delivered,
    Refused,
    Retry,
    SetupFault,
    Split,
    Wait,
    WithoutRetryCount,
)

FIRST_WAIT: Final = 0.5  # s: Segment's client contract
JITTER: Final = 0.1  # of the wait: Segment's client contract; spreads the clients of an endpoint that comes back
OTHERS_FIRST: Final = 0.5  # s after a connector's wait in which any batch but the one that failed may be the probe
_DOUBLINGS: Final = 10  # 0.5 s doubled ten times is over 300 s; keeps the power small for any number of tries


@dataclass(frozen=True, slots=True)
class Health:
    """How a connector is doing, as far as this process knows.

    Attributes:
        failing_since: the first failure after the last success, seconds since the epoch; never moves while failing. The clock of expiry.
        last_ok: the last answer that proved endpoint and key to work, seconds since the epoch.
        failures: rounds of failure in a row, in this process; failures of requests that were in flight together are one round.
        wait_until: nothing is sent before, seconds since the epoch.
        fault: the label of a setup fault that holds the connector.
    """

    failing_since: float | None = None
    last_ok: float | None = None
    failures: int = 0
    wait_until: float = 0.0
    fault: str | None = None

    @property
    def working(self) -> bool:
        """Nothing has failed since the last success."""
        return self.failing_since is None


@dataclass(frozen=True, slots=True)
class Done:
    """The batch is delivered."""


@dataclass(frozen=True, slots=True)
class Again:
    """The batch is sent again.

    Attributes:
        at: not before, seconds since the epoch; the batch's own wait.
        tries: how often it has failed; the next `X-Retry-Count`.
        with_retry_count: whether that header may be sent; once False it stays so for this batch.
    """

    at: float
    tries: int
    with_retry_count: bool = True


@dataclass(frozen=True, slots=True)
class Halve:
    """The batch is sent as two halves; an event that is alone is rejected.

    Attributes:
        status: Segment's status, for that rejection.
    """

    status: int


@dataclass(frozen=True, slots=True)
class Reject:
    """Every event of the batch becomes a dead letter.

    Attributes:
        status: Segment's status.
    """

    status: int


@dataclass(frozen=True, slots=True)
class Hold:
    """The connector holds everything but probes.

    Attributes:
        at: not before, seconds since the epoch; another batch may probe before it.
    """

    at: float


Action = Done | Again | Halve | Reject | Hold


def step(health: Health, answer: Answer, *, tries: int, now: float, random: float) -> tuple[Health, Action]:  # noqa: PLR0911  # one answer after the other
    """One answer moves the connector's health and decides about its batch.

    Args:
        health: before the answer.
        answer: what came back.
        tries: failed tries of this batch before this answer.
        now: seconds since the epoch.
        random: in [0, 1).
    """
    match answer:
        case Delivered():
            return _proved(health, now), Done()
        case Split(status=status):  # whoever refuses an event has accepted the connection and the key
            return _proved(health, now), Halve(status)
        case Refused(status=status):
            return _proved(health, now), Reject(status)
        case WithoutRetryCount():
            return health, Again(now, tries, with_retry_count=False)
        case Wait(after=after):  # the endpoint lives, but events do not get through: the clock of expiry runs
            return _failed(health, now, random, after), Again(now, tries)
        case SetupFault(why=why):
            failed = replace(_failed(health, now, random), fault=why)
            return failed, Hold(failed.wait_until + OTHERS_FIRST)
        case Retry(after=after):
            if health.failures == 0 and now >= health.wait_until:  # the first after a success may be this batch's own trouble
                return _failing(health, now), Again(now + pause(tries, random, after), tries + 1)
            failed = _failed(health, now, random, after)
            return failed, Again(failed.wait_until + OTHERS_FIRST, tries + 1)


def pause(failures: int, random: float, asked: float | None = None) -> float:
    """What the server asks for, else min(0.5 s · 2^failures, 300 s); plus up to 10 %, so never over 330 s."""
    wait = min(asked or FIRST_WAIT * 2 ** min(failures, _DOUBLINGS), LONGEST_WAIT)
    return wait * (1 + JITTER * random)


def due(at: float, now: float) -> bool:
    """A moment to wait for is reached, or lies farther ahead than any wait does: then the wall clock was set back, and nobody waits for hours."""
    return at <= now or at - now > LONGEST_WAIT * (1 + JITTER) + OTHERS_FIRST


def merge(a: Health, b: Health) -> Health:
    """Views of one connector by several slots or processes become one: the latest success wins, and failing counts from the earliest failure after it.

    A wait that the endpoint asked for outlives a restart. A restored view should carry no `failures`: nothing has failed yet in the new process.
    """
    last_ok = max((view.last_ok for view in (a, b) if view.last_ok is not None), default=None)
    since = [view.failing_since for view in (a, b) if view.failing_since is not None and (last_ok is None or view.failing_since >= last_ok)]
    return Health(
        failing_since=min(since, default=None),
        last_ok=last_ok,
        failures=max(a.failures, b.failures) if since else 0,
        wait_until=max(a.wait_until, b.wait_until),
        fault=(a.fault or b.fault) if since else None,
    )


def rekeyed(health: Health) -> Health:
    """A replaced key is tried at once, whatever wait was on (the batches' own are the sender's to end); failing keeps counting until a success."""
    return replace(health, wait_until=0.0, fault=None)


def _proved(health: Health, now: float) -> Health:
    """Failing ends. A wait that is on stays: the success may be of a request sent before a 429."""
    return Health(last_ok=max(now, health.last_ok or now), wait_until=health.wait_until)


def _failing(health: Health, now: float) -> Health:
    """One more round of failure, without a wait."""
    since = health.failing_since
    if since is None:
        since = max(now, health.last_ok or now)  # a wall clock that was set back must not put the failure before the success
    return replace(health, failing_since=since, failures=health.failures + 1)


def _failed(health: Health, now: float, random: float, asked: float | None = None) -> Health:
    """One more round of failure and the connector's wait.

    While a wait is on, a failure is of a request that was already in flight, so of the same round: it may lengthen the wait to what the server asks, but does not
    count again. Otherwise eight requests failing at once would put an endpoint that blinked off for a minute.
    """
    if now >= health.wait_until:
        return replace(_failing(health, now), wait_until=now + pause(health.failures, random, asked))
    failing = replace(_failing(health, now), failures=max(health.failures, 1))
    return replace(failing, wait_until=max(health.wait_until, now + pause(0, random, asked))) if asked else failing
