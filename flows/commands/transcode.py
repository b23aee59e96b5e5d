"""`transcode`: an Avro file of Currents as Segment messages, to see what a connector makes of it; nothing is sent."""

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from currents_segment.codecs.outcome import Outcome, State
from currents_segment.flows.commands.file import records_of
from currents_segment.flows.commands.profile import profile_of
from currents_segment.flows.errors import FailedError

if TYPE_CHECKING:
    from currents_segment.codecs.chunk import Messages


def transcode(
    file: Annotated[Path, typer.Argument(help="Avro object container file, as Braze writes them.", show_default=False)],
    config: Annotated[Path | None, typer.Option(help="Configuration file; without one everything is selected.", dir_okay=False)] = None,
    connector: Annotated[str | None, typer.Option(help="Connector of the configuration through whose eyes the file is seen.")] = None,
) -> None:
    """The Segment messages of an Avro file, one line of JSON each on stdout; how its events ended on stderr. Nothing is deduplicated or sent.

    \b
    currents-segment transcode export.avro | jq .event | sort | uniq -c
    currents-segment transcode export.avro --config segment.yaml --connector shop-to-segment > messages.jsonl

    Exit code 1 when something in the file could not be decoded; the rest is there all the same.
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    from currents_segment.codecs.catalogue import load  # noqa: PLC0415 - commands import when they run, so that --help is quick
    from currents_segment.codecs.transcoder import Transcoder  # noqa: PLC0415

    decoder = Transcoder(profile_of(config, connector), load())
    kept, tally, unknown = 0, Counter[Outcome](), Counter[str]()
    for records in records_of(file):
        messages = decoder.decode(records)
        _write(messages)
        kept += len(messages.ids)
        tally.update(messages.tally)
        unknown.update(messages.unknown)
        for letter in messages.letters:
            typer.echo(f"{letter.id}: {letter.outcome}: {letter.detail}", err=True)
    sys.stdout.buffer.flush()
    counts = [f"{kept:,} messages", *(f"{outcome} {count:,}" for outcome, count in tally.items())]
    typer.echo(", ".join(counts), err=True)
    for name, count in unknown.items():
        typer.echo(f"unknown to the catalogue: {name} ({count:,} times)", err=True)
    if bad := sum(count for outcome, count in tally.items() if outcome.state is State.UNDECODABLE):
        raise FailedError(f"{file}: {bad:,} events could not be decoded")


def _write(messages: "Messages") -> None:
    """Each message on a line of its own, without the comma behind it."""
    begin = 0
    for end in messages.ends.tolist():
        sys.stdout.buffer.write(messages.bodies[begin : end - 1] + b"\n")
        begin = end
