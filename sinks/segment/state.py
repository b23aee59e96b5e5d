"""What a sink slot keeps in the recovery store: plain values, and how those that an earlier run left become this run's. Pure."""

from collections.abc import Callable
from math import inf
from typing import Any, Final

from currents_segment.flows.errors import unknown_version
from currents_segment.sinks.segment.batch import pack

VERSION: Final = 2  # 1 had bodies that were not compressed, and no `ahead`

State = dict[str, Any]
"""`version`; `lanes` {connector: pieces}; `dead`; `health` {connector: (failing_since, last_ok, asked_until)}; `warned` {connector: warnings given};
`ledger` {connector: counts}; `ahead`: how far the wall clock was ahead of the process's own clock, s, by which times of `lanes` and `health` were taken;
`taken`: when the snapshot was, by that clock, seconds since the epoch."""

NOTHING: Final[State] = {"version": VERSION, "lanes": {}, "dead": (), "health": {}, "warned": {}, "ledger": {}, "ahead": 0.0, "taken": 0.0}


def migrated(state: State, now: float = inf) -> State:
    """A committed state of this version or an older one, as this version writes it, with times by the wall clock: the clock of every process begins with it.

    A snapshot that lies in the future was taken now: a wall clock that was set back while nothing ran neither puts off an expiry nor makes a wait longer.

    Args:
        state: the committed one.
        now: by the wall clock, seconds since the epoch.

    Raises:
        UserError: a newer version wrote it.
    """
    version = state["version"]
    if version not in {1, VERSION}:
        raise unknown_version("a slot's state", version, VERSION)
    ahead, keep = state.get("ahead", 0.0), pack if version == 1 else bytes
    taken = state.get("taken") or max((at for since, ok, _ in state["health"].values() for at in (since, ok) if at), default=0.0)
    ahead -= max(0.0, taken + ahead - now)

    def moved(at: float | None) -> float | None:
        return at and at + ahead

    def piece(kept: tuple[Any, ...]) -> tuple[Any, ...]:
        bodies, lengths, arrival, failed_since, origin = kept
        return keep(bodies), lengths, arrival, moved(failed_since), origin

    return {
        **NOTHING,
        **state,
        "version": VERSION,
        "ahead": 0.0,
        "taken": taken + ahead,
        "lanes": {name: [piece(each) for each in pieces] for name, pieces in state["lanes"].items()},
        "dead": tuple(_dead(each, keep) for each in state["dead"]),
        "health": {name: tuple(moved(at) for at in times) for name, times in state["health"].items()},
    }


def _dead(kept: tuple[Any, ...], keep: Callable[[bytes], bytes]) -> tuple[Any, ...]:
    """Its times stay as they are: by the wall clock, and part of the name under which the letter may be written already."""
    is_piece, connector, outcome, content, *rest = kept
    place = 0 if is_piece else 3  # of the bodies
    return (is_piece, connector, outcome, (*content[:place], keep(content[place]), *content[place + 1 :]), *rest)
