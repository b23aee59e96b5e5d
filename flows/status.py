"""The status document: what a process knows of itself, as JSON; several of one cluster become one, and one becomes a ledger to read.

`run` makes it, `/status`, `/metrics`, the progress table and `currents-segment status` only read it. Values in, values out: no clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Final, Literal, NotRequired, TypedDict, TypeVar

from currents_segment.codecs.outcome import KEPT, Outcome

if TYPE_CHECKING:
    from rich.console import RenderableType

Phase = Literal["starting", "running", "stopping", "stopped"]
Health = Literal["idle", "working", "waiting", "failing", "held"]

PHASES: Final[tuple[Phase, ...]] = ("stopped", "running", "starting", "stopping")
"""A cluster is in the last of these that one of its processes is in: it is stopped when all are, and not running while one starts."""
HEALTHS: Final[tuple[Health, ...]] = ("idle", "working", "waiting", "failing", "held")
"""From the best to the worst. `waiting`: Segment said when to come back; `failing`: attempts fail; `held`: a fault of the set-up, such as a refused key."""


class Process(TypedDict):
    """One process of the cluster `0..of-1`; in a merged document the one with the lowest id, and the earliest start of all."""

    id: int
    of: int
    pid: int
    started: float  # seconds since the epoch
    mode: Literal["once", "follow"]


class Lag(TypedDict):
    """What lies in the log and was not yet read; each process counts only the slots that it owns, so that lags add up."""

    objects: int  # of buckets, listed
    bytes: int  # their size
    messages: int  # of Kafka, up to the end as it was at the last look
    lost: int  # messages that Kafka deleted before they were read, since the first start
    retention: float | None  # the shortest time that a topic keeps its messages, s; None for ever, or unknown
    oldest: float | None  # arrival of the oldest object not read to its end, or of the oldest message at hand, seconds since the epoch
    listed_at: (
        float | None
    )  # end of the last listing, or look at the topics, that worked, seconds since the epoch; merged: None until every process has listed
    error: str | None  # why the log cannot be read at the moment


class Restored(TypedDict):
    """What the ledger held when this process took it over from the recovery store; counters that start with the process are counted from here."""

    received: int
    outcomes: dict[str, int]


class Loss(TypedDict):
    """What expires within a time if nothing succeeds before, of what is known now: events that were read are counted, those in the log known by their objects."""

    within: float  # s from `at`
    events: int  # read and un-acked
    objects: int  # not read to their end
    bytes: int  # their size
    unread: int | None  # events in them, estimated by the objects that were read whole; None while there were none


class Connector(TypedDict):
    """One connector as this process sees it: the ledger first, then how its endpoint and its log are doing."""

    workspace: str
    received: int  # events
    in_flight: int  # events received and not yet in a terminal state
    outcomes: dict[str, int]  # events by value of `Outcome`
    letters_pending: int  # events decided, and counted in `outcomes`, whose dead letters are not yet written
    letters_error: str | None  # why they cannot be written at the moment
    balance: int  # received - sum(outcomes) - in_flight; anything but 0 is a bug
    restored: NotRequired[Restored]
    health: Health
    why: str | None  # what the endpoint answered, or what is wrong with the set-up
    failing_since: float | None  # seconds since the epoch
    last_ok: float | None  # seconds since the epoch
    wait_until: float | None  # seconds since the epoch; set while `waiting`
    time_to_loss: float | None  # s from `at` until the first event expires if nothing succeeds before
    losses: NotRequired[list[Loss]]  # how many follow: one for each of `HORIZONS`; empty while nothing is at risk
    requests: dict[str, int]  # answers since the start of the process: "200", "503", "timeout", "dns", …
    requests_in_flight: int
    batches: int  # batches that ended since the start of the process, whatever their end
    lag: Lag
    unknown: dict[str, int]  # names that the catalogue does not know, with how often they were met


class Dedup(TypedDict):
    """Memory of ids; `effective_window` is shorter than `window` when the cap on ids cuts it."""

    ids: int
    window: float  # s
    effective_window: float  # s


class Status(TypedDict):
    """The document: of one process, or of a cluster after `merge`."""

    version: str
    process: Process
    phase: Phase
    at: float  # when the counts were taken, seconds since the epoch; merged: the earliest
    connectors: dict[str, Connector]
    dedup: Dedup


HORIZONS: Final = (3600.0, 6 * 3600.0, 24 * 3600.0, 48 * 3600.0)
"""s: what to do now, in this shift, today; and, with the default `expire_after`, all that is known."""

NO_LAG: Final[Lag] = {
    "objects": 0,
    "bytes": 0,
    "messages": 0,
    "lost": 0,
    "retention": None,
    "oldest": None,
    "listed_at": None,
    "error": None,
}
NOTHING: Final[Restored] = {"received": 0, "outcomes": {}}
Term = tuple[str, str, str, int]  # sign, state, reason, events


def fresh(workspace: str) -> Connector:
    """A connector to which nothing has happened yet."""
    return {
        "workspace": workspace,
        "received": 0,
        "in_flight": 0,
        "outcomes": {},
        "letters_pending": 0,
        "letters_error": None,
        "balance": 0,
        "health": "idle",
        "why": None,
        "failing_since": None,
        "last_ok": None,
        "wait_until": None,
        "time_to_loss": None,
        "losses": [],
        "requests": {},
        "requests_in_flight": 0,
        "batches": 0,
        "lag": NO_LAG.copy(),
        "unknown": {},
    }


def base(connector: Connector) -> Restored:
    """What the ledger held when the process took it over: what is counted from here has happened since the start of the process."""
    return connector.get("restored", NOTHING)


def imbalance(connector: Connector) -> int:
    """Events that came in and are in no state; negative when more ended than came in. Computed, not read from `balance`."""
    return connector["received"] - sum(connector["outcomes"].values()) - connector["in_flight"]


def balance(document: Status) -> dict[str, int]:
    """The connectors whose ledger does not add up, with the difference; empty when all is well."""
    return {name: missing for name, connector in document["connectors"].items() if (missing := imbalance(connector))}


def merge(documents: Sequence[Status]) -> Status:
    """Counts add up, the worst health wins, and times are the ones that promise least; the order of the documents does not matter.

    Raises:
        ValueError: there is no document.
    """
    if not documents:
        raise ValueError("nothing to merge: no status document")
    return reduce(_pair, documents)


def ledger(connector: Connector) -> list[Term]:
    """The ledger as an equation, a line a term: received = delivered + … + in flight. Terms of 0 other than the two ends are left out."""
    counts = {outcome: connector["outcomes"].get(outcome.value, 0) for outcome in Outcome}
    ended = [(outcome.state.value, outcome.reason, count) for outcome, count in counts.items() if count or outcome is Outcome.DELIVERED]
    ended += [(name, "", count) for name, count in sorted(connector["outcomes"].items()) if name not in counts]
    terms = [*ended, ("in flight", "", connector["in_flight"])]
    return [("", "received", "", connector["received"]), *(("=" if i == 0 else "+", *term) for i, term in enumerate(terms))]


def shout(connector: Connector) -> str | None:
    """The sentence for a ledger that does not add up; None when it does."""
    missing = imbalance(connector)
    if not missing:
        return None
    what = f"{missing:,} events are in no state" if missing > 0 else f"{-missing:,} more events ended than came in"
    return f"LEDGER OUT OF BALANCE: {what}. This is a bug, please report it with this output"


def ledger_text(document: Status) -> str:
    """The ledger of every connector as plain text, a block each."""
    blocks = []
    for name, connector in document["connectors"].items():
        width = max(len(f"{events:,}") for *_, events in ledger(connector))
        lines = [f"{name} (workspace {connector['workspace']})"]
        for sign, state, reason, events in ledger(connector):
            kept = "   kept: the next run sends them" if state == "in flight" and events and document["phase"] == "stopped" else ""
            lines.append(f"  {sign or ' '} {f'{state}: {reason}' if reason else state:<29} {events:>{width},}{kept}")
        lines += [f"  ! {loud}" for loud in [shout(connector)] if loud]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) or "no connectors"


def ledger_table(document: Status) -> RenderableType:
    """The same for a terminal, by rich: a section a connector, what is kept as dead letters in yellow, an imbalance below in red."""
    from rich import box  # noqa: PLC0415 - only a terminal needs rich, and its import costs 50 ms
    from rich.console import Group  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    table = Table("connector", "", "state", "reason", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("events", justify="right")
    table.add_column("share", justify="right")
    for name, connector in document["connectors"].items():
        table.add_section()
        for sign, state, reason, events in ledger(connector):
            share = f"{events / connector['received']:.1%}" if connector["received"] and sign else ""
            style = "yellow" if events and state in KEPT else "green" if state == "delivered" else ""
            table.add_row(Text("" if sign else name), sign, state, reason, f"{events:,}", share, style=style)
    loud = [f"{name}: {sentence}" for name, connector in document["connectors"].items() if (sentence := shout(connector))]
    return Group(table, *(Text(line, style="bold red") for line in loud))


V = TypeVar("V")


def _pair(one: Status, two: Status) -> Status:
    """Two documents as one; associative and commutative, so that any number of processes can be added in any order."""
    one, two = sorted((one, two), key=lambda document: (document["process"]["id"], document["process"]["pid"]))
    first, second = one["process"], two["process"]
    names = dict.fromkeys([*one["connectors"], *two["connectors"]])  # in the order of the configuration
    return {
        "version": max(one["version"], two["version"]),
        "process": {
            "id": first["id"],
            "of": max(first["of"], second["of"]),
            "pid": first["pid"],
            "started": min(first["started"], second["started"]),
            "mode": min(first["mode"], second["mode"]),  # "follow" before "once": a cluster follows as long as one process does
        },
        "phase": max(one["phase"], two["phase"], key=PHASES.index),
        "at": min(one["at"], two["at"]),
        "connectors": {name: _present(_connectors, one["connectors"].get(name), two["connectors"].get(name)) for name in names},
        "dedup": {
            "ids": one["dedup"]["ids"] + two["dedup"]["ids"],
            "window": max(one["dedup"]["window"], two["dedup"]["window"]),
            "effective_window": min(one["dedup"]["effective_window"], two["dedup"]["effective_window"]),
        },
    }


def _connectors(one: Connector, two: Connector) -> Connector:
    worst = max(one["health"], two["health"], key=HEALTHS.index)
    reasons = [c["why"] for c in (one, two) if c["health"] == worst and c["why"] is not None]
    merged: Connector = {
        "workspace": min(one["workspace"], two["workspace"]),
        "received": one["received"] + two["received"],
        "in_flight": one["in_flight"] + two["in_flight"],
        "outcomes": _add(one["outcomes"], two["outcomes"]),
        "letters_pending": one["letters_pending"] + two["letters_pending"],
        "letters_error": _known(min, one["letters_error"], two["letters_error"]),
        "balance": one["balance"] + two["balance"],
        "health": worst,
        "why": min(reasons, default=None),
        "failing_since": _known(min, one["failing_since"], two["failing_since"]),
        "last_ok": _known(max, one["last_ok"], two["last_ok"]),
        "wait_until": _known(max, one["wait_until"], two["wait_until"]),
        "time_to_loss": _known(min, one["time_to_loss"], two["time_to_loss"]),
        "losses": _losses(one.get("losses", []), two.get("losses", [])),
        "requests": _add(one["requests"], two["requests"]),
        "requests_in_flight": one["requests_in_flight"] + two["requests_in_flight"],
        "batches": one["batches"] + two["batches"],
        "lag": _lags(one["lag"], two["lag"]),
        "unknown": _add(one["unknown"], two["unknown"]),
    }
    if "restored" in one or "restored" in two:
        merged["restored"] = _present(_restored, one.get("restored"), two.get("restored"))
    return merged


def _losses(one: list[Loss], two: list[Loss]) -> list[Loss]:
    mine, other = ({loss["within"]: loss for loss in losses} for losses in (one, two))
    return [_present(_loss, mine.get(within), other.get(within)) for within in sorted({*mine, *other})]


def _loss(one: Loss, two: Loss) -> Loss:
    unread = (one["unread"], two["unread"])
    return {
        "within": one["within"],
        "events": one["events"] + two["events"],
        "objects": one["objects"] + two["objects"],
        "bytes": one["bytes"] + two["bytes"],
        "unread": None if None in unread else sum(count for count in unread if count is not None),
    }


def lags(each: Sequence[Lag]) -> Lag:
    """Several logs as one; at least one."""
    return reduce(_lags, each)


def _lags(one: Lag, two: Lag) -> Lag:
    listed = (one["listed_at"], two["listed_at"])
    return {
        "objects": one["objects"] + two["objects"],
        "bytes": one["bytes"] + two["bytes"],
        "messages": one["messages"] + two["messages"],
        "lost": one["lost"] + two["lost"],
        "retention": _known(min, one["retention"], two["retention"]),
        "oldest": _known(min, one["oldest"], two["oldest"]),
        "listed_at": None if None in listed else _known(min, *listed),
        "error": _known(min, one["error"], two["error"]),
    }


def _restored(one: Restored, two: Restored) -> Restored:
    return {"received": one["received"] + two["received"], "outcomes": _add(one["outcomes"], two["outcomes"])}


def _add(one: Mapping[str, int], two: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + two.get(name, 0) for name in sorted({*one, *two})}


def _present(both: Callable[[V, V], V], one: V | None, two: V | None) -> V:
    """What both say together; what one says when the other is silent."""
    if one is None or two is None:
        present = two if one is None else one
        assert present is not None  # noqa: S101 - callers ask only for what one of the two has
        return present
    return both(one, two)


def _known(choose: Callable[[Iterable[V]], V], one: V | None, two: V | None) -> V | None:
    """`min` or `max` of the values that are there."""
    known = [value for value in (one, two) if value is not None]
    return choose(known) if known else None
