"""`catalogue`: the event types that the program knows, what they are called in Segment, and where their fields go."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from currents_segment.flows.errors import UserError

if TYPE_CHECKING:
    from currents_segment.codecs.catalogue import EventType


def catalogue(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATTERN]...", help="Types, globs, or families of Braze's form; all types without any.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table, with all fields.")] = False,
) -> None:
    """The Currents event types, by the names and patterns that a connector's `events` takes; a single type with all its fields.

    \b
    currents-segment catalogue
    currents-segment catalogue Email 'users.messages.sms.*'
    currents-segment catalogue users.messages.email.Click
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    from currents_segment.codecs.catalogue import load  # noqa: PLC0415 - commands import when they run, so that --help is quick

    known = load()
    selection = known.select(patterns or ["*"])
    if selection.mistakes:
        raise UserError("\n".join(selection.mistakes))
    types = [each for each in known.types.values() if each.name in selection.types]
    single = patterns and len(patterns) == 1 and known.resolve(patterns[0]) is not None
    if as_json:
        documents = [document(each) for each in types]
        typer.echo(json.dumps(documents[0] if single else documents, indent=2, ensure_ascii=False))
    elif single:
        _show(types[0])
    else:
        _list(types)


def document(known: "EventType") -> dict[str, Any]:
    """A type as JSON: names, family, and each field with its place for `unknown_fields: pass`, null where it is not sent."""
    from currents_segment.codecs.mapping import ENVELOPE, plan  # noqa: PLC0415 - as above

    steps = {step.field: step for step in plan(known, tuple(known.fields), "pass").steps}
    fields = [
        {
            "name": field.name,
            "type": field.type,
            "nullable": field.nullable,
            "place": field.place if field.name in ENVELOPE else steps[field.name].place if field.name in steps else None,
            "published": not field.unpublished,
            "personal": field.pii,
        }
        for field in known.fields.values()
    ]
    return {
        "type": known.name,
        "aliases": list(known.aliases),
        "family": known.family,
        "segment_name": known.segment_name,
        "name_is_ours": known.name_is_ours,
        "older_names": list(known.older_names),
        "listed": known.listed,
        "fields": fields,
    }


def _list(types: "list[EventType]") -> None:
    rows = [
        (each.name, each.family, each.segment_name + (" *" if each.name_is_ours else ""), str(len(each.fields) or "-")) for each in types
    ]
    _table(("TYPE", "FAMILY", "NAME IN SEGMENT", "FIELDS"), rows)
    typer.echo(
        f"\n{len(types)} types. * = Braze publishes no name; ours follows a rule. - = no fields are published: all are passed on.", err=True
    )


def _show(known: "EventType") -> None:
    shown = document(known)
    typer.echo(f"{known.name}  ({known.family})")
    typer.echo(f"in Segment: {known.segment_name}{' (ours: Braze publishes no name)' if known.name_is_ours else ''}")
    if known.older_names:
        typer.echo(f"names preset legacy: {known.older_names[0]}")
    if known.aliases:
        typer.echo(f"also spelled: {', '.join(known.aliases)}")
    if not known.fields:
        typer.echo("no fields are published: all are passed on")
        return
    typer.echo("")
    _table(
        ("FIELD", "TYPE", "IN THE MESSAGE", "NOTE"),
        [
            (
                field["name"],
                field["type"] + ("?" if field["nullable"] else ""),
                field["place"] or "-",
                ", ".join(
                    note
                    for note, says in (("personal", field["personal"]), ("no place is published: passed on", not field["published"]))
                    if says
                ),
            )
            for field in shown["fields"]
        ],
    )
    typer.echo("\n? = may be null, and is left out then. - = not sent: Braze's published payload does not have it.", err=True)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Columns as wide as they must be: names are there to be copied, so nothing is cut or wrapped."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
