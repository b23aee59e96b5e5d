"""The whole set-up of a torture: a double, logs, a configuration, and its runs one after the other, with a journal of all that explains what is seen."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.oracle.inputs import POISON, Inputs, Lot
from tests.oracle.letters import Letter, documents, letters
from tests.oracle.places import Place
from tests.oracle.sources import Open, Source
from tests.oracle.truth import Connector, Fact
from tests.system.double import Double
from tests.system.rig import CLI, PATIENCE, key
from tests.system.runs import Run

OFFSET_FILE: Final = "CURRENTS_SEGMENT_CLOCK_OFFSET_FILE"
HOUR: Final = 3600.0  # s
EXPIRY: Final = 48 * HOUR
TIMEOUT: Final = 3.0  # s of a request: a hang shows soon, a busy machine does not look like one
STARTING: Final = 30.0  # s: until the log says that it runs; longer is for the end of the run to explain

CONNECTORS: Final = (
    Connector("everything", "acme", {"events": ["*"], "anonymous_users": True, "integration_name": "Everything there is"}),
    Connector(
        "chosen",
        "acme",
        {
            "events": ["Email", "Push Notification", "Canvas", "users.messages.sms.*"],
            "unknown_fields": "drop",
            "names": {"preset": "legacy"},
            "integrations": {"All": True, "Braze": False},
        },
    ),
    Connector("raw", "beta", {"events": ["*"], "message_id": "raw"}),
)


@dataclass(slots=True)
class Life:
    """One run, as the journal has it; times in seconds since the epoch, by the double's clock.

    Attributes:
        processes: how many.
        begun: when it was started.
        stopping: when it was asked to stop; None where it was not.
        ended: when the last of its processes was gone.
        clean: it drained: exit code 0, or 130 of a bounded run.
    """

    processes: int
    begun: float
    stopping: float | None = None
    ended: float = float("inf")
    clean: bool = False


@dataclass(slots=True)
class Outage:
    """A connector's endpoint fails all the time; times by the clock that the pipeline sees, except `over`."""

    connector: str
    begun: float
    ended: float = float("inf")
    over: float = float("inf")  # its end by the double's clock
    jumped: float = 0.0  # where the clock was put beyond 48 h; 0 where it was not


@dataclass(slots=True)
class Journal:
    """What was done, as far as it explains what is seen.

    Attributes:
        lives: of the runs.
        freezes: (begin, end) of times in which a process stood still.
        outages: longer ones.
        faults: disturbances by kind.
        complaints: what was not as it is documented.
        unbalanced: ledgers that were seen not to add up.
        late: events that had not expired a minute after their time.
        clock: (since when, seconds that it was ahead), in order.
    """

    lives: list[Life] = field(default_factory=list)
    freezes: list[tuple[float, float]] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    unbalanced: int = 0
    late: int = 0
    clock: list[tuple[float, float]] = field(default_factory=list)

    def real(self, at: float) -> float:
        """The latest moment at which the clock that the pipeline sees may have shown this; within a second."""
        ends = [begin for begin, _ in self.clock[1:]] + [float("inf")]
        return max(
            (at - offset for (begin, offset), end in zip(self.clock, ends, strict=True) if begin - 1 <= at - offset <= end + 1),
            default=at - self.clock[-1][1],
        )

    def count(self, kind: str, number: int = 1) -> None:
        """So many disturbances of a kind took place."""
        if number:
            self.faults[kind] = self.faults.get(kind, 0) + number


