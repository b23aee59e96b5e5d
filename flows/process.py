"""One process of a run: puts the parts together, runs the flow to its end, and says what became of everything."""

import gc
import json
import os
import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import structlog
from bytewax.run import cli_main

from currents_segment.codecs import catalogue
from currents_segment.codecs.transcoder import Transcoder
from currents_segment.flows import committed, recovery, segment, steps, threads
from currents_segment.flows.board import Board
from currents_segment.flows.clock import clock
from currents_segment.flows.config import Config
from currents_segment.flows.errors import FailedError, UserError
from currents_segment.flows.gate import Bounds, Gate
from currents_segment.flows.known import Window
from currents_segment.flows.known_files import Files
from currents_segment.flows.logs import OpenLogs
from currents_segment.flows.pace import Pace
from currents_segment.flows.slots import Key, Place
from currents_segment.flows.source import Logs, SlotSource
from currents_segment.flows.status import Status, at_rest
from currents_segment.flows.stop import Stop
from currents_segment.flows.telemetry import http, tracing
from currents_segment.flows.telemetry.metrics import Requests
from currents_segment.sinks.dead_letters import opened
from currents_segment.sinks.keeper import Keeper
from currents_segment.sinks.segment.lane import Batch
from currents_segment.sinks.segment.loads import Loads
from currents_segment.sinks.segment.sender import Sender
from currents_segment.sinks.segment.sink import SegmentSink
from currents_segment.sinks.segment.slot import SinkSlot, State

LOCAL: Final = "CURRENTS_SEGMENT_LOCAL"  # set by the parent of a local cluster: its process id, and `terminal` or `quiet`
SAVE_EVERY: Final = 1.0  # s: the status file, for `status` when nothing runs and for the parent of a local cluster
LITTLE: Final = 10_000_000  # bytes free: an epoch may need as much
FULL: Final = "disk is full"  # SQLite's words
LATELY: Final = 60.0  # s: an epoch that cannot be written ends the run a moment later, when there may be room again
PEER: Final = "thread panic"  # Timely's, of a connection to another process that is gone
GARBAGE: Final = (
    10_000,
    20,
    50,
)  # objects and rounds between looks for circles of them, of which the flow makes none: a tenth of the shell's time with Python's own 700, 10, 10
CLOSING: Final = 2.0  # s: for a background thread to end


def status_file(state: Path, process: int) -> Path:
    """Where a process leaves its last status document."""
    return state / f"status-{process}.json"


