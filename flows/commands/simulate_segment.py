"""`simulate segment`: a double of Segment on a local port, until it is stopped."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from currents_segment.flows.errors import UserError

if TYPE_CHECKING:
    from currents_segment.flows.simulate.segment import Double
    from currents_segment.flows.simulate.segment_keep import Tally


def simulate_segment(  # noqa: PLR0917 - typer makes options of them
    key: Annotated[
        list[str],
        typer.Option(
            help="NAME=KEY: a Segment source and its write key; repeat for more. Other keys are answered 200 and lost, as Segment does."
        ),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.", min=0, max=65535)] = 0,
    disabled: Annotated[
        list[str] | None, typer.Option(help="NAME of a source that is disabled: answered 200, nothing kept; repeat for more.")
    ] = None,
    faults: Annotated[Path | None, typer.Option(help="YAML or JSON file with a fault or a list of them, in force from the start.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the faults that strike with a probability.")] = 0,
    keep: Annotated[Literal["all", "none"], typer.Option(help="'none' counts without keeping the messages: for load.")] = "all",
    ready_file: Annotated[Path | None, typer.Option(help="File that gets the port when the double listens.")] = None,
) -> None:
    """A double of Segment's tracking API: answers as its edge does, shows what Segment would keep, fails as scripted.

    \b
    currents-segment simulate segment --port 8080 --key shop=shop-write-key
    curl -u shop-write-key: -d '{"batch":[{"type":"track","event":"Hi","userId":"1"}]}' http://127.0.0.1:8080/v1/batch

    \b
    What would be kept, and the counts:
    curl http://127.0.0.1:8080/_double/view?source=shop
    curl http://127.0.0.1:8080/_double/summary

    \b
    Two answers of 429, and an outage of ten seconds, while it runs:
    curl -d '{"do":"status","status":429,"retry_after":5,"count":2}' http://127.0.0.1:8080/_double/faults
    curl -d '{"do":"status","status":503,"source":"shop","seconds":10}' http://127.0.0.1:8080/_double/faults

    Ctrl-C or SIGTERM ends it with the counts on the screen and exit code 0.
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    import asyncio  # noqa: PLC0415 - commands import when they run, so that --help is quick
    import gc  # noqa: PLC0415

    from currents_segment.flows.simulate.segment import Double  # noqa: PLC0415

    try:
        double = Double(_keys(key), seed=seed, keep=keep)
    except ValueError as error:
        raise UserError(f"--key: {error}") from error
    for name in disabled or ():
        try:
            double.set_key(name, disabled=True)
        except ValueError as error:
            raise UserError(f"--disabled {name}: no --key gives a source of this name") from error
    if faults is not None:
        _script(double, faults)
    gc.freeze()
    gc.set_threshold(100_000)  # objects: parsed messages hold no cycles, and the default would search them all several times a batch
    asyncio.run(_serve(double, host, port, ready_file))
    for name, tally in double.tallies().items():
        typer.echo(_counts(name, tally))


def _keys(pairs: list[str]) -> dict[str, str]:
    """NAME=KEY to a map; the message of a mistake never repeats a key."""
    keys: dict[str, str] = {}
    for number, pair in enumerate(pairs, start=1):
        name, equals, key = pair.partition("=")
        if not equals:
            raise ValueError(f"number {number} is not of the form NAME=KEY, for example shop=shop-write-key")
        if name in keys:
            raise ValueError(f"source {name} is given twice; a source has one write key")
        keys[name] = key
    return keys


def _script(double: "Double", path: Path) -> None:
    import yaml  # noqa: PLC0415

    try:
        double.script(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"--faults {path}: cannot be read: {error.strerror}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise UserError("\n".join(f"--faults {path}: {line}" for line in str(error).splitlines())) from error


async def _serve(double: "Double", host: str, port: int, ready_file: Path | None) -> None:
    """Listen until SIGINT or SIGTERM."""
    import asyncio  # noqa: PLC0415
    import signal  # noqa: PLC0415

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        url = await double.start(host, port)
    except OSError as error:
        raise UserError(f"--host {host} --port {port}: cannot listen: {error.strerror}; --port 0 takes any free port") from error
    try:
        if ready_file is not None:
            _announce(ready_file, url.rpartition(":")[2])
        typer.echo(f"segment double listening on {url}")
        await stop.wait()
    finally:
        await double.stop()


def _announce(path: Path, port: str) -> None:
    """Write the port so that a reader sees the whole of it or no file."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(port, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise UserError(f"--ready-file {path}: cannot be written: {error.strerror}") from error


def _counts(name: str, tally: "Tally") -> str:
    """One source, one line: what came, and what Segment would have made of it."""
    requests = ", ".join(f"{number:,} x {outcome}" for outcome, number in sorted(tally.requests.items()))
    reasons = ", ".join(f"{number:,} {reason.value}" for reason, number in tally.refused.items())
    line = f"{name}: {tally.requests.total():,} requests{requests and f' ({requests})'}; {tally.received:,} events = {tally.kept:,} kept"
    line += f" + {tally.duplicates.total():,} duplicate + {tally.refused.total():,} refused{reasons and f' ({reasons})'}"
    return line + (f"; {tally.turned_away:,} turned away" if tally.turned_away else "")
