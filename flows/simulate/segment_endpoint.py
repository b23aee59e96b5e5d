"""The double without a socket: keys, faults, edge and pipeline put together, one request in, one answer out. It waits for nothing itself."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Literal

import orjson

from currents_segment.flows.simulate.segment_edge import (
    ACCEPTED,
    OVERSIZE,
    SHORTEST_KEY,
    UNAUTHORIZED,
    Answer,
    Limits,
    Reading,
    call_of,
    read,
)
from currents_segment.flows.simulate.segment_faults import Fault, Script, parse
from currents_segment.flows.simulate.segment_keep import WINDOW, Pipeline, Refusal, Request, Tally

UNKNOWN: Final = "unknown"  # the source under which requests with a key that no source has are counted
REMEMBERED: Final = 10_000  # requests whose records are kept for a look: hours of a test, megabytes of memory
_NOTED: Final = ("Content-Encoding", "Content-Type", "User-Agent")


@dataclass(slots=True)
class Source:
    """A Segment source. A key that was replaced is known to be revoked: it answers 401, as an expired one does."""

    name: str
    key: str
    disabled: bool = False
    expired: bool = False
    revoked: set[str] = field(default_factory=set)


class Endpoint:
    """What answers for Segment. `take` decides, the caller carries the answer out and then calls `acknowledge`."""

    def __init__(
        self,
        keys: Mapping[str, str],
        *,
        clock: Callable[[], float],
        seed: int = 0,
        keep: Literal["all", "none"] = "all",
        limits: Limits | None = None,
        window: float = WINDOW,
    ) -> None:
        """`keys` gives the write key by source name; `clock` is seconds since the epoch; `keep="none"` counts without keeping bodies; `window` in s."""
        self._clock = clock
        self._seed = seed
        self._keep = keep
        self._limits = limits or Limits()
        self._window = window
        self._sources: dict[str, Source] = {}
        for name, key in keys.items():
            self.set_key(name, key)
        self.reset()

    def reset(self) -> None:
        """Forget messages, ids, counts, requests and faults; the keys stay."""
        self._script = Script(self._seed)
        self._pipeline = Pipeline(self._limits, self._keep, self._window)
        self._tallies: dict[str, Tally] = {name: Tally() for name in self._sources}
        self._requests: deque[Request] = deque(maxlen=REMEMBERED)

    def take(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[Answer, Request | None]:
        """The answer to one request, with its record; no record for what is no tracking call. Looks up headers without regard to case."""
        call = call_of(path)
        if call is None:
            return Answer(404, b'{"success":false,"code":"not_found","message":"no such path"}'), None
        if method != "POST":
            return Answer(405, b'{"success":false,"code":"method_not_allowed","message":"POST"}', {"Allow": "POST"}), None
        now = self._clock()
        reading = read(call, headers, body, self._limits)
        source = self._source_of(reading.key)
        name = source.name if source else UNKNOWN
        retries = headers.get("X-Retry-Count", "")
        request = Request(
            at=now,
            source=name,
            path=path,
            outcome="",
            events=len(reading.messages),
            size=reading.size,
            retry_count=int(retries) if retries.isdecimal() else None,
            fault=None,
            headers={h.lower(): headers[h] for h in _NOTED if h in headers} | _scheme(headers),
            ids=_ids(reading.messages) if self._keep == "all" else (),
        )
        fault = self._script.strike(name, reading.messages, request.retry_count, now)
        answer = self._decide(fault, request, reading, source)
        request.outcome = answer.outcome
        self._tally(name).requests[answer.outcome] += 1
        self._requests.append(request)
        return answer, request

    def acknowledge(self, answer: Answer, request: Request | None) -> None:
        """The answer has been written out to its end; called once at most for a request, and not at all if the client was gone."""
        if request is not None and answer.delivers:
            request.acknowledged = True

    def _decide(self, fault: Fault | None, request: Request, reading: Reading, source: Source | None) -> Answer:
        """Process the request unless a fault keeps it out, and say what goes back."""
        if fault is None:
            return self._process(request, reading, source)
        request.fault = fault.name
        if fault.do == "expire_key" and source is not None:
            source.expired = True
        struck = fault.struck(ACCEPTED, request.at)
        if fault.kept or struck.delivers:
            return fault.struck(self._process(request, reading, source), request.at)
        self._tally(request.source).turned_away += request.events
        return struck

    def _process(self, request: Request, reading: Reading, source: Source | None) -> Answer:
        """The edge's usual answer; what it says yes to goes into the pipeline, which may still drop it."""
        tally = self._tally(request.source)
        if reading.trouble is OVERSIZE:
            self._pipeline.take(request, reading.messages, None, Refusal.BATCH_TOO_LARGE, tally)
            return OVERSIZE.answer()
        if reading.trouble is not None or (source and (source.expired or reading.key in source.revoked)):
            tally.turned_away += request.events
            return reading.trouble.answer() if reading.trouble else UNAUTHORIZED
        whole = Refusal.UNKNOWN_WRITE_KEY if source is None else Refusal.DISABLED_SOURCE if source.disabled else None
        self._pipeline.take(request, reading.messages, reading.sent_at, whole, tally)
        return ACCEPTED

    def _source_of(self, key: str) -> Source | None:
        return next((source for source in self._sources.values() if key == source.key or key in source.revoked), None)

    def _tally(self, name: str) -> Tally:
        return self._tallies.setdefault(name, Tally())

    def set_key(self, source: str, key: str | None = None, *, disabled: bool | None = None, expired: bool | None = None) -> None:
        """Add a source, replace its key, disable it or let its key expire. ValueError for a name or key that cannot be."""
        known = self._sources.get(source)
        if key is not None and len(key) < SHORTEST_KEY:
            raise ValueError(f"source {source}: a write key has {SHORTEST_KEY} characters or more; the edge answers 400 to a shorter one")
        if not source or source == UNKNOWN:
            raise ValueError(f"a source needs a name, and {UNKNOWN} is taken: requests with unknown keys are counted under it")
        if key is not None and self._source_of(key) not in (None, known):
            raise ValueError(f"source {source}: another source has this write key")
        if known is None and key is None:
            raise ValueError(f"source {source}: not known; give its write key to add it")
        if known is None or key is None:
            known = known or Source(source, key or "")
        elif key != known.key:
            known.revoked = (known.revoked | {known.key}) - {key}
            known.key, known.expired = key, False
        known.disabled = known.disabled if disabled is None else disabled
        known.expired = known.expired if expired is None else expired
        self._sources[source] = known

    def script(self, document: object) -> list[str]:
        """Put one fault or a list of them in force; gives their names. ValueError with one line for each mistake."""
        return self._script.add(parse(document), self._clock())

    def clear(self, source: str | None = None, name: str | None = None) -> list[str]:
        """End all faults, those scoped to a source, or the one of a name; gives the names of the ended. Answers under way are not changed."""
        return self._script.clear(source, name)

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force, with how often each has struck."""
        return self._script.in_force()

    def lines(self, source: str | None = None) -> Iterator[bytes]:
        """What Segment would keep, in order of arrival, as JSON lines."""
        return self._pipeline.view(source)

    def view(self, source: str | None = None) -> Iterator[dict[str, Any]]:
        """What Segment would keep, in order of arrival: `source`, `message`, `timestamp`, `receivedAt`."""
        return map(orjson.loads, self.lines(source))

    def tallies(self) -> dict[str, Tally]:
        """The counts by source."""
        return dict(self._tallies)

    def summary(self) -> dict[str, Any]:
        """The counts as JSON: by source, and in total."""
        total = Tally()
        for tally in self._tallies.values():
            total += tally
        return {"sources": {name: tally.as_json() for name, tally in self._tallies.items()}, "total": total.as_json()}

    def requests(self, source: str | None = None, last: int | None = None, *, ids: bool = False) -> list[dict[str, Any]]:
        """The records of the last requests, of one source or of all, oldest first; with the messageIds that each held, whatever became of it."""
        found = (request.as_json(ids=ids) for request in reversed(self._requests) if source in (None, request.source))
        return list(islice(found, last))[::-1]


def _ids(messages: list[Any]) -> tuple[str, ...]:
    """The messageIds that are text."""
    return tuple(each["messageId"] for each in messages if isinstance(each, dict) and isinstance(each.get("messageId"), str))


def _scheme(headers: Mapping[str, str]) -> dict[str, str]:
    """How the request authenticates, never with what."""
    scheme = headers.get("Authorization", "").partition(" ")[0]
    return {"authorization": scheme} if scheme else {}
