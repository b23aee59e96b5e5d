"""Faults by script: which request is struck, and how. The first fault whose conditions hold strikes; time and randomness are given."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from currents_segment.flows.simulate.segment_edge import UNAUTHORIZED, Answer, Manner


class Fault(BaseModel):
    """One fault: what it does, to which requests, how often.

    Attributes:
        do: `status` answers with it; `pass` only delays; `reset` cuts the connection; `hang` never answers; `truncate` cuts the answer in half;
            `drip` gives it byte by byte; `redirect`, `html` and `unsuccessful` (200 with `"success": false`) are answers that mislead;
            `expire_key` makes the source's key answer 401 from now on, until it is replaced.
        name: to clear it by, and to find it in the records.
        source: only requests with this source's key.
        match: only requests that hold a message with all of these values, by dotted path (`{"properties.city": "Ulm"}`): poison.
        retries_above: only requests whose `X-Retry-Count` is larger.
        probability: strikes a matching request with this probability, 0 to 1.
        skip: lets so many matching requests pass first.
        count: strikes so many times at most.
        seconds: strikes for so long after it was scripted.
        kept: the pipeline takes the request in before the fault strikes: what the client sees is ambiguous. An answer that says
            "delivered" is always kept.
        delay: s before the answer, with any `do`.
        status: of the answer; without it 302 for `redirect`, 502 for `html`, 503 for `status`.
        retry_after: s, sent as `Retry-After` in the form `retry_after_form`.
        retry_after_form: a number of seconds, or an HTTP date.
        rate_limit_reset: s, sent as `X-RateLimit-Reset`.
        headers: further headers of the answer.
        body: of the answer, instead of the usual JSON.
        interval: s between two bytes of `drip`.
        location: where `redirect` points to.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    do: Literal["pass", "status", "reset", "hang", "truncate", "drip", "redirect", "html", "unsuccessful", "expire_key"]
    name: str = ""
    source: str | None = None
    match: Mapping[str, Any] | None = None
    retries_above: int | None = Field(default=None, ge=0)
    probability: float = Field(default=1.0, ge=0, le=1)
    skip: int = Field(default=0, ge=0)
    count: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    kept: bool = False
    delay: float = Field(default=0.0, ge=0)
    status: int | None = Field(default=None, ge=200, le=599)
    retry_after: float | None = Field(default=None, ge=0)
    retry_after_form: Literal["seconds", "date"] = "seconds"
    rate_limit_reset: float | None = Field(default=None, ge=0)
    headers: Mapping[str, str] = Field(default_factory=dict)
    body: str | None = None
    interval: float = Field(default=0.1, ge=0)
    location: str = "/elsewhere"

    def struck(self, usual: Answer, now: float) -> Answer:
        """The answer that the client gets where `usual` would have been given."""
        status, text, extra = self._shape(usual)
        body = text if self.body is None else self.body.encode()
        manner: Manner = self.do if self.do in ("reset", "hang", "truncate", "drip") else "whole"
        return Answer(status, body, usual.headers | extra | self._headers(now), manner, self.delay, self.interval)

    def _shape(self, usual: Answer) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers by what the fault does, before what it overrides."""
        match self.do:
            case "status":
                return self.status or 503, b'{"success":false,"code":"fault","message":"scripted"}', {}
            case "unsuccessful":
                return self.status or 200, b'{"success":false}', {}
            case "redirect":
                return self.status or 302, b"", {"Location": self.location}
            case "html":
                return self.status or 502, b"<html><body><h1>Bad Gateway</h1></body></html>", {"Content-Type": "text/html"}
            case "expire_key":
                return UNAUTHORIZED.status, UNAUTHORIZED.body, {}
            case _:
                return self.status or usual.status, usual.body, {}

    def _headers(self, now: float) -> dict[str, str]:
        headers = dict(self.headers)
        if self.retry_after is not None and self.retry_after_form == "seconds":
            headers["Retry-After"] = f"{self.retry_after:g}"
        elif self.retry_after is not None:
            headers["Retry-After"] = format_datetime(datetime.fromtimestamp(now, UTC) + timedelta(seconds=self.retry_after), usegmt=True)
        if self.rate_limit_reset is not None:
            headers["X-RateLimit-Reset"] = f"{self.rate_limit_reset:g}"
        return headers


def parse(document: object) -> list[Fault]:
    """The faults of a JSON document, one object or a list of them; ValueError with one line for each mistake, all of them."""
    faults, mistakes = [], []
    for number, item in enumerate(document if isinstance(document, list) else [document], start=1):
        try:
            faults.append(Fault.model_validate(item))
        except ValidationError as error:
            for mistake in error.errors():
                place = ".".join(str(part) for part in mistake["loc"])
                mistakes.append(f"fault {number}{place and ': ' + place}: {mistake['msg']}")
    if mistakes:
        raise ValueError("\n".join(mistakes))
    return faults


@dataclass(slots=True, eq=False)
class _Scripted:
    """A fault with what has happened to it so far."""

    fault: Fault
    until: float | None
    random: random.Random
    met: int = 0
    strikes: int = 0


@dataclass(slots=True)
class Script:
    """The faults in force, in the order in which they were scripted."""

    seed: int
    _scripted: list[_Scripted] = field(default_factory=list)
    _made: int = 0

    def add(self, faults: Sequence[Fault], now: float) -> list[str]:
        """Put faults in force, all or none; gives their names. ValueError when a name is taken."""
        names = {one.fault.name for one in self._scripted}
        made, added = self._made, []
        for fault in faults:
            made += 1
            name = fault.name or f"fault-{made}"
            if name in names:
                raise ValueError(f"a fault named {name} is in force; clear it or give another name")
            names.add(name)
            until = None if fault.seconds is None else now + fault.seconds
            # a generator of its own: what one fault draws does not depend on the others
            added.append(_Scripted(fault.model_copy(update={"name": name}), until, random.Random(f"{self.seed}/{name}")))  # noqa: S311 - reproducible chance is the point
        self._made = made
        self._scripted = [*self._scripted, *added]
        return [one.fault.name for one in added]

    def clear(self, source: str | None = None, name: str | None = None) -> list[str]:
        """End faults: all, those scoped to a source, the one of a name; gives the names of the ended."""
        ended = [one for one in self._scripted if name in (None, one.fault.name) and source in (None, one.fault.source)]
        self._scripted = [one for one in self._scripted if one not in ended]
        return [one.fault.name for one in ended]

    def in_force(self) -> list[dict[str, Any]]:
        """The faults as they were scripted, with how often each struck."""
        return [one.fault.model_dump(exclude_unset=True) | {"name": one.fault.name, "strikes": one.strikes} for one in self._scripted]

    def strike(self, source: str, messages: Sequence[Any], retry_count: int | None, now: float) -> Fault | None:
        """The fault that strikes this request, if any; counts it."""
        for one in self._scripted:
            fault = one.fault
            if fault.source not in (None, source) or (one.until is not None and now >= one.until):
                continue
            if fault.count is not None and one.strikes >= fault.count:
                continue
            if fault.retries_above is not None and (retry_count or 0) <= fault.retries_above:
                continue
            if fault.match is not None and not any(_matches(message, fault.match) for message in messages):
                continue
            one.met += 1
            if one.met > fault.skip and one.random.random() < fault.probability:
                one.strikes += 1
                return fault
        return None


def _matches(message: Any, wanted: Mapping[str, Any]) -> bool:
    """The message has every wanted value at its dotted path."""
    for path, value in wanted.items():
        at = message
        for name in path.split("."):
            if not isinstance(at, Mapping) or name not in at:
                return False
            at = at[name]
        if at != value:
            return False
    return True