class Process:
    """One process of the cluster.

    Args:
        config: the configuration.
        place: which process this is.
        addresses: of all processes; empty when it is alone.
        once: process what is there and end, or follow.
        environ: OpenTelemetry's standard variables, and the test clock.
    """

    def __init__(self, config: Config, *, place: Place, addresses: list[str], once: bool, environ: Mapping[str, str]) -> None:
        self.config, self.place, self.once = config, place, once
        self.stop = Stop()
        self._addresses = addresses
        self._clock = clock(environ)
        self._short = -LATELY  # when there was little room for the recovery store; monotonic
        self._pace = Pace(config.epoch) if addresses else None
        self._gate = Gate(Bounds.of(len(config.connectors)))
        self._loads = Loads()
        self._requests = Requests()
        self._tracing = tracing.setup(environ, service_version=version("currents-segment"), process_id=place.process)
        self._window = Window(config.dedup.window, config.dedup.max_ids)
        self._sender = Sender(config.connectors, gate=self._gate, clock=self._clock, watch=self, stopping=lambda: self.stop.requested)
        self._keeper = Keeper(opened(config.dead_letters), {name: one.workspace for name, one in config.connectors.items()})
        self.board = Board(
            config, place, self._sender, self._gate, window=self._window, mode="once" if once else "follow", clock=self._clock
        )
        self.board.letters_error = lambda: self._keeper.error

    def run(self) -> Status:
        """Run to the end of the input (once), or until a stop; returns the last document.

        Raises:
            UserError: the port or the state folder cannot be had; a bounded run cannot read its source.
        """
        log = structlog.get_logger()
        self.config.state.mkdir(parents=True, exist_ok=True)
        with ExitStack() as closing:
            closing.callback(self._tracing.close)
            if self.config.http is not None:
                server = http.serve(
                    self.config.http.host,
                    self.config.http.port + self._port_offset(),
                    self.board.document,
                    live=self._live,
                    ready=self._ready,
                    collectors=[self._requests],
                )
                closing.callback(server.close)
            ended = threading.Event()
            saver = threading.Thread(target=self._save_every, args=(ended,), name="status", daemon=True)
            saver.start()
            closing.callback(saver.join)
            closing.callback(ended.set)
            log.info("run.start", process=self.place.process, processes=self.place.processes, connectors=len(self.config.connectors))
            self._sender.start()
            self._keeper.start()
            try:
                self._flow()
            finally:
                self.board.phase = "stopped"
                if self.board.logs is not None:
                    self.board.logs.close()
                self._sender.close(CLOSING)
                self._keeper.close(CLOSING)
        document = self.board.document()
        self._save(document)
        log.info("run.end", process=self.place.process, stopped=self.stop.requested)
        if self.stop.error is not None:
            raise self.stop.error
        return document

    def _flow(self) -> None:
        """Bytewax' part. Whatever ends it early is one sentence here; steps log their own bugs, and the next run resumes from the last commit."""
        threads.wake_together()
        try:
            cli_main(
                segment.build(self._parts()),
                process_id=self.place.process if self._addresses else None,
                addresses=self._addresses or None,
                epoch_interval=timedelta(seconds=self.config.epoch if self._pace is None else self._pace.interval),
                recovery_config=recovery.store(self.config.state, first=self.place.process == 0),
            )
        except UserError:
            raise
        except BaseException as error:  # a panic of Bytewax' Rust half is no Exception
            if (refusal := _refusal(error)) is not None:
                raise refusal from error
            if PEER in str(error) and self.stop.early:
                return  # one of those that stop with it was through before it had begun: it read nothing, so nothing is missing
            why, then = self._early_end(error)
            structlog.get_logger().error("run.failed", why=why, remedy=then)
            raise FailedError(f"the run ended early: {why}. {then}") from error

    def _early_end(self, error: BaseException) -> tuple[str, str]:
        """Why Bytewax gave up, and what to do."""
        state = self.config.state
        free = self._room()
        if FULL in str(error) or time.monotonic() - self._short < LATELY:
            return (
                f"the recovery store could not be written: its disk was full, {free / 1e6:.1f} MB are free at {state} now",
                "Make room: the next run goes on from the last commit",
            )
        if (damage := committed.damage(state)) is not None:
            return recovery.way_out(state, damage)
        why = f"{type(error).__name__}: {error}".partition("\n")[0]
        if PEER in why:
            why = f"another process of the cluster is gone ({why})"
        return why, "Nothing is lost: the next run goes on from the last commit"

    def _room(self) -> int:
        """Bytes free for the recovery store."""
        free = shutil.disk_usage(self.config.state).free
        if free < LITTLE:
            self._short = time.monotonic()
        return free

    def stopping(self) -> None:
        """A signal asked for a stop."""
        self.board.phase = "stopping"
        structlog.get_logger().info("run.stopping", process=self.place.process)

    def request(self, connector: str, result: str, seconds: float, events: int) -> None:
        """A request ended."""
        self._requests.observe(connector, result, seconds, events)

    def batch(self, connector: str, batch: Batch, result: str, ended: float) -> None:
        """A batch was delivered or refused: a span, when traces are on."""
        self._tracing.batch(
            connector,
            [piece.trace for piece in batch.pieces if piece.trace is not None],
            attempts=batch.tries + 1,
            result=result,
            events=batch.events,
            bytes=batch.size,
            started=batch.begun or ended,
            ended=ended,
        )

    def _parts(self) -> segment.Parts:
        logs = Logs(self.place, self._open_logs)
        known = catalogue.load()
        return segment.Parts(
            source=SlotSource(self.place, logs=logs, gate=self._gate, stop=self.stop, once=self.once, pace=self._pace),
            decoders={name: Transcoder(self.config.profile(name), known) for name in self.config.connectors},
            place=self.place,
            window=self._window,
            files=Files(self.config.state / "known"),
            clock=self._clock,
            watch=self.board.known.append,
            trace=self._trace(),
            sink=SegmentSink(self.place.slots, self._slot),
        )

    def _trace(self) -> steps.Trace | None:
        if not isinstance(self._tracing, tracing.Spans):
            return None
        chunk = self._tracing.chunk
        return lambda connector, origin, arrival, messages, started, ended: chunk(
            connector, origin, arrival, messages.received, messages.tally, started, ended
        )

    def _open_logs(self, kept: Mapping[int, Mapping[Key, Any]]) -> OpenLogs:
        self.stop.running = True
        self.board.logs = OpenLogs(self.config, kept, once=self.once, clock=self._clock)
        self.flowing()
        return self.board.logs

    def flowing(self) -> None:
        """The start is over. Called by the thread in which the steps run, before the first event."""
        threads.keep_state()
        gc.freeze()  # what a start made stays: it need not be looked at again and again
        gc.set_threshold(*GARBAGE)
        gc.enable()
        if self.board.phase == "starting":
            self.board.phase = "running"

    def _slot(self, number: int, state: State | None) -> SinkSlot:
        slot = SinkSlot(number, state, gate=self._gate, sender=self._sender, keeper=self._keeper, loads=self._loads)
        self.board.slots.append(slot)
        return slot

    def _live(self) -> str | None:
        bug = self._sender.bug or self._keeper.bug
        return None if bug is None else f"a background thread died: {type(bug).__name__}"

    def _ready(self) -> str | None:
        if self.board.phase != "running" or self.board.logs is None:
            return f"the process is {self.board.phase}"
        unlisted = [name for name in self.config.connectors if self.board.logs.lag(name)["listed_at"] is None]
        return f"not yet listed: {', '.join(unlisted)}" if unlisted else None

    def _port_offset(self) -> int:
        """Processes of a local cluster share a host, so each takes a port of its own; pods do not."""
        return self.place.process if os.environ.get(LOCAL) else 0

    def _save_every(self, ended: threading.Event) -> None:
        while not ended.wait(SAVE_EVERY):
            try:
                self._room()
                document = self.board.document()
                self.board.tell(document)
                for name, connector in document["connectors"].items():
                    if at_rest(connector):
                        self._sender.drivers[name].rest()
                self._save(document)
            except Exception:  # noqa: BLE001 - a bug in the document must not end what only looks on
                structlog.get_logger().exception("status.failed")

    def _save(self, document: Status) -> None:
        file = status_file(self.config.state, self.place.process)
        part = file.with_suffix(".part")
        try:
            part.write_text(json.dumps(document), encoding="utf-8")
            part.replace(file)
        except OSError as error:  # a full disk must not end the run for a convenience
            structlog.get_logger().warning("status.not_saved", error=error.strerror)


def _refusal(error: BaseException | None) -> UserError | None:
    """What the person at the terminal can mend, where Bytewax raised its own error around it."""
    while error is not None and not isinstance(error, UserError):
        error = error.__cause__
    return error
