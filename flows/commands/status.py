"""`status`: the ledger and every connector's health, from the processes that run or from what the last run left."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from currents_segment.flows.errors import FailedError, UserError

if TYPE_CHECKING:
    from currents_segment.flows.telemetry.ask import Found

EVERY: Final = 2.0  # s between two looks with --watch


def status(
    config: Annotated[
        Path | None, typer.Argument(help="Configuration file: its http address and state folder are asked.", show_default=False)
    ] = None,
    url: Annotated[
        list[str] | None,
        typer.Option(
            help="Ask the process at this address instead, such as http://127.0.0.1:8321; repeat it for processes on other machines.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The status document, one line of JSON.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds until Ctrl-C.")] = False,
) -> None:
    """How a run is doing: what came in, what became of it, and how each connector is, since when and why.

    \b
    currents-segment status segment.yaml
    currents-segment status --url http://127.0.0.1:8321 --json | jq .connectors
    currents-segment status --url http://node-0:8321 --url http://node-1:8321 --watch

    All processes of a cluster are shown as one. When nothing runs, it shows how the last run ended (only with a configuration file).

    Exit code 1 when a connector is failing or held, a process does not answer, the ledger does not add up, or there is nothing to show.
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    if (config is None) == (not url):
        raise UserError(
            "whose status: give either the configuration file or --url, for example: currents-segment status --url http://127.0.0.1:8321"
        )
    while True:
        found = _find(config, url or [])
        _show(found, as_json=as_json, clear=watch)
        if not watch:
            break
        time.sleep(EVERY)
    if not _well(found):
        raise typer.Exit(1)


def _find(config: Path | None, urls: list[str]) -> "Found":
    from currents_segment.flows.telemetry import ask, words  # noqa: PLC0415 - commands import when they run, so that --help is quick

    if config is None:
        try:
            return ask.running(urls)
        except ask.SilentError as silent:
            raise FailedError(f"{silent}; does it run, and is this its http address?") from silent
    from currents_segment.flows.config import load  # noqa: PLC0415 - as above

    settings = load(config, secrets=False)  # who looks need not be who may send
    why = "http is off in the configuration"
    if settings.http is not None:
        place = ask.address(settings.http.host, settings.http.port)
        try:
            found = ask.running([place])
        except ask.SilentError as silent:
            why = str(silent)
        else:
            strangers = set(found.document["connectors"])
            if strangers and strangers.isdisjoint(settings.connectors):
                raise FailedError(
                    f"at {place} runs another configuration, with {', '.join(sorted(strangers))}; give one of the two another http.port"
                )
            return found
    left = ask.saved(settings.state)
    if left is None:
        raise FailedError(
            f"{why}, and {settings.state} holds no status of an earlier run: it has not run yet, or not with this state folder"
        )
    note = f"not running; {left.note}"
    if settings.http is None:
        note = f"{why}; this is what the state folder tells, as of {words.moment(left.document['at'])}: {left.document['phase']}"
    return ask.Found(left.document, running=False, note=note)


def _show(found: "Found", *, as_json: bool, clear: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found.document))
        for line in (found.note, *found.missing):
            if line:
                typer.echo(f"currents-segment: {line}", err=True)
        return
    from currents_segment.flows.status import ledger_table, ledger_text  # noqa: PLC0415 - as above
    from currents_segment.flows.telemetry import words  # noqa: PLC0415 - as above

    document = found.document
    about = [f"{words.headline(document)} (as of {words.moment(document['at'])})" if found.running else found.note]
    about += [f"! {line}" for line in found.missing]
    report = "\n".join(("", words.report(document), "", words.dedup(document)))
    if sys.stdout.isatty():
        from rich.console import Console  # noqa: PLC0415 - only a terminal needs it

        console = Console(highlight=False)
        if clear:
            console.clear()
        console.print(*about, sep="\n", markup=False, soft_wrap=True)
        console.print(ledger_table(document))
        console.print(report, markup=False, soft_wrap=True)
    else:
        typer.echo("\n".join((*about, "", ledger_text(document), report)))


def _well(found: "Found") -> bool:
    from currents_segment.flows.status import balance  # noqa: PLC0415 - as above

    connectors = found.document["connectors"].values()
    ill = any(one["health"] in {"failing", "held"} or one["lag"]["error"] or one["letters_error"] for one in connectors)
    return not (ill or balance(found.document) or found.missing)
