"""`dead-letters list` and `dead-letters show`: what did not reach Segment, why, and what to do about it."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from currents_segment.flows.commands.dead_letters_scope import (
    Config,
    Connector,
    Ids,
    PlaceOption,
    Reading,
    Reason,
    Replayed,
    Since,
    Until,
    place_of,
    scope,
    table,
)
from currents_segment.flows.errors import FailedError

if TYPE_CHECKING:
    from currents_segment.sinks.dead_letters import DeadLetter

AsJson = Annotated[bool, typer.Option("--json", help="Whole letters, one line of JSON each.")]


def dead_letters_list(  # noqa: PLR0917 - typer makes options of them
    config: Config = None,
    place: PlaceOption = None,
    connector: Connector = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    ids: Ids = None,
    replayed: Replayed = None,
    limit: Annotated[int, typer.Option(help="Show only the latest so many; 0 shows all. The sum is always of all.", min=0)] = 100,
    as_json: AsJson = False,
) -> None:
    """The events that ended without reaching Segment, the latest last, and how many there are of each kind.

    \b
    currents-segment dead-letters list segment.yaml
    currents-segment dead-letters list segment.yaml --connector shop-to-segment --reason refused --since 2h
    currents-segment dead-letters list segment.yaml --not-replayed
    currents-segment dead-letters list --place s3://bucket/dead-letters --limit 0 --json | jq .message.event

    Exit code 1 when something in the place cannot be read: it is named, and the rest is shown.
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    which = scope(connector=connector, reason=reason, since=since, until=until, ids=ids)
    reading = Reading(place_of(config, place), which, replayed=replayed)
    letters = _Summed(reading)
    latest = _latest(letters, limit)
    if as_json:
        for letter in latest:
            typer.echo(_json(letter))
    elif latest:
        from currents_segment.sinks.dead_letters.page import COLUMNS, row  # noqa: PLC0415 - commands import when they run, so that --help is quick

        table([COLUMNS, *(row(letter, replayed=reading.marks.replayed(letter)) for letter in latest)])
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
    from currents_segment.sinks.dead_letters.page import page  # noqa: PLC0415 - as above

    reading = Reading(place_of(config, place), scope(connector=connector, ids=[id]))
    found = list(reading)
    if not found:
        reading.tell()
        raise FailedError(f"no dead letter has the id {id!r} in {reading.place.name}; dead-letters list shows the ids")
    for number, letter in enumerate(found):
        if as_json:
            typer.echo(_json(letter))
        else:
            typer.echo(("\n" if number else "") + page(letter, replayed=reading.marks.replayed(letter)))
    reading.end()


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


def _latest(letters: Iterable["DeadLetter"], limit: int) -> list["DeadLetter"]:
    """The `limit` letters that ended last (0: all), in the order in which they ended."""

    def ended(letter: "DeadLetter") -> float:
        return letter.at

    return heapq.nlargest(limit, letters, key=ended)[::-1] if limit else sorted(letters, key=ended)


def _json(letter: "DeadLetter") -> str:
    from currents_segment.sinks.dead_letters.letter import dump  # noqa: PLC0415

    return dump(letter).decode().rstrip("\n")
