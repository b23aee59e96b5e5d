"""The status documents of a cluster's processes become one. Values in, values out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import TypeVar

from currents_segment.flows.status import HEALTHS, PHASES, Connector, Lag, Loss, Restored, Status

V = TypeVar("V")


def merge(documents: Sequence[Status]) -> Status:
    """Counts add up, the worst health wins, and times are the ones that promise least; the order of the documents does not matter.

    Raises:
        ValueError: there is no document.
    """
    if not documents:
        raise ValueError("nothing to merge: no status document")
    return reduce(_pair, documents)


def lags(each: Sequence[Lag]) -> Lag:
    """Several logs as one; at least one."""
    return reduce(_lags, each)


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
        "in_transit": one.get("in_transit", 0) + two.get("in_transit", 0),
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
        "slow": _add(one.get("slow", {}), two.get("slow", {})),
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
