"""`doctor`: what a start would go on from, and what it would mean to start now."""

import dataclasses
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from currents_segment.flows.commands.dead_letters_scope import plural
from currents_segment.flows.errors import FailedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from currents_segment.flows.config import Config
    from currents_segment.flows.doctor import Report
    from currents_segment.flows.doctor_letters import Letters
    from currents_segment.flows.holdings import Holding


def doctor(
    config: Annotated[Path, typer.Argument(help="The configuration file.", show_default=False)],
    offline: Annotated[
        bool, typer.Option("--offline", help="Look at the state folder alone: no bucket, no cluster, no dead letters.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Find out whether state, sources and dead letters are well, and what a start now would send again or lose. Changes nothing.

    Looks at the recovery store (whole, its versions, rows, slots, who holds it), at each connector's positions against its sources (what lies ahead,
    what was deleted, what came too late; of Kafka, whether its offsets, grants, retention and registry are there), at the dead letters, the clock and the disk. It may be asked while a run is on. Endpoints, keys and ports are
    for check.

    \b
    currents-segment doctor segment.yaml
    currents-segment doctor segment.yaml --json | jq .findings

    Exit codes: 0 all is well; 1 something needs attention, a line each with what to do; 2 a mistake in the arguments or the configuration.
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    from currents_segment.flows.config import load  # noqa: PLC0415 - keeps --help quick
    from currents_segment.flows.doctor import inspect  # noqa: PLC0415

    settings = load(config, secrets=False)
    try:
        found = inspect(settings, clock=time.time, offline=offline)
    except OSError as error:
        raise FailedError(f"{settings.state}: {error.strerror}: look as the user that runs it") from error
    if as_json:
        typer.echo(orjson.dumps(_document(settings, found), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
    else:
        typer.echo("\n".join(_lines(settings, found)))
    if found.findings:
        raise typer.Exit(1)


def _lines(config: "Config", found: "Report") -> "Iterator[str]":
    store = found.store
    yield f"state {config.state}: {f'in use by {found.holder}' if found.holder else 'not in use'}; {_size(found.free)} free"
    if store.extents:
        rows = sum(extent.rows for extent in store.extents.values())
        yield f"  store: whole; {_size(store.bytes)} in {store.files} files, {plural(rows, 'row')}, {plural(store.known, 'known id')}; made {store.since}, last run began {store.begun or 'never'} UTC"
    elif not store.files:
        yield "  store: none yet: the next run is the first (in a cluster of machines it lies with process 0)"
    if found.letters is not None:
        yield from _letters(found.letters)
    yield ""
    yield "if the run ended hard now, the next one" if found.holder else "a start now"
    if store.killed:
        yield f"  goes on from the last commit: the last run ended hard, and what it sent in its last epoch ({config.epoch:g} s) is sent again"
    for name in config.connectors:
        holding = store.holdings.get(name)
        yield f"  {name}: {_meaning(config, name, holding, found.grounds.get(name, {}))}"
    yield ""
    yield from (f"{finding.level}: {finding.about}: {finding.text}" for finding in found.findings)
    if not found.findings:
        yield "all is well"


def _letters(letters: "Letters") -> "Iterator[str]":
    counted = "none"
    if letters.last is not None:
        counted = f"{plural(letters.letters, 'letter')}, {letters.replayed:,} of them sent again, the last of {_time(letters.last)}"
    replaying = f"; being sent again by {letters.replaying}" if letters.replaying else ""
    yield f"dead letters {letters.place}: {counted}{replaying}"
    connectors: dict[str, list[str]] = defaultdict(list)
    for (connector, outcome), events in sorted(letters.events.items()):
        connectors[connector].append(f"{outcome} {events:,}")
    yield from (f"  {connector}: {', '.join(outcomes)}" for connector, outcomes in connectors.items())


def _meaning(config: "Config", name: str, holding: "Holding | None", grounds: Any) -> str:
    """What a start means for one connector, in words."""
    from currents_segment.flows.doctor_source import Ground  # noqa: PLC0415 - as above

    parts = []
    if holding is not None and holding.unacked:
        parts.append(f"sends at most {plural(holding.unacked, 'event')} again that were un-acked")
    if holding is not None and holding.dead:
        parts.append(f"writes {holding.dead:,} events as dead letters")
    seen = [found for found in grounds.values() if isinstance(found, Ground)]
    kafka = [found for found in grounds.values() if not isinstance(found, Ground | str)]
    ahead, size = sum(one.ahead for one in seen), sum(one.bytes for one in seen)
    much = f" {plural(ahead, 'object')}, {_size(size)}" if ahead else " nothing" if seen else ""
    if holding is not None and holding.partitions:
        messages = sum(one.ahead for one in kafka)
        left = f" and reads {plural(messages, 'message')}" if messages else " and has read all there is" if kafka else ""
        parts.append(f"goes on at its offsets in {plural(holding.partitions, 'partition')} of Kafka{left}")
    elif holding is None or not holding.stood:
        start = config.connectors[name].start
        if kafka and not seen:
            much = f" {plural(sum(one.ahead for one in kafka), 'message')}"
        parts.append(f"begins anew at `start` ({start if isinstance(start, str) else _time(start)}) and reads{much or ' from there'}")
    if holding is not None and holding.stood and (seen or not grounds):
        hour = min(holding.stood.values())
        parts.append(
            "has read all there is"
            if seen and not ahead
            else f"reads{much} from {f'{datetime.fromtimestamp(hour, UTC):%Y-%m-%d %Hh}' if hour else 'the beginning'} on"
        )
    return ", then ".join(parts) or "cannot be told: its source cannot be listed"


def _document(config: "Config", found: "Report") -> dict[str, Any]:
    store = dataclasses.asdict(dataclasses.replace(found.store, rows={}, findings=()))
    del store["rows"], store["findings"]
    connectors = {}
    for name in dict.fromkeys([*config.connectors, *found.store.holdings]):
        holding = store["holdings"].get(name)
        if holding is not None:
            del holding["arrivals"]
        sources = {
            key: {"error": one} if isinstance(one, str) else dataclasses.asdict(one) for key, one in found.grounds.get(name, {}).items()
        }
        connectors[name] = {"configured": name in config.connectors, "state": holding, "sources": sources}
    del store["holdings"]
    letters: dict[str, Any] | None = None
    if found.letters is not None:
        letters = {
            field.name: getattr(found.letters, field.name) for field in dataclasses.fields(found.letters) if field.name != "findings"
        }
        letters["events"] = [{"connector": one, "outcome": what, "events": n} for (one, what), n in sorted(found.letters.events.items())]
    return {
        "configuration": str(config.path),
        "at": found.at,
        "state": {"folder": str(config.state), "holder": found.holder, "free_bytes": found.free, "store": store},
        "connectors": connectors,
        "dead_letters": letters,
        "findings": [dataclasses.asdict(finding) for finding in found.findings],
    }


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:  # noqa: PLR2004 - the unit's own factor
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
