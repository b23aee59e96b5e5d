"""What an answer of Segment's tracking API means, as a type; one table orders all of them. Pure: no I/O, no clock.

Source of every rule: Segment's published client retry contract of 2026, its documentation and its SDKs; where they say nothing, the reason stands beside the rule.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import orjson

LONGEST_WAIT: Final = 300.0  # s: Segment's contract caps Retry-After and backoff alike


@dataclass(frozen=True, slots=True)
class Delivered:
    """The batch was accepted."""


@dataclass(frozen=True, slots=True)
class Retry:
    """This batch is sent again after a backoff; it is not known whether it arrived.

    Attributes:
        why: a short stable label: the status, or the kind of network fault.
        after: what `Retry-After` asked for, s, at most 300; None without one.
    """

    why: str
    after: float | None


@dataclass(frozen=True, slots=True)
class Wait:
    """The whole connector waits; no attempt is used up.

    Attributes:
        why: `429`.
        after: how long, s, at most 300; 0 when the answer does not say (then the backoff decides).
    """

    why: str
    after: float


@dataclass(frozen=True, slots=True)
class Split:
    """The batch as it is will never be accepted, its halves may be.

    Attributes:
        why: a short stable label.
        status: Segment's status, for the dead letter of an event that is refused alone.
    """

    why: str
    status: int


@dataclass(frozen=True, slots=True)
class Refused:
    """These events will never be accepted: they become dead letters.

    Attributes:
        status: Segment's status.
        why: a short stable label.
    """

    status: int
    why: str


@dataclass(frozen=True, slots=True)
class SetupFault:
    """The connector's settings are wrong, not the batch: everything is held until someone mends them.

    Attributes:
        why: a short stable label.
    """

    why: str


@dataclass(frozen=True, slots=True)
class WithoutRetryCount:
    """The server's limit on `X-Retry-Count` was passed: the same batch is sent again without that header.

    Attributes:
        why: `422`.
    """

    why: str


Answer = Delivered | Retry | Wait | Split | Refused | SetupFault | WithoutRetryCount


def failure(exc_kind: str) -> Retry:
    """A fault of the network is a retry: whether the batch arrived is unknown, and its messageIds make a second arrival harmless."""
    return Retry(exc_kind, None)


def classify(  # noqa: C901, PLR0911  # one row of the table after the other
    status: int, headers: Mapping[str, str], body: bytes, *, retry_count: int, now: float
) -> Answer:
    """Every answer has exactly one meaning.

    Args:
        status: the HTTP status.
        headers: looked up by lower-case names.
        body: the answer's first bytes; may be JSON, plain text, HTML or cut.
        retry_count: the `X-Retry-Count` that was sent; 0 when the header was absent.
        now: seconds since the epoch, for a `Retry-After` that is a date.
    """
    why = str(status)
    match status, status // 100:
        case _, 2:
            return _accepted(body, headers, now)
        case _, 3:
            # "3xx is a failure". The batch is not at fault, and no repetition makes this URL the right one: a proxy or an endpoint override is.
            return SetupFault("redirect")
        case 429, _:
            return Wait(why, _retry_after(headers, now) or _rate_limit_reset(headers) or 0.0)
        case 400, _ if _WRITE_KEY.search(body):
            return SetupFault("invalid write key")
        case 401 | 403 | 404, _:
            return SetupFault(why)
        case 400 | 413, _:
            return Split(why, status)
        case 422, _ if retry_count:
            return WithoutRetryCount(why)
        case 408 | 410 | 460, _:
            return Retry(why, _retry_after(headers, now))
        case (
            501 | 505 | 511,
            _,
        ):  # said of the endpoint: each half would be told the same. 511 asks for a new OAuth token; a write key has none
            return Refused(status, why)
        case _, 4:  # the contract rejects the batch; a client error may be one event's, and the others must not go with it
            return Split(why, status)
        case _, 5:
            return Retry(why, _retry_after(headers, now))
        case _:  # no status of HTTP: whoever answered, it was not Segment
            return Retry("protocol", None)


# Segment's wording is known for one case only ("invalid write key"); holding too much can be mended, refusing every event cannot.
_WRITE_KEY: Final = re.compile(
    rb"(?i)(invalid|missing|expired|unknown|no|bad)\W+write[\s_]?key|write[\s_]?key\W+(is\W+)?(invalid|missing|expired|unknown|required)"
)


def _accepted(body: bytes, headers: Mapping[str, str], now: float) -> Answer:
    """A 2xx is a delivery unless its body denies it."""
    if body.lstrip()[:1] == b"<":
        return Retry("html", None)  # a proxy's page, never Segment's answer
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Delivered()  # plain text, empty or cut: the status decides
    if isinstance(answer, dict) and answer.get("success") is False:
        return Retry("success false", _retry_after(headers, now))
    return Delivered()


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """`Retry-After` in s, given as seconds or as an HTTP date; capped, never negative; None when absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_WAIT)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:  # "-0000": the sender does not know its zone; HTTP dates are GMT
        date = date.replace(tzinfo=UTC)
    return min(max(date.timestamp() - now, 0.0), LONGEST_WAIT)


def _rate_limit_reset(headers: Mapping[str, str]) -> float | None:
    """`X-RateLimit-Reset` in s from now, capped; None when absent or unreadable."""
    text = headers.get("x-ratelimit-reset", "").strip()
    return min(float(text), LONGEST_WAIT) if _SECONDS.fullmatch(text) else None


_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
