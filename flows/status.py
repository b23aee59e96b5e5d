"""The status document: what a process knows of itself, as JSON, and the ledger to read that it becomes.

`run` makes it, `/status`, `/metrics`, the progress table and `currents-segment status` only read it. Values in, values out: no clock, no I/O.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NotRequired, TypedDict

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
    in_transit: NotRequired[
        int
    ]  # events read from the log and not yet received: being decoded, or waiting for word on copies; damage counts as one
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
    slow: NotRequired[dict[str, int]]  # events that took the decoder's slow path since the start of the process, by reason


class Dedup(TypedDict):
    """Memory of ids; `effective_window` is shorter than `window` when the cap on ids cuts it."""

    ids: int
    window: float  # s
    effective_window: float  # s


class Status(TypedDict):
    """The document: of one process, or of a cluster after `merging.merge`."""

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
        "in_transit": 0,
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
        "slow": {},
    }


def base(connector: Connector) -> Restored:
    """What the ledger held when the process took it over: what is counted from here has happened since the start of the process."""
    return connector.get("restored", NOTHING)


def at_rest(connector: Connector) -> bool:
    """All that its log is known to hold has ended, but for letters to be written."""
    lag = connector["lag"]
    left = lag["objects"] or lag["messages"] or connector.get("in_transit", 0) or connector["in_flight"]
    return not left and lag["listed_at"] is not None and lag["error"] is None


def imbalance(connector: Connector) -> int:
    """Events that came in and are in no state; negative when more ended than came in. Computed, not read from `balance`."""
    return connector["received"] - sum(connector["outcomes"].values()) - connector["in_flight"]


def balance(document: Status) -> dict[str, int]:
    """The connectors whose ledger does not add up, with the difference; empty when all is well."""
    return {name: missing for name, connector in document["connectors"].items() if (missing := imbalance(connector))}


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
