"""`simulate currents`: an export of Braze Currents in a folder or bucket, and what must become of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from currents_segment.flows.errors import UserError

if TYPE_CHECKING:
    from currents_segment.flows.simulate.currents import Round
    from currents_segment.flows.simulate.currents_mess import Mess
    from currents_segment.flows.simulate.currents_publish import Wait
    from currents_segment.flows.simulate.expected import Policy
    from currents_segment.flows.simulate.expected_file import Ledgers


def simulate_currents(  # noqa: PLR0917 - typer makes options of them
    out: Annotated[str, typer.Option(help="Where the files go: a folder, or s3://, gs://, az:// with a prefix.")],
    count: Annotated[int, typer.Option(help="How many events, without --rate.", min=1)] = 10_000,
    rate: Annotated[
        float | None, typer.Option(help="Events a second: keeps writing files over time instead of all at once.", min=0.01)
    ] = None,
    duration: Annotated[float | None, typer.Option(help="Seconds to go on with --rate; without it, until Ctrl-C.", min=0.1)] = None,
    every: Annotated[float, typer.Option(help="Seconds between files with --rate.", min=0.05)] = 2.0,
    seed: Annotated[int, typer.Option(help="The same seed and --base-time give the same files, byte for byte.")] = 0,
    codec: Annotated[
        Literal["null", "deflate", "snappy", "zstandard", "bzip2", "xz"], typer.Option(help="Compression of the container blocks.")
    ] = "deflate",
    layout: Annotated[Literal["old", "new"], typer.Option(help="Braze's folders: the old ones, or those of 2026.")] = "new",
    types: Annotated[
        list[str] | None, typer.Option(help="Event type or glob, such as 'users.messages.email.*'; repeat for more. All by default.")
    ] = None,
    events_per_file: Annotated[int, typer.Option(help="Most events in a file.", min=1)] = 1_000,
    block: Annotated[int, typer.Option(help="Events in a container block.", min=1)] = 100,
    hours: Annotated[int, typer.Option(help="Hours up to --base-time over which --count is spread.", min=1, max=10_000)] = 1,
    base_time: Annotated[
        str | None, typer.Option(help="End of the export (with --rate: its beginning), such as 2026-01-02T03:00:00Z. Now by default.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE for the object store; credentials come from the environment. Repeat for more.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Configuration whose connectors will read the files: gives the expected outcome.", dir_okay=False)
    ] = None,
    workspace: Annotated[
        str | None, typer.Option(help="Workspace that reads them; by default those with a source at --out, or the only one.")
    ] = None,
    expected: Annotated[
        Path | None, typer.Option(help="File for the expected outcome, outside of --out; beside --out by default.", dir_okay=False)
    ] = None,
    tidy: Annotated[bool, typer.Option("--tidy", help="Nothing untoward: every share that is not given is 0.")] = False,
    share: Annotated[
        list[str] | None, typer.Option(help="KIND=SHARE between 0 and 1, such as duplicates=0.05; kinds below. Repeat for more.")
    ] = None,
) -> None:
    """A Braze that exports Currents: Avro files of every event type, with all that makes real exports hard.

    \b
    20,000 e-mail events and nothing odd, compressed by snappy, in the old folders:
    currents-segment simulate currents --out ./currents --count 20000 --types 'users.messages.email.*' --codec snappy --layout old --tidy

    \b
    An untidy export for the connectors of a configuration, and what must become of each event:
    currents-segment simulate currents --out ./currents --count 100000 --config segment.yaml --expected ./expected.jsonl.gz
    currents-segment run segment.yaml --once
    currents-segment compare --expected ./expected.jsonl.gz --view http://127.0.0.1:8080

    \b
    50 events a second, a round of files every two seconds, until Ctrl-C:
    currents-segment simulate currents --out ./currents --rate 50

    \b
    Kinds of --share:
    of events  duplicates (again in the same file), again (in a later file), no_identity (neither id), redacted ([REDACTED] for one id),
               strange (beyond ASCII, control characters), long (thousands of characters), oversize (too large for Segment)
    of users   anonymous (no external id)
    of files   older, newer (schemas), misplaced (in another type's folder), corrupt (a block), truncated
    extra files for each regular one: unknown (of a type that nobody knows), not_avro, empty

    The expected outcome is worked out from the rules, without the code that `run` uses. It presumes `start: earliest` and an empty place.
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    import time  # noqa: PLC0415 - commands import when they run, so that --help is quick

    from currents_segment.flows.simulate.currents import Export, Simulator, paced, spread  # noqa: PLC0415
    from currents_segment.flows.simulate.currents_publish import opened, publish  # noqa: PLC0415
    from currents_segment.flows.simulate.currents_types import choose, load  # noqa: PLC0415
    from currents_segment.flows.simulate.expected import Expectation  # noqa: PLC0415
    from currents_segment.flows.simulate.expected_file import Writer, ledgers  # noqa: PLC0415

    place = _place(out)
    base = _time(base_time) if base_time else time.time()
    # at a low rate a round has too few events for a file of each type: the types take turns
    export = Export(
        choose(load(), types or ()), seed, codec, layout, events_per_file, block, 1 if rate is None else 50, _mess(tidy, share or ())
    )
    rounds: Iterator[Round] = spread(count, hours, base) if rate is None else paced(rate, duration, every, base)
    policies = _policies(config, workspace, place) if config else []
    target = _target(expected, place) if config else None
    if expected and not config:
        raise UserError("--expected needs --config FILE: what must become of an event depends on the connectors that read it")
    put = opened(place, _pairs("--option", option or ()))
    expectation = Expectation(policies)
    with Writer(target) as writer, _signals(base, pacing=rate is not None) as (wait, stopped):
        written = publish(Simulator(export).files(rounds), put, wait, expectation, writer.write)
        writer.finish(expectation.counts)
        ended = stopped()
    typer.echo(f"{written.files:,} files, {written.events:,} events, {written.size:,} B in {place}")
    if target:
        typer.echo(f"expected outcome, in {target}:")
        typer.echo(_table(ledgers(expectation.counts)))
    if ended and (rate is None or duration is not None):
        raise typer.Exit(130)  # with --rate alone, Ctrl-C is how it ends


def _place(out: str) -> str:
    from currents_segment.flows.config import places  # noqa: PLC0415
    from currents_segment.flows.config.quantities import WrongValueError  # noqa: PLC0415

    try:
        return places.normal(out, Path.cwd())
    except WrongValueError as fault:
        raise UserError(f"--out: {fault}") from None


def _time(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"--base-time {text}: not a time; write it as 2026-01-02T03:00:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _pairs(name: str, texts: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UserError(f"{name}: {key or 'an empty name'}: write it as KEY=VALUE")
        pairs[key] = value
    return pairs


def _mess(tidy: bool, shares: Sequence[str]) -> "Mess":
    from dataclasses import replace  # noqa: PLC0415
    from difflib import get_close_matches  # noqa: PLC0415

    from currents_segment.flows.simulate.currents_mess import KINDS, TIDY, Mess  # noqa: PLC0415

    numbers = {}
    for kind, text in _pairs("--share", shares).items():
        if kind not in KINDS:
            near = get_close_matches(kind, KINDS, 1, 0)
            raise UserError(f"--share {kind}: no such kind; did you mean {near[0]}? All kinds: {', '.join(KINDS)}")
        try:
            numbers[kind] = float(text)
        except ValueError:
            raise UserError(f"--share {kind}={text}: not a number; write a share between 0 and 1, such as {kind}=0.05") from None
    return replace(TIDY if tidy else Mess(), **numbers)


def _policies(path: Path, workspace: str | None, place: str) -> "list[Policy]":
    """The connectors that will read the place."""
    from currents_segment.flows.config import load  # noqa: PLC0415
    from currents_segment.flows.simulate.expected import Policy  # noqa: PLC0415

    config = load(path, secrets=False)
    names = list(config.workspaces)
    readers = [name for name in names if any(source.url == place for source in config.workspaces[name].buckets.values())]
    chosen = [workspace] if workspace else readers or (names if len(names) == 1 else [])
    if not chosen:
        raise UserError(f"{path}: no workspace has a source at {place}; say which one will read it: --workspace {'|'.join(names)}")
    if workspace and workspace not in names:
        raise UserError(f"--workspace {workspace}: {path} has no such workspace, only {', '.join(names)}")
    return [
        Policy(config.profile(connector), it.everything or bool(workspace.kafkas))  # a topic has no folders that could be left out
        for workspace in map(config.workspaces.__getitem__, chosen)
        for connector, it in workspace.connectors.items()
    ]


def _target(expected: Path | None, place: str) -> Path:
    """Where the expected outcome goes; never where a connector would read it."""
    from urllib.parse import unquote, urlsplit  # noqa: PLC0415

    folder = Path(unquote(urlsplit(place).path)) if place.startswith("file://") else None
    if expected is None and folder is None:
        raise UserError("--expected FILE is needed where --out is a bucket: the expected outcome must not lie among the events")
    target = expected.absolute() if expected else folder.with_name(f"{folder.name}.expected.jsonl.gz")  # type: ignore[union-attr]
    if folder and target.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"--expected {expected}: lies in --out, where connectors would read it; put it elsewhere")
    return target


@contextmanager
def _signals(base: float, *, pacing: bool) -> "Iterator[tuple[Wait, Callable[[], bool]]]":
    """Waits for times of the export, and ends it between two files on Ctrl-C and SIGTERM."""
    import os  # noqa: PLC0415
    import select  # noqa: PLC0415
    import signal  # noqa: PLC0415
    import time  # noqa: PLC0415

    # a pipe, not an event: a handler that takes a lock can meet its own thread holding it
    begun, (told, tell) = time.monotonic(), os.pipe()
    before = {number: signal.signal(number, lambda *_: os.write(tell, b"!")) for number in (signal.SIGINT, signal.SIGTERM)}

    def stopped(patience: float = 0.0) -> bool:
        return bool(select.select([told], [], [], patience)[0])

    def wait(at: float) -> bool:
        return not stopped(max(0.0, at - base - (time.monotonic() - begun)) if pacing else 0)

    try:
        yield wait, stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(told)
        os.close(tell)


def _table(ledgers: "Ledgers") -> str:
    """A line a connector, an equation each."""
    lines = []
    for name, ledger in ledgers.items():
        terms = " + ".join(f"{count:,} {outcome}" for outcome, count in ledger["outcomes"].items())
        lines.append(f"{name}: {ledger['received']:,} received = {terms or 'nothing'}")
    return "\n".join(lines)
