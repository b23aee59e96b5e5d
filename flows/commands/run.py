"""`run`: the main job, in one process or as a local cluster."""

import gc
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from currents_segment.flows.errors import FailedError, StoppedError, UserError

if TYPE_CHECKING:
    from currents_segment.flows.config import Config
    from currents_segment.flows.slots import Place
    from currents_segment.flows.status import Status


def run(
    config: Annotated[Path, typer.Argument(help="The configuration file.", show_default=False)],
    once: Annotated[bool, typer.Option("--once", help="Process what is there, print the ledger and exit.")] = False,
    processes: Annotated[int, typer.Option(min=1, max=16, help="Run as a local cluster of so many processes (at most one a slot).")] = 1,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Send Currents to Segment: what is there now (--once), or for as long as it runs.

    In a terminal it shows rate, lag and the ledger; elsewhere it writes one JSON log line for each change of state. Ctrl-C or SIGTERM
    stops it in good order: the next run goes on exactly there. In a cluster of machines, CURRENTS_SEGMENT_ADDRESSES
    ("host:port;host:port") and CURRENTS_SEGMENT_PROCESS_ID say which process this is.

    --once waits for a connector that fails, until its events are delivered or expire.

    Exit codes: 0 done, or stopped while following; 1 the job could not be done; 2 a mistake in the configuration or the arguments;
    3 a stop had to be ended hard (nothing is lost); 130 stopped before the end of --once.

    Example: currents-segment run config.yaml --once --processes 2
    """
    from currents_segment.flows import config as configuration  # noqa: PLC0415 - keeps --help quick
    from currents_segment.flows import stop  # noqa: PLC0415
    from currents_segment.flows.slots import place  # noqa: PLC0415
    from currents_segment.flows.telemetry import logs  # noqa: PLC0415

    stop.hold_signals()
    logs.configure(terminal=sys.stderr.isatty() or os.environ.get("CURRENTS_SEGMENT_LOCAL", "").endswith("terminal"), level=log_level)
    settings = configuration.load(config)
    try:
        mine, addresses = place(os.environ)
    except ValueError as error:
        raise UserError(str(error)) from error
    if processes > 1 and addresses:
        raise UserError("--processes starts a local cluster, but CURRENTS_SEGMENT_ADDRESSES names the processes of one: use one of the two")
    if processes > 1:
        _cluster(settings, config, processes=processes, once=once)
    else:
        _alone(settings, mine, addresses, once=once)


def _alone(settings: "Config", mine: "Place", addresses: list[str], *, once: bool) -> None:
    gc.disable()  # what a start makes stays; the process looks for garbage from when it reads
    from currents_segment.flows import recovery  # noqa: PLC0415
    from currents_segment.flows.process import LOCAL, Process  # noqa: PLC0415

    parent = os.environ.get(LOCAL)
    held = None if parent else recovery.lock(settings.state)
    if held is not None:
        recovery.check(settings.state)
    process = Process(settings, place=mine, addresses=addresses, once=once, environ=os.environ)
    if parent:
        _end_with(int(parent.partition(" ")[0]))
        process.stop.apart(process.run, process.stopping)
        return
    document = _shown(process.board.document, lambda: process.stop.apart(process.run, process.stopping))
    _end(document, show=once or sys.stdout.isatty(), early=once and process.stop.requested)
    if held is not None:
        held.close()


def _cluster(settings: "Config", config: Path, *, processes: int, once: bool) -> None:
    from currents_segment.flows import recovery  # noqa: PLC0415
    from currents_segment.flows.cluster import PATIENCE, Cluster  # noqa: PLC0415
    from currents_segment.flows.stop import Stop  # noqa: PLC0415

    with recovery.lock(settings.state) as held:
        recovery.check(settings.state)
        cluster = Cluster(config, settings.state, processes=processes, once=once, lock=held)
        stop = Stop()
        stop.running = True
        _shown(cluster.document, lambda: stop.apart(cluster.wait, cluster.stop, deadline=PATIENCE + 1))
        document = cluster.document()
        if document is None:
            raise FailedError("no process said what became of its events; their log lines are above")
        _end(document, show=once or sys.stdout.isatty(), early=once and stop.requested)


def _shown(document: "Callable[[], Status | None]", work: "Callable[[], Status | None]") -> "Status | None":
    """Do the work; in a terminal, show how it goes."""
    if not sys.stderr.isatty():
        return work()
    from rich.console import Console  # noqa: PLC0415

    from currents_segment.flows.telemetry.progress import Progress  # noqa: PLC0415

    progress = Progress(document, console=Console(stderr=True))
    progress.start()
    try:
        return work()
    finally:
        progress.stop()


def _end(document: "Status | None", *, show: bool, early: bool) -> None:
    """The ledger; a failure when it does not add up, or when a bounded run was stopped before its end."""
    if document is None:
        return
    from currents_segment.flows import status  # noqa: PLC0415

    if show:
        typer.echo(status.ledger_text(document))
    if missing := status.balance(document):
        raise FailedError(
            f"the ledger does not add up (received - ended - in flight): {missing}; this is a bug: report it with the status document"
        )
    if early:
        raise StoppedError("stopped before the end of what was there; run it again to go on")


def _end_with(parent: int) -> None:
    """A local cluster ends with its parent, even one that was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


if TYPE_CHECKING:
    from collections.abc import Callable
