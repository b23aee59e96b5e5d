"""`dead-letters list` and `dead-letters show`: what did not reach Segment, why, and what to do about it."""

import heapq
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from currents_segment.codecs.outcome import KEPT, Outcome
from currents_segment.flows.errors import FailedError, UserError

if TYPE_CHECKING:
    from currents_segment.sinks.dead_letters import DeadLetter

Config = Annotated[Path | None, typer.Argument(help="Configuration file; its dead_letters is where to look.", show_default=False)]
PlaceOption = Annotated[str | None, typer.Option(help="Folder or bucket URL to look in, instead of a configuration file.")]
Connector = Annotated[str | None, typer.Option(help="Only letters of this connector.")]
Reason = Annotated[str | None, typer.Option(help="Only this outcome: expired, rejected, refused, rejected/too_large, undecodable, …")]
Since = Annotated[str | None, typer.Option(help="Only what ended then or later: a time (2026-01-31T08:00:00Z), a day, or an age (2h).")]
Until = Annotated[str | None, typer.Option(help="Only what ended before: a time, a day, or an age.")]
AsJson = Annotated[bool, typer.Option("--json", help="Whole letters, one line of JSON each.")]


def dead_letters_list(  # noqa: PLR0917 - typer makes options of them
    config: Config = None,
    place: PlaceOption = None,
    connector: Connector = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(help="Show only the latest so many; 0 shows all. The sum is always of all.", min=0)] = 100,
    as_json: AsJson = False,
) -> None:
    """The events that ended without reaching Segment, the latest last, and how many there are of each kind.

    \b
    currents-segment dead-letters list segment.yaml
    currents-segment dead-letters list segment.yaml --connector shop-to-segment --reason refused --since 2h
    currents-segment dead-letters list --place s3://bucket/dead-letters --limit 0 --json | jq .message.event

    Exit code 1 when something in the place cannot be read: it is named, and the rest is shown.
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    reading = _Reading(config, place, connector=connector, reason=reason, since=since, until=until)
    letters = _Summed(reading)
    latest = _latest(letters, limit)
    if as_json:
        for letter in latest:
            typer.echo(_json(letter))
    else:
        _table(latest)
    typer.echo(letters.text(), err=as_json)
    reading.end()


def dead_letters_show(
    id: Annotated[str, typer.Argument(metavar="ID", help="The letter's id, as dead-letters list shows it.")],  # noqa: A002 - typer takes the name of the argument
    config: Config = None,
    place: PlaceOption = None,
    connector: Connector = None,
    as_json: AsJson = False,
) -> None:
    """One event that ended without reaching Segment: why, from where, its message or bytes, and what to do.

    \b
    currents-segment dead-letters show shop-to-segment:6f9a… segment.yaml
    currents-segment dead-letters show --place ./state/dead-letters --json shop-to-segment:6f9a…

    Several connectors, or several ways of ending, can have a letter of the same id: all are shown.
    """  # noqa: D301
    from currents_segment.sinks.dead_letters.page import page  # noqa: PLC0415 - commands import when they run, so that --help is quick

    reading = _Reading(config, place, connector=connector)
    found = [letter for letter in reading if letter.id == id]
    if not found:
        reading.tell()
        raise FailedError(f"no dead letter has the id {id!r} in {reading.place}; dead-letters list shows the ids")
    for number, letter in enumerate(found):
        if as_json:
            typer.echo(_json(letter))
        else:
            typer.echo(("\n" if number else "") + page(letter))
    reading.end()


class _Reading:
    """The letters asked for, and what could not be read on the way."""

    def __init__(
        self,
        config: Path | None,
        place: str | None,
        *,
        connector: str | None = None,
        reason: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> None:
        from currents_segment.sinks.dead_letters import read  # noqa: PLC0415

        now = time.time()
        self.place = _place(config, place)
        self._unreadable: list[str] = []
        self._letters = read(
            self.place,
            unreadable=lambda name, what: self._unreadable.append(f"{name}: cannot be read: {what}"),
            connector=connector,
            reason=_known(reason),
            since=_moment("--since", since, now),
            until=_moment("--until", until, now),
        )

    def __iter__(self) -> "Iterator[DeadLetter]":
        try:
            yield from self._letters
        except OSError as error:
            raise UserError(f"dead letters cannot be listed: {error}; check the place and the access to it") from error

    def tell(self) -> None:
        """Names on stderr what could not be read."""
        for line in self._unreadable:
            typer.echo(line, err=True)

    def end(self) -> None:
        """Tells, and fails if there was anything to tell."""
        self.tell()
        if self._unreadable:
            raise FailedError(f"not everything in {self.place} could be read, as named above; the rest is shown")


class _Summed:
    """Passes letters on and keeps their sum."""

    def __init__(self, letters: "Iterable[DeadLetter]") -> None:
        self._letters = letters
        self._events: Counter[str] = Counter()
        self._count = 0

    def __iter__(self) -> "Iterator[DeadLetter]":
        for letter in self._letters:
            self._count += 1
            self._events[letter.outcome.value] += letter.count
            yield letter

    def text(self) -> str:
        """One line: letters, and events by outcome."""
        if not self._count:
            return "no dead letters"
        kinds = ", ".join(f"{outcome} {events:,}" for outcome, events in self._events.most_common())
        return f"{self._count:,} letters, {self._events.total():,} events: {kinds}"


def _place(config: Path | None, place: str | None) -> str:
    if config is not None and place is None:
        from currents_segment.flows.config import load  # noqa: PLC0415

        return load(config, secrets=False).dead_letters  # nothing is sent: the write key need not be there
    if place is None or config is not None:
        raise UserError("where to look: give either the configuration file or --place FOLDER_OR_URL")
    from currents_segment.flows.config.places import normal  # noqa: PLC0415

    try:
        return normal(place, Path.cwd())
    except ValueError as error:
        raise UserError(f"--place: {error}") from error


def _known(reason: str | None) -> str | None:
    """A reason that can match something; a misspelt one would silently show nothing."""
    words = [word for outcome in Outcome if outcome.state in KEPT for word in (outcome.state.value, outcome.reason, outcome.value) if word]
    if reason is not None and reason not in words:
        raise UserError(f"--reason: {reason!r} is none of {', '.join(dict.fromkeys(words))}")
    return reason


def _moment(option: str, text: str | None, now: float) -> float | None:
    """Seconds since the epoch of a time, a day (UTC) or an age."""
    if text is None:
        return None
    from currents_segment.flows.config.quantities import DURATION_PATTERN, duration  # noqa: PLC0415

    if re.match(DURATION_PATTERN, text):
        return now - duration(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{option}: {text!r} is neither a time (2026-01-31T08:00:00Z), nor a day (2026-01-31), nor an age (2h)") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _latest(letters: Iterable["DeadLetter"], limit: int) -> list["DeadLetter"]:
    """The `limit` letters that ended last (0: all), in the order in which they ended."""

    def ended(letter: "DeadLetter") -> float:
        return letter.at

    return heapq.nlargest(limit, letters, key=ended)[::-1] if limit else sorted(letters, key=ended)


def _table(letters: list["DeadLetter"]) -> None:
    """Columns as wide as they must be."""
    from currents_segment.sinks.dead_letters.page import COLUMNS, row  # noqa: PLC0415

    if not letters:
        return
    rows = [COLUMNS, *map(row, letters)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def _json(letter: "DeadLetter") -> str:
    from currents_segment.sinks.dead_letters.letter import dump  # noqa: PLC0415

    return dump(letter).decode().rstrip("\n")
