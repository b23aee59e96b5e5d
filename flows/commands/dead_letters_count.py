"""`dead-letters count`: how many there are, of which connector, outcome and day, and how many of them were replayed."""

from collections import Counter
from typing import Annotated, Final

import orjson
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
    plural,
    scope,
    table,
)

COLUMNS: Final = ("connector", "day", "outcome", "letters", "events", "replayed")


def dead_letters_count(  # noqa: PLR0917 - typer makes options of them
    config: Config = None,
    place: PlaceOption = None,
    connector: Connector = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    ids: Ids = None,
    replayed: Replayed = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each row.")] = False,
) -> None:
    """Letters and events by connector, day (UTC) and outcome; `replayed` counts the letters that replay has sent.

    \b
    currents-segment dead-letters count segment.yaml
    currents-segment dead-letters count segment.yaml --not-replayed --since 7d

    Exit code 1 when something in the place cannot be read: it is named, and the rest is counted.
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    from currents_segment.sinks.dead_letters.scope import day  # noqa: PLC0415 - commands import when they run, so that --help is quick

    which = scope(connector=connector, reason=reason, since=since, until=until, ids=ids)
    reading = Reading(place_of(config, place), which, replayed=replayed)
    letters, events, sent = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    for letter in reading:
        key = (letter.connector, day(letter.at), letter.outcome.value)
        letters[key] += 1
        events[key] += letter.count
        sent[key] += reading.marks.replayed(letter)
    rows = [(*key, letters[key], events[key], sent[key]) for key in sorted(letters)]
    if as_json:
        for row in rows:
            typer.echo(orjson.dumps(dict(zip(COLUMNS, row, strict=True))))
    elif rows:
        table([COLUMNS, *((*row[:3], *(f"{number:,}" for number in row[3:])) for row in rows)])
        typer.echo(f"{plural(letters.total(), 'letter')}, {plural(events.total(), 'event')}, {sent.total():,} replayed")
    else:
        typer.echo("no dead letters")
    reading.end()
