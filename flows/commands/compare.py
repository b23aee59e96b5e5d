"""`compare`: what Segment kept against the expected outcome of a simulated export."""

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from currents_segment.flows.errors import FailedError, UserError

if TYPE_CHECKING:
    from currents_segment.flows.simulate.compare import Verdict

_WEB: Final = ("http://", "https://")


def compare(
    expected: Annotated[
        list[Path], typer.Option(help="Expected outcome, as `simulate currents` saved it; repeat for more.", dir_okay=False)
    ],
    view: Annotated[str, typer.Option(help="URL of the double (http://HOST:PORT), or a file with its view, JSON lines.")],
    status: Annotated[
        str | None,
        typer.Option(
            help="Status document with the ledger: URL (http://HOST:PORT/status) or JSON file. Without it the ledger is not compared."
        ),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(help="CONNECTOR=SOURCE, where the double's source has another name than the connector; repeat for more."),
    ] = None,
) -> None:
    """What Segment would really keep against what it must have: missing, spurious, corrupted, repeated messages, and the ledger's counts.

    Messages are told apart by content; values never appear, only the names of fields that differ.

    \b
    currents-segment compare --expected ./expected.jsonl.gz --view http://127.0.0.1:8080
    currents-segment compare --expected shop.gz --expected app.gz --view view.jsonl --status status.json

    Exit code 0 when all is as expected, 1 with the differences.
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    from itertools import chain  # noqa: PLC0415 - commands import when they run, so that --help is quick

    from currents_segment.flows.simulate import compare as comparison  # noqa: PLC0415
    from currents_segment.flows.simulate.expected_file import read_due, read_ledgers, total  # noqa: PLC0415

    ledgers = total([read_ledgers(path) for path in expected])
    connector_of = _sources(source or (), ledgers)
    ledger = comparison.counts(ledgers, _ledger(status)) if status else []
    with _lines(view) as lines:
        kept = _kept(lines, connector_of, view)
        verdicts = comparison.messages(lambda: chain.from_iterable(read_due(path) for path in expected), kept, ledgers)
    for name, verdict in verdicts.items():
        typer.echo(_line(name, verdict))
        for kind, examples in verdict.examples.items():
            for example in examples:
                typer.echo(f"  {kind}: {example}")
    for line in ledger:
        typer.echo(line)
    if view.startswith(_WEB):
        typer.echo(_sent_again(view))
    if ledger or not all(verdict.equal for verdict in verdicts.values()):
        raise typer.Exit(1)


def _line(name: str, verdict: "Verdict") -> str:
    sums = f"expected={verdict.expected:,} kept={verdict.kept:,}"
    return f"{name}: {sums} missing={verdict.missing:,} spurious={verdict.spurious:,} corrupted={verdict.corrupted:,} repeated={verdict.repeated:,}"


def _sent_again(view: str) -> str:
    """What the double received beyond what it kept: no difference by itself, since a crash or a lost answer may make it right."""
    import httpx  # noqa: PLC0415

    try:
        total = httpx.get(f"{_double(view)}/summary", timeout=60).raise_for_status().json()["total"]
    except httpx.HTTPError as fault:
        raise FailedError(f"--view {view}: the summary cannot be read: {fault}") from None
    again, refused = total["duplicates"], sum(total["refused"].values())
    kinds = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in again.items())
    return (
        f"Segment received {total['received']:,} messages, dropped {sum(again.values()):,} as sent again ({kinds}) and refused {refused:,}"
    )


def _double(view: str) -> str:
    """The double's own pages."""
    return f"{view.rstrip('/').removesuffix('/_double/view')}/_double"


def _sources(pairs: Sequence[str], connectors: Container[str]) -> dict[str, str]:
    """Connector by the name of the double's source."""
    found = {}
    for pair in pairs:
        connector, equals, source = pair.partition("=")
        if not equals:
            raise UserError(f"--source {pair}: write it as CONNECTOR=SOURCE")
        if connector not in connectors:
            raise UserError(f"--source {pair}: the expected outcome has no connector {connector}")
        found[source] = connector
    return found


def _kept(lines: Iterator[bytes], connector_of: dict[str, str], view: str) -> Iterator[Any]:
    from currents_segment.flows.simulate.compare import message  # noqa: PLC0415

    for number, line in enumerate(lines, 1):
        try:
            yield message(line, connector_of)
        except (ValueError, LookupError, TypeError, AttributeError) as fault:
            raise UserError(f"--view {view}: line {number} is not of a double's view ({type(fault).__name__})") from None


@contextmanager
def _lines(view: str) -> Iterator[Iterator[bytes]]:
    """The view, line by line, however long it is."""
    import httpx  # noqa: PLC0415

    if not view.startswith(_WEB):
        try:
            with Path(view).open("rb") as file:
                yield (line for line in file if line.strip())
        except OSError as fault:
            raise UserError(f"--view {view}: cannot be read: {fault.strerror}") from None
        return
    url = f"{_double(view)}/view"
    try:
        with httpx.stream("GET", url, timeout=60) as answer:
            if answer.status_code != httpx.codes.OK:
                raise FailedError(f"--view {url}: answers {answer.status_code}; is it the double of `currents-segment simulate segment`?")
            yield _split(answer.iter_bytes())
    except httpx.HTTPError as fault:
        raise FailedError(f"--view {url}: cannot be read: {fault}") from None


def _split(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Lines, at line feeds only: a message may hold other characters that text is split at."""
    rest = b""
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        yield from filter(None, lines)
    if rest:
        yield rest


def _ledger(status: str) -> dict[str, Any]:
    """The connectors of a status document."""
    import httpx  # noqa: PLC0415
    import orjson  # noqa: PLC0415

    try:
        served = status.startswith(_WEB)
        body = httpx.get(status, timeout=60).raise_for_status().content if served else Path(status).read_bytes()
        connectors: dict[str, Any] = orjson.loads(body)["connectors"]
    except httpx.HTTPError as fault:
        raise FailedError(f"--status {status}: cannot be read: {fault}") from None
    except OSError as fault:
        raise UserError(f"--status {status}: cannot be read: {fault.strerror}") from None
    except (ValueError, LookupError, TypeError):
        raise UserError(f"--status {status}: not a status document; `currents-segment status --json` prints one") from None
    return connectors
