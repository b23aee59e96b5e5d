"""`connectors list`: where each connector stands, by the committed state."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import orjson
import typer

from currents_segment.flows.commands.dead_letters_scope import plural, table
from currents_segment.flows.errors import FailedError

if TYPE_CHECKING:
    from currents_segment.flows.holdings import Holding

COLUMNS: Final = ("connector", "stands at", "received", "un-acked", "dead", "failing since", "last success", "set back")


def connectors_list(
    config: Annotated[Path, typer.Argument(help="The configuration file.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each connector.")] = False,
) -> None:
    """Where each connector stands in its log and what it holds, as the state folder has it: of the last run, or of the one that runs.

    \b
    currents-segment connectors list segment.yaml

    `stands at` is the oldest hour that may still get files. Times are UTC. Connectors that were taken out of the configuration are marked.
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    from currents_segment.flows.committed import DamageError, committed, parts  # noqa: PLC0415 - commands import when they run, so that --help is quick
    from currents_segment.flows.config import load  # noqa: PLC0415
    from currents_segment.flows.holdings import Holding, holdings  # noqa: PLC0415

    settings = load(config, secrets=False)
    known: dict[str, Holding] = {}
    if parts(settings.state):
        try:
            with committed(settings.state) as found:
                known = holdings(found)
        except DamageError as error:
            raise FailedError(f"{settings.state / 'recovery'}: {error}; currents-segment doctor {config} says more") from error
    names = [*settings.connectors, *(name for name in known if name not in settings.connectors)]
    if as_json:
        for name in names:
            one = dataclasses.asdict(known.get(name, Holding()))
            del one["arrivals"]
            typer.echo(orjson.dumps({"connector": name, "configured": name in settings.connectors, **one}))
        return
    rows = [_row(name if name in settings.connectors else f"{name} (not configured)", known.get(name, Holding())) for name in names]
    table([COLUMNS, *rows])


def _row(name: str, one: "Holding") -> tuple[str, ...]:
    stood = min(one.stood.values(), default=None)
    at = "" if stood is None else _time(stood, "%Y-%m-%d %Hh") if stood else "the beginning"
    at = ", ".join(filter(None, (at, f"offsets of {plural(one.partitions, 'partition')}" if one.partitions else ""))) or "not begun"
    counts = (f"{one.received:,}", f"{one.unacked:,}", f"{one.dead:,}")
    return (name, at, *counts, _time(one.failing_since), _time(one.last_ok), f"{one.rewinds:,}")


def _time(at: float | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return "-" if at is None else f"{datetime.fromtimestamp(at, UTC):{form}}"