class World:
    """One torture's processes and files.

    Args:
        home: folder of its own.
        random: all chance of the inputs.
        open_source: of the logs.
        connectors: those of the configuration.
        env: of the runs, over this process's.
    """

    def __init__(
        self,
        home: Path,
        random: Random,
        open_source: Open,
        *,
        connectors: Sequence[Connector] = CONNECTORS,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.home, self.connectors, self.journal = home, connectors, Journal()
        home.mkdir(parents=True)
        self.epoch = "200ms"
        self._offset, self.offset, self.base, self._highest = home / "offset", 0.0, 0.0, 0.0
        self._scripted: dict[str, tuple[str, str]] = {}  # kind and connector of a fault by its name
        self._env = {**os.environ, OFFSET_FILE: str(self._offset), **(env or {})}
        self._runs: list[Run] = []  # those of the journal, in order
        self._all: list[Run] = []
        self._keys = {connector.name: 0 for connector in connectors}
        self.state, self.kept = Place(home / "state", 96), Place(home / "kept", 16)
        workspaces = sorted({connector.workspace for connector in connectors})
        self.sources: dict[str, Source] = {name: open_source(home / f"log-{name}", random) for name in workspaces}
        self.inputs = {
            name: Inputs(random, unique=any(each.get("message_id", "") == "raw" for each in connectors if each.workspace == name))
            for name in workspaces
        }
        self.facts: dict[str, list[Fact]] = {name: [] for name in workspaces}
        self._deaf = socket.socket()  # it has a port, and does not listen
        self._deaf.bind(("127.0.0.1", 0))
        self.double = Double(home)
        for connector in connectors:
            self.rotate(connector.name)
            self.poison(connector.name, refused=True)
        self.set_clock(0.0)

    # ---- the clock that the pipeline sees

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.offset

    def set_clock(self, offset: float) -> None:
        """The wall clock is so many seconds ahead, for all processes."""
        self.offset, self._highest = offset, max(self._highest, offset)
        part = self._offset.with_suffix(".part")
        part.write_text(str(offset))
        part.rename(self._offset)
        self.journal.clock.append((time.time(), offset))

    # ---- configuration

    def rotate(self, connector: str) -> None:
        """Segment gives out a new write key; the old one is refused from now on; whoever runs the pipeline replaces the file."""
        self._keys[connector] += 1
        new = f"{key(connector)}-{self._keys[connector]}"
        self.double.source(connector, key=new)
        file = self.home / f"{connector}.key"
        part = file.with_suffix(".part")
        part.write_text(new)
        part.rename(file)

    def configure(self, ways: Mapping[str, str]) -> None:
        """Write the configuration; `ways` names another endpoint than the double's by connector."""
        workspaces: dict[str, Any] = {
            name: {"sources": {"currents": source.configuration()}, "connectors": {}} for name, source in self.sources.items()
        }
        for each in self.connectors:
            workspaces[each.workspace]["connectors"][each.name] = {
                "write_key": f"file:{self.home / each.name}.key",
                "region": "us",
                "start": "earliest",
                "endpoint": ways.get(each.name, f"{self.double.url}/v1/batch"),
                **each.settings,
                "limits": {"batch_age": "50ms", "batch_events": 50, "in_flight": 4, "timeout": f"{TIMEOUT:g}s"},
            }
        whole = {
            "http": None,
            "epoch": self.epoch,
            "dedup": {"window": "30d"},  # time passes by jumps of two days
            "state": str(self.state.path),
            "dead_letters": str(self.kept.path / "letters"),
            "workspaces": workspaces,
        }
        (self.home / "segment.yaml").write_text(json.dumps(whole, indent=1))  # JSON is YAML

    def way(self, name: str) -> str:
        """An endpoint that cannot be reached: `refused`, `dns` or `tls`."""
        return {
            "refused": f"http://127.0.0.1:{self._deaf.getsockname()[1]}/v1/batch",
            "dns": "http://nowhere.invalid/v1/batch",
            "tls": f"{self.double.url.replace('http:', 'https:')}/v1/batch",
        }[name]

    # ---- faults of the endpoint

    def scripted(self, kind: str, fault: Mapping[str, Any]) -> None:
        """A fault is in force until the round ends, and counts if a request has met it. Dates mean nothing where clocks differ."""
        if self.offset and fault.get("retry_after_form") == "date":
            fault = {name: value for name, value in fault.items() if name != "retry_after_form"}
        self._scripted[self.double.fault(**fault)] = kind, fault["source"]

    def met(self) -> None:
        """The round's faults of the endpoint are over; those that a request has met are counted. A key that expired is replaced."""
        strikes = self.double.strikes()
        for name, (kind, connector) in self._scripted.items():
            self.journal.count(kind, min(1, strikes[name]))
            self.double.clear(name=name)
            if "expire_key" in kind and strikes[name]:
                self.rotate(connector)
        self._scripted.clear()

    def poison(self, connector: str, *, refused: bool) -> None:
        """Whether the endpoint refuses what must not be sent to it, and each batch with it."""
        name = f"poison {connector}"
        if refused:
            self.double.fault(do="status", status=400, match={"userId": POISON}, source=connector, name=name)
        else:
            self.double.clear(name=name)

    # ---- input

    def put(
        self,
        workspace: str,
        *,
        size: int,
        what: str = "new",
        late: float = 0.0,
        only: str = "",
        change: Callable[[Lot], Lot] = lambda lot: lot,
    ) -> bool:
        """A lot comes into the log: `new`, `copies` of earlier events, or damaged in one of the source's ways; whether it came so.

        Args:
            workspace: whose log.
            size: events.
            what: see above.
            late: how many seconds ago it should have come.
            only: the family of its type.
            change: what becomes of the lot before it comes.
        """
        inputs, source = self.inputs[workspace], self.sources[workspace]
        lot = inputs.copies(size) if what == "copies" else inputs.lot(size, only)
        if lot is None:
            return False
        lot = change(lot)
        damage = what if what in source.damages and lot.known is not None else None
        self.facts[workspace] += source.put(lot, self.now(), damage=damage, late=late)
        return damage == what or what not in source.damages

    # ---- runs

    @property
    def run(self) -> Run:
        """The last one."""
        return self._runs[-1]

    def start(self, processes: int, *options: str) -> Run:
        """Start `run`; the journal has its life."""
        if self.journal.lives and self.journal.lives[-1].processes != processes:
            self.journal.count("rescale")
        run = self._spawn(f"run-{len(self._runs)}", processes, *options)
        self._runs.append(run)
        self.journal.lives.append(Life(processes, time.time()))
        return run

    def _spawn(self, name: str, processes: int, *options: str) -> Run:
        arguments = ["run", str(self.home / "segment.yaml"), *options, *(["--processes", str(processes)] if processes > 1 else [])]
        log = self.home / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen([*CLI, *arguments], stdout=out, stderr=out, env=self._env, start_new_session=True)
        self._all.append(Run(process, log, bounded="--once" in options))
        return self._all[-1]

    def started(self) -> bool:
        """Wait until the run says that it runs; False where it ended before, or does not say so in time."""
        return self.wait(lambda: "run.start" in self.run.text() or not self.run.running(), STARTING) and self.run.running()

    def wait(self, condition: Callable[[], object], within: float = PATIENCE) -> bool:
        """Whether the condition came true in time."""
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def epochs(self, count: int = 2) -> bool:
        """Wait until so many more epochs are known to be committed, by what the recovery store itself says."""

        def front() -> tuple[int, int]:
            rows: list[tuple[int, int]] = []
            for file in (self.state.path / "recovery").glob("part-*.sqlite3"):
                with suppress(sqlite3.Error), closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as part:
                    rows += part.execute("select ex_num, worker_frontier from fronts").fetchall()
            last = max((execution for execution, _ in rows), default=0)
            return last, min((epoch for execution, epoch in rows if execution == last), default=0)

        execution, epoch = front()
        return self.wait(lambda: front() >= (execution, epoch + count))

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop it in good order; anything else than its documented exit code is a complaint."""
        life = self.journal.lives[-1]
        life.stopping = time.time()
        self.run.send(number)
        code = self.ended()
        life.clean = code == (130 if self.run.bounded else 0)
        if code == 3:  # ended hard: nothing is lost, and it says so
            self.journal.count("a stop that was ended hard")
        elif not life.clean:
            self.complain(f"a stop ended with exit code {code}")

    def kill(self, who: str, random: Random) -> None:
        """SIGKILL: to `all`, to `one` process, or to the cluster's `parent`."""
        children = self.run.children()
        if who == "all" or not children:
            self.run.kill()
        else:
            with suppress(ProcessLookupError):
                os.kill(random.choice(children) if who == "one" else self.run.process.pid, signal.SIGKILL)
        self.ended()

    def ended(self) -> int:
        """Wait for its end; its exit code. A run that does not end is a complaint, and is killed."""
        code = -1
        try:
            code = self.run.end(PATIENCE)
        except AssertionError:
            self.complain(f"it did not end within {PATIENCE:g} s")
            self.run.kill()
        self.journal.lives[-1].ended = time.time()
        for document in documents(self.state.path):
            for each in document["connectors"].values():
                self.journal.unbalanced += abs(each["received"] - each["in_flight"] - sum(each["outcomes"].values()))
        return code

    def died(self) -> None:
        """The run has ended by itself: only a full disk may do that, and it says so."""
        if self.ended() != 1 or "could not be written" not in self.run.text():
            self.complain("it ended by itself")

    def refuses(self, words: str, code: int | None) -> None:
        """A run that must not work says these words and ends by itself, with this exit code or with any that means an error."""
        run = self._spawn(f"refused-{len(self._all)}", 1)
        try:
            found = run.end(PATIENCE)
        except AssertionError:
            run.kill()
            found = 0
        if found == 0 or code not in {None, found} or words not in run.text():
            self.complain(f"a run that should have said {words!r} ended with {found}:\n{run.text()[-2000:]}")

    def apart(self) -> None:
        """A run that knows nothing of the others begins at `start`; it cannot send anything, and is killed when it has read something."""
        self.configure({each.name: self.way("refused") for each in self.connectors})
        run = self._spawn(f"apart-{len(self._all)}", 1)

        def has_read() -> bool:
            mine = [each for each in documents(self.state.path) if each["process"]["pid"] == run.process.pid]
            return any(connector["received"] for each in mine for connector in each["connectors"].values())

        if not self.wait(lambda: has_read() or not run.running()) or not run.running():
            self.complain(f"a run without a recovery store did not begin anew:\n{run.text()[-2000:]}")
        run.kill()

    def complain(self, what: str) -> None:
        """Something is not as documented."""
        self.journal.complaints.append(f"run {len(self._runs) - 1}: {what}\n{self.run.text()[-3000:]}")

    def freeze(self, pid: int, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after a while."""
        begin = time.time()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(pid, signal.SIGCONT)
        self.journal.freezes.append((begin, time.time()))

    def finish(self, processes: int, within: float) -> bool:
        """All faults are over: one bounded run to the end of everything. False where it did not get there."""
        self.set_clock(self._highest)  # no wait that the endpoint asked for is on
        self.double.clear()
        for each in self.connectors:
            self.poison(each.name, refused=True)
            self.double.source(each.name, expired=False)
        self.kept.free()
        self.state.free()
        self.configure({})
        self.start(processes, "--once")
        done = self.wait(lambda: not self.run.running(), within)
        if not done:
            self.complain(f"the last run did not come to its end within {within:g} s")
            self.run.kill()
        elif self.run.process.returncode:
            self.complain(f"the last run ended with exit code {self.run.process.returncode}")
        self.ended()
        self.journal.lives[-1].clean = done
        return done

    def letters(self) -> list[Letter]:
        """All dead letters."""
        return list(letters(self.kept.path / "letters"))

    def close(self) -> None:
        """Nothing is left: no process, no mount."""
        for run in self._all:
            for pid in {run.process.pid, *run.children()}:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            if run.running() or run.children():
                run.kill()
        self.double.send(signal.SIGCONT)
        self.double.close()
        for source in self.sources.values():
            source.close()
        self.state.close()
        self.kept.close()
        self._deaf.close()
