"""Which dead letters are meant: values only, decided letter by letter, and by an object's name where that says enough."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from currents_segment.sinks.dead_letters.letter import DeadLetter

REPLAYED: Final = "replayed/"
"""Folder of the marks of what was sent again: no letters are there."""
SUFFIX: Final = ".jsonl.gz"


@dataclass(frozen=True, slots=True)
class Scope:
    """Letters for which everything that is given holds; with nothing given, all.

    Attributes:
        connector: of this one.
        reason: of this outcome (`rejected/refused`), state (`rejected`) or reason (`refused`).
        since: that ended then or later, seconds since the epoch.
        until: that ended before.
        ids: with one of these ids.
    """

    connector: str | None = None
    reason: str | None = None
    since: float | None = None
    until: float | None = None
    ids: frozenset[str] | None = None

    @property
    def folder(self) -> str:
        """Where its letters lie."""
        return "" if self.connector is None else folder(self.connector)

    def may_hold(self, name: str) -> bool:
        """Whether an object of this name may hold letters of the scope; it knows connector and day."""
        if name.startswith(REPLAYED) or not name.endswith(SUFFIX) or not name.startswith(self.folder):
            return False
        _, _, rest = name.partition("/date=")
        found = rest.partition("/")[0]
        return (self.since is None or found >= day(self.since)) and (self.until is None or found <= day(self.until))

    def holds(self, letter: DeadLetter) -> bool:
        """Whether the letter is meant."""
        outcome = letter.outcome
        return (
            (self.connector is None or letter.connector == self.connector)
            and (self.since is None or letter.at >= self.since)
            and (self.until is None or letter.at < self.until)
            and (self.reason is None or self.reason in {outcome.value, outcome.state.value, outcome.reason})
            and (self.ids is None or letter.id in self.ids)
        )


def folder(connector: str) -> str:
    """A connector's folder."""
    return f"connector={quote(connector, safe=' ')}/"


def day(at: float) -> str:
    """The day (UTC) of a moment, as folders are named."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()
