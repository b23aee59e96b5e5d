"""`dead-letters replay`: what did not reach Segment is sent again, once."""

import asyncio
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from currents_segment.codecs.outcome import State
from currents_segment.flows.commands.dead_letters_scope import (
    All,
    Connector,
    Ids,
    Reading,
    Reason,
    Since,
    Until,
    Yes,
    explicit,
    plural,
    scope,
)
from currents_segment.flows.errors import FailedError, UserError

if TYPE_CHECKING:
    from currents_segment.flows.config import Config
    from currents_segment.flows.replay import Judge, Plan
    from currents_segment.flows.replay_send import Result
    from currents_segment.sinks.dead_letters import DeadLetters

NAMED: Final = 20  # refused letters that are named; `list --not-replayed` shows the others
TERMINAL_EVERY: Final = 0.2  # s between two looks of a person at the progress
LOG_EVERY: Final = 10.0  # s between two lines where nobody looks


def dead_letters_replay(  # noqa: PLR0917 - typer makes options of them
    config: Annotated[
        Path, typer.Argument(help="Configuration file: where the letters are, and how each connector sends.", show_default=False)
    ],
    connector: Connector = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    ids: Ids = None,
    everything: All = False,
    schema: Annotated[
        Path | None,
        typer.Option(help="Avro schema (JSON) to read undecodable bytes by, instead of the one kept with them.", show_default=False),
    ] = None,
    patience: Annotated[str, typer.Option(help="Give a failing endpoint up after so long; a later replay goes on there.")] = "10m",
    yes: Yes = False,
) -> None:
    """Send letters again, with their messageIds; without --yes, tell what would be sent.

    \b
    currents-segment dead-letters replay segment.yaml --reason expired --since 3d
    currents-segment dead-letters replay segment.yaml --connector shop-to-segment --reason expired --yes
    currents-segment dead-letters replay segment.yaml --id 'a.avro#3.0' --schema fixed.avsc

    Each batch that Segment takes is marked beside the letters before the next one is sent, and what is marked is never sent again: after an
    interruption, type the same again. Letters stay where they are; drop --replayed deletes those that were sent.

    Exit codes: 0 all of it was sent, now or before; 1 something is left, and why is said; 130 interrupted.
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    from currents_segment.flows.config import load  # noqa: PLC0415 - commands import when they run, so that --help is quick
    from currents_segment.flows.replay import Plan, cases  # noqa: PLC0415
    from currents_segment.sinks.dead_letters import opened  # noqa: PLC0415

    which = scope(connector=connector, reason=reason, since=since, until=until, ids=ids)
    explicit(which, everything=everything)
    limit = _duration(patience)
    settings = load(config, secrets=yes)
    if connector is not None and connector not in settings.connectors:
        raise UserError(f"--connector: {connector!r} is not in {config}; it has {', '.join(settings.connectors)}")
    judges = _judges(settings, _schema(schema, reason, ids))
    place = opened(settings.dead_letters)
    with ExitStack() as held:
        if yes:
            held.enter_context(_held(place))  # before the marks are read
        reading = Reading(place, which)
        if not reading.whole:
            reading.tell()
            raise FailedError("marks of what was sent cannot be read, as named above, so nothing is sent; mend or remove them")
        plan = Plan()
        try:
            for _ in cases(reading, judges, reading.marks, plan):
                pass
            _tell(plan, "to send" if yes else "would be sent")
            if not yes:
                typer.echo("nothing was sent; --yes sends it" if plan.letters else "nothing is to be sent")
                reading.end()
                return
            result, stopped = _send(settings, reading, judges, plan, limit) if plan.letters else (None, False)
        except KeyboardInterrupt:  # outside of the sending, or the second one
            typer.echo("interrupted; type the same again to go on", err=True)
            raise typer.Exit(130) from None
        _end(plan, result, reading, stopped=stopped)


def _held(place: "DeadLetters") -> AbstractContextManager[object]:
    """One replay of a folder at a time. Buckets and topics, and machines that share a folder, have no lock."""
    from currents_segment.flows.lock import hold  # noqa: PLC0415
    from currents_segment.sinks.dead_letters import LOCK  # noqa: PLC0415

    folder = place.folder
    if folder is None or not folder.is_dir():
        return nullcontext()
    try:
        return hold(
            folder / LOCK, "two replays at once would both send what neither has marked yet: wait for its end, and type the same again"
        )
    except OSError as error:
        raise FailedError(
            f"nothing was sent, because what is sent could not be marked: {folder}: {error.strerror}; make it writable"
        ) from error


def _send(settings: "Config", reading: Reading, judges: "dict[str, Judge]", plan: "Plan", patience: float) -> "tuple[Result, bool]":
    """Sends connector after connector, so that one that fails holds up none of the others for longer than the patience; whether it was interrupted."""
    from currents_segment.flows.clock import clock  # noqa: PLC0415
    from currents_segment.flows.replay import Plan, cases  # noqa: PLC0415
    from currents_segment.flows.replay_send import Replay, Result  # noqa: PLC0415
    from currents_segment.sinks.segment.client import Client  # noqa: PLC0415
    from currents_segment.sinks.segment.keys import Key  # noqa: PLC0415

    now = clock(os.environ)
    result = Result()
    progress = _Progress(lambda: f"{result.sent:,} of {plan.messages.total():,} sent, {len(result.refused):,} refused")

    async def work() -> bool:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _once, loop, stop)
        for name in plan.letters:
            one = settings.connectors[name]
            client = Client(endpoint=one.endpoint, key=Key(one.write_key), timeout=one.limits.timeout)
            replay = Replay(
                one,
                client,
                marks=reading.marks,
                letters=reading.place,
                clock=now,
                random=random.random,
                patience=patience,
                stop=stop,
                result=result,
                told=progress.look,
            )
            try:
                end = await replay.run(cases(reading.of(replace(reading.scope, connector=name)), judges, reading.marks, Plan()))
            finally:
                await client.close()
            _fold(reading.place, name, now())
            if end == "stopped":
                return True
        return False

    try:
        return result, asyncio.run(work())
    except OSError as error:
        raise FailedError(
            f"stopped after {plural(result.sent, 'message')}, because what is sent cannot be marked: {error}. "
            "Make the place writable and type the same again; the last batch may be sent twice, which Segment recognises by messageId"
        ) from error
    finally:
        progress.end()


def _fold(place: "DeadLetters", connector: str, now: float) -> None:
    """Fewer objects to read next time; nothing is lost where it cannot be done."""
    try:
        place.fold(connector, now)
    except OSError as error:
        typer.echo(f"marks of {connector} could not be put together: {error}; they are all there", err=True)


def _once(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """The first signal ends it in good order; the next one ends it as a signal does."""
    stop.set()
    typer.echo("stopping when the answer under way is there; once more ends it at once", err=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)


def _end(plan: "Plan", result: "Result | None", reading: Reading, *, stopped: bool) -> None:
    """What was sent, what is left and why; and the exit code of it."""
    sent = refused = 0
    if result is not None:
        sent, refused = result.sent, len(result.refused)
        for id_, status in result.refused[:NAMED]:
            typer.echo(f"refused again with {status}: {id_}", err=True)
        if refused > NAMED:
            typer.echo(f"and {refused - NAMED:,} more; dead-letters list --not-replayed shows them", err=True)
        for name, why in result.failed.items():
            typer.echo(f"{name}: the endpoint did not take it, last answer {why}", err=True)
    left = max(0, plan.messages.total() - sent - refused)
    typer.echo(f"{plural(sent, 'message')} sent, {refused:,} refused again, {left:,} left")
    reading.tell()
    if stopped:
        typer.echo("interrupted; type the same again to go on", err=True)
        raise typer.Exit(130)
    staying = plan.stays.total()
    if refused or left or staying or plan.rest or not reading.whole:
        raise FailedError("not everything in the scope has been sent; what is left is said above, and stays among the dead letters")


def _tell(plan: "Plan", verb: str) -> None:
    for name in sorted(plan.letters):
        typer.echo(f"{name}: {plural(plan.messages[name], 'message')} of {plural(plan.letters[name], 'letter')} {verb}")
    if plan.rest:
        typer.echo(f"{plural(plan.rest, 'letter')} kept anew, for what of their bytes still cannot be sent")
    if plan.before:
        typer.echo(f"{plural(plan.before, 'letter')} sent before")
    for why, letters in plan.stays.most_common():
        still = "still " if why.partition("/")[0] in set(State) else ""
        typer.echo(f"{plural(letters, 'letter')} cannot be sent: {still}{why}")


def _judges(settings: "Config", schema: str | None) -> "dict[str, Judge]":
    from currents_segment.codecs import catalogue  # noqa: PLC0415
    from currents_segment.flows.replay import Judge  # noqa: PLC0415

    known = catalogue.load()
    return {name: Judge(settings.profile(name), known, schema) for name in settings.connectors}


def _schema(path: Path | None, reason: str | None, ids: list[str] | None) -> str | None:
    """The corrected schema; it is for bytes that somebody has looked at."""
    if path is None:
        return None
    if not ids and (reason or "").partition("/")[0] != State.UNDECODABLE and reason not in {"unknown_schema", "bad_datum"}:
        raise UserError("--schema: say for which bytes, by --id or --reason undecodable, unknown_schema or bad_datum")
    from currents_segment.codecs.shape import SchemaError, parse  # noqa: PLC0415

    try:
        text = path.read_text(encoding="utf-8")
        parse(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--schema: {path} cannot be read: {error}") from error
    except SchemaError as error:
        raise UserError(f"--schema: {path} is no Avro schema to read by: {error}") from error
    return text


def _duration(text: str) -> float:
    from currents_segment.flows.config.quantities import DURATION_PATTERN, duration  # noqa: PLC0415

    if not re.match(DURATION_PATTERN, text):
        raise UserError(f"--patience: {text!r} is no duration such as 30s, 10m or 2h")
    return duration(text)


class _Progress:
    """One line on stderr: rewritten in a terminal, now and then elsewhere."""

    def __init__(self, line: Callable[[], str]) -> None:
        self._line = line
        self._terminal = sys.stderr.isatty()
        self._next = time.monotonic() + (0.0 if self._terminal else LOG_EVERY)

    def look(self) -> None:
        """Something has changed."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + (TERMINAL_EVERY if self._terminal else LOG_EVERY)
            typer.echo(f"\r{self._line()}\x1b[K" if self._terminal else self._line(), nl=not self._terminal, err=True)

    def end(self) -> None:
        """Leaves the terminal's line to what follows."""
        if self._terminal:
            typer.echo("\r\x1b[K", nl=False, err=True)
