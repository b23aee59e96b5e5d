"""`explain`: one event's way through a connector, decision by decision, with the reason of each."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from currents_segment.flows.commands.file import records_of
from currents_segment.flows.commands.profile import profile_of
from currents_segment.flows.errors import FailedError, UserError

if TYPE_CHECKING:
    from currents_segment.codecs.chunk import Origin, Records, Span
    from currents_segment.codecs.explanation import Explanation
    from currents_segment.codecs.outcome import Outcome


@dataclass(frozen=True, slots=True)
class _Event:
    """One event of a file, or a stretch that should hold some.

    Attributes:
        index: number of the (first) event in the file, from 0.
        count: how many events it stands for.
        origin: where it stands.
        records: what it was read with: schema and the type that the path names.
        datum: the event; None where it could not be read.
        outcome: why it could not.
        detail: the same in words.
    """

    index: int
    count: int
    origin: "Origin"
    records: "Records"
    datum: dict[str, Any] | None = None
    outcome: "Outcome | None" = None
    detail: str = ""


def explain(  # noqa: PLR0917 - typer makes options of them
    file: Annotated[Path, typer.Argument(help="Avro object container file, as Braze writes them.", show_default=False)],
    id: Annotated[str | None, typer.Option("--id", help="The event with this id, or with this messageId.")] = None,  # noqa: A002 - typer takes the name
    index: Annotated[
        int | None, typer.Option(min=0, help="The event with this number in the file, from 0; the default is the first.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration file; without one everything is selected.", dir_okay=False)] = None,
    connector: Annotated[str | None, typer.Option(help="Connector of the configuration through whose eyes the event is seen.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text.")] = False,
) -> None:
    """What becomes of one event, and why: type, selection, identity, message, size, deduplication key, and the place of each field.

    \b
    currents-segment explain export.avro --index 7
    currents-segment explain export.avro --id 4f9a6c1e-8d5b-4f0e --config segment.yaml --connector shop-to-segment

    Shows the event's data, personal ones included. Exit code 1 when the file has no such event.
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    from currents_segment.codecs import explanation  # noqa: PLC0415 - commands import when they run, so that --help is quick
    from currents_segment.codecs.catalogue import load  # noqa: PLC0415

    if id is not None and index is not None:
        raise UserError("--id and --index both say which event: give one of them")
    profile = profile_of(config, connector)
    event = _find(file, id, index or 0)
    if event.datum is None:
        if event.outcome is None:
            raise ValueError("neither read nor unreadable")
        way = explanation.unreadable(event.outcome, event.detail)
    else:
        way = explanation.explain(profile, load(), event.records.schema, event.records.hint, event.datum)
    if as_json:
        typer.echo(json.dumps(_document(event, way, profile.connector), indent=2, ensure_ascii=False))
    else:
        _show(event, way, profile.connector)


def _find(file: Path, wanted: str | None, index: int) -> _Event:
    last = -1
    for event in _events(file):
        last = event.index + event.count - 1
        if wanted is None and event.index <= index <= last:
            return event
        if wanted is not None and event.datum is not None and _is(event.datum.get("id"), wanted):
            return event
    what = f"with the id {wanted!r}" if wanted is not None else f"with the number {index}"
    raise FailedError(f"{file} has no event {what}: it has {last + 1:,} events")


def _is(event_id: object, wanted: str) -> bool:
    """A messageId is the event's id, a colon and 32 hexadecimal digits."""
    return isinstance(event_id, str) and (event_id == wanted or (len(wanted) == len(event_id) + 33 and wanted.startswith(f"{event_id}:")))


def _events(file: Path) -> Iterator[_Event]:
    index = 0
    for records in records_of(file):
        if records.damage is not None:
            damage = records.damage
            yield _Event(index, damage.count, damage.origin, records, outcome=damage.outcome, detail=damage.detail)
            index += damage.count
        for span, data in records.stretches():
            yield from _span(records, span, data, index)
            index += span.count


def _span(records: "Records", span: "Span", data: bytes, index: int) -> Iterator[_Event]:
    from currents_segment.codecs.chunk import Origin  # noqa: PLC0415 - as above
    from currents_segment.codecs.datums import DatumError, Datums, TextError  # noqa: PLC0415
    from currents_segment.codecs.outcome import Outcome  # noqa: PLC0415
    from currents_segment.codecs.shape import SchemaError, parse  # noqa: PLC0415

    def at(number: int) -> Origin:
        return Origin(records.origin.log, records.origin.object, span.block, span.record + number)

    try:
        datums = Datums(data, parse(records.schema))
    except SchemaError as error:
        yield _Event(index, span.count, at(0), records, outcome=Outcome.UNKNOWN_SCHEMA, detail=str(error))
        return
    for number in range(span.count):
        try:
            yield _Event(index + number, 1, at(number), records, datums.read())
        except TextError as error:
            yield _Event(index + number, 1, at(number), records, outcome=Outcome.BAD_DATUM, detail=str(error))
        except DatumError as error:
            yield _Event(index + number, span.count - number, at(number), records, outcome=Outcome.BAD_DATUM, detail=str(error))
            return


def _document(event: _Event, way: "Explanation", connector: str) -> dict[str, Any]:
    return {
        "connector": connector,
        "index": event.index,
        "events": event.count,
        "block": event.origin.block,
        "record": event.origin.record,
        "outcome": way.outcome.value if way.outcome else None,
        "decisions": [asdict(decision) for decision in way.decisions],
        "fields": [asdict(field) for field in way.fields],
        "message": way.message,
    }


def _show(event: _Event, way: "Explanation", connector: str) -> None:
    many = f" to {event.index + event.count - 1}" if event.count > 1 else ""
    typer.echo(
        f"event {event.index}{many} of {event.origin.object} (block {event.origin.block}, record {event.origin.record}), connector {connector}\n"
    )
    width = max(len(decision.about) for decision in way.decisions)
    for decision in way.decisions:
        typer.echo(f"{decision.about.ljust(width)}  {decision.result}\n{' ' * width}    because {decision.reason}")
    if way.fields:
        typer.echo("\nfields")
        name, place = (max(len(getattr(field, each)) for field in way.fields) for each in ("name", "place"))
        for field in way.fields:
            typer.echo(f"  {field.name.ljust(name)}  {(field.place or '-').ljust(place)}  {field.reason}")
    if way.message is not None:
        typer.echo(f"\nmessage\n{json.dumps(way.message, indent=2, ensure_ascii=False)}")
    typer.echo(f"\n=> {way.outcome.value if way.outcome else 'goes on to deduplication and delivery'}")
