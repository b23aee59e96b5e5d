"""`dead-letters drop`: letters that nobody needs any more are deleted."""

import typer

from currents_segment.flows.commands.dead_letters_scope import (
    All,
    Config,
    Connector,
    Ids,
    PlaceOption,
    Reading,
    Reason,
    Replayed,
    Since,
    Until,
    Yes,
    explicit,
    place_of,
    plural,
    scope,
)
from currents_segment.flows.errors import FailedError


def dead_letters_drop(  # noqa: PLR0917 - typer makes options of them
    config: Config = None,
    place: PlaceOption = None,
    connector: Connector = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    ids: Ids = None,
    replayed: Replayed = None,
    everything: All = False,
    yes: Yes = False,
) -> None:
    """Delete letters for good; without --yes, tell which objects (or partitions of a topic) would lose how many.

    \b
    currents-segment dead-letters drop segment.yaml --replayed
    currents-segment dead-letters drop segment.yaml --reason undecodable --until 90d --yes

    What stays in an object is written, durably, before the old object is deleted; after an interruption, type the same again. In a topic a
    message under the letter's key takes it out: no command shows it any more, and the brokers delete its bytes by retention or compaction.

    Exit code 1 when an object cannot be read in whole (it is left as it is) or the place cannot be written to.
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    which = scope(connector=connector, reason=reason, since=since, until=until, ids=ids)
    explicit(which, everything=everything, replayed=replayed)
    reading = Reading(place_of(config, place), which, replayed=replayed)
    if not reading.whole and replayed is not None:  # a mark that cannot be read makes a replayed letter look as if it were not
        reading.end()
    objects, dropped, will = 0, set[bytes](), "dropped" if yes else "would be dropped"
    try:
        for taken in reading.place.take_out(which, wanted=reading.wanted, unreadable=reading.fault, really=yes):
            objects += 1
            dropped |= taken.letters
            typer.echo(f"{taken.name}: {len(taken.letters):,} {will}, {taken.stay:,} stay")
    except OSError as error:
        raise FailedError(f"stopped after {plural(objects, 'object')}: {error}; type the same again to go on") from error
    except KeyboardInterrupt:
        typer.echo(f"interrupted after {plural(objects, 'object')}; type the same again to go on", err=True)
        raise typer.Exit(130) from None
    typer.echo(f"{plural(len(dropped), 'letter')} {will}" + ("" if yes or not dropped else "; --yes drops them"))
    if dropped and reading.place.lingers:
        typer.echo(reading.place.lingers)
    reading.end()
