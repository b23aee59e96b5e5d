"""What the `dead-letters` commands have in common: which letters are meant, where they are, and what of them could not be read."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from currents_segment.codecs.outcome import KEPT, Outcome
from currents_segment.flows.errors import FailedError, UserError

if TYPE_CHECKING:
    from currents_segment.sinks.dead_letters import DeadLetter, DeadLetters, Scope

Config = Annotated[Path | None, typer.Argument(help="Configuration file; its dead_letters is where to look.", show_default=False)]
PlaceOption = Annotated[str | None, typer.Option(help="Folder or bucket URL to look in, instead of a configuration file.")]
Connector = Annotated[str | None, typer.Option(help="Only letters of this connector.")]
Reason = Annotated[str | None, typer.Option(help="Only this outcome: expired, rejected, refused, rejected/too_large, undecodable, …")]
Since = Annotated[str | None, typer.Option(help="Only what ended then or later: a time (2026-01-31T08:00:00Z), a day, or an age (2h).")]
Until = Annotated[str | None, typer.Option(help="Only what ended before: a time, a day, or an age.")]
Ids = Annotated[list[str] | None, typer.Option("--id", help="Only the letter with this id; may be given several times.")]
Replayed = Annotated[
    bool | None, typer.Option("--replayed/--not-replayed", help="Only what replay has sent, or has not.", show_default=False)
]
All = Annotated[bool, typer.Option("--all", help="All letters; needed where no other option says which.")]
Yes = Annotated[bool, typer.Option("--yes/--dry-run", help="Do it. Without, only tell what would be done.")]


def scope(
    *,
    connector: str | None = None,
    reason: str | None = None,
    since: str | None = None,
    until: str | None = None,
    ids: list[str] | None = None,
) -> "Scope":
    """The scope as typed; UserError for what cannot be meant."""
    from currents_segment.sinks.dead_letters import Scope  # noqa: PLC0415 - commands import when they run, so that --help is quick

    now = time.time()
    return Scope(
        connector=connector,
        reason=_known(reason),
        since=None if since is None else moment("--since", since, now),
        until=None if until is None else moment("--until", until, now),
        ids=frozenset(ids) if ids else None,
    )


def explicit(which: "Scope", *, everything: bool, replayed: bool | None = None) -> None:
    """Sending and deleting are asked for in so many words."""
    given = replayed is not None or any(getattr(which, name) is not None for name in ("connector", "reason", "since", "until", "ids"))
    if given == everything:
        raise UserError("which letters: give either --connector, --reason, --since, --until or --id, or --all")


class Reading:
    """The letters asked for, whether they were replayed, and what could not be read on the way.

    Attributes:
        place: where they are.
        scope: which are meant.
        marks: what was replayed.
    """

    def __init__(self, place: "DeadLetters", which: "Scope", *, replayed: bool | None = None) -> None:
        from currents_segment.sinks.dead_letters import Marks  # noqa: PLC0415

        self.place, self.scope = place, which
        self._replayed = replayed
        self._faults: list[str] = []
        try:
            self.marks: Marks = Marks(place, connector=which.connector, unreadable=self.fault)
        except OSError as error:
            raise _not_listed(error) from error

    @property
    def whole(self) -> bool:
        """Everything that was looked at so far could be read."""
        return not self._faults

    def __iter__(self) -> "Iterator[DeadLetter]":
        return self.of(self.scope)

    def of(self, which: "Scope") -> "Iterator[DeadLetter]":
        """The letters of a narrower scope."""
        try:
            yield from filter(self.wanted, self.place.read(which, self.fault))
        except OSError as error:
            raise _not_listed(error) from error

    def wanted(self, letter: "DeadLetter") -> bool:
        """Whether it is asked for as replayed or not."""
        return self._replayed is None or self._replayed == self.marks.replayed(letter)

    def fault(self, name: str, what: str) -> None:
        """An object cannot be read; told once, however often it is read."""
        line = f"{name}: cannot be read: {what}"
        if line not in self._faults:
            self._faults.append(line)

    def tell(self) -> None:
        """Names on stderr what could not be read."""
        for line in self._faults:
            typer.echo(line, err=True)

    def end(self) -> None:
        """Tells, and fails if there was anything to tell."""
        self.tell()
        if self._faults:
            raise FailedError(f"not everything in {self.place.name} could be read, as named above; the rest is shown")


def place_of(config: Path | None, place: str | None) -> "DeadLetters":
    """Where to look: as the configuration says, or as typed."""
    from currents_segment.sinks.dead_letters import opened  # noqa: PLC0415

    if config is not None and place is None:
        from currents_segment.flows.config import load  # noqa: PLC0415

        return opened(load(config, secrets=False).dead_letters)  # nothing is sent: the write key need not be there
    if place is None or config is not None:
        raise UserError("where to look: give either the configuration file or --place FOLDER_OR_URL")
    from currents_segment.flows.config.places import normal  # noqa: PLC0415

    try:
        return opened(normal(place, Path.cwd()))
    except ValueError as error:
        raise UserError(f"--place: {error}") from error


def plural(count: int, word: str) -> str:
    """`1 letter`, `2,000 letters`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def table(rows: list[tuple[str, ...]]) -> None:
    """Columns as wide as they must be; the first row is the heads."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def _not_listed(error: OSError) -> UserError:
    return UserError(f"dead letters cannot be listed: {error}; check the place and the access to it")


def _known(reason: str | None) -> str | None:
    """A reason that can match something; a misspelt one would silently show nothing."""
    words = [word for outcome in Outcome if outcome.state in KEPT for word in (outcome.state.value, outcome.reason, outcome.value) if word]
    if reason is not None and reason not in words:
        raise UserError(f"--reason: {reason!r} is none of {', '.join(dict.fromkeys(words))}")
    return reason


def moment(option: str, text: str, now: float, *, words: tuple[str, ...] = ()) -> float:
    """Seconds since the epoch of a time, a day (UTC) or an age; `words` are what else the option takes."""
    from currents_segment.flows.config.quantities import DURATION_PATTERN, duration  # noqa: PLC0415

    if re.match(DURATION_PATTERN, text):
        return now - duration(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        kinds = (*words, "a time (2026-01-31T08:00:00Z)", "a day (2026-01-31)", "an age (2h)")
        raise UserError(f"{option}: {text!r} is neither {', nor '.join(kinds)}") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
