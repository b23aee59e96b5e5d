"""The whole set-up of a torture: a double, logs, a configuration, and its runs, on a clock that can be moved."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.oracle.inputs import POISON, Inputs, Lot
from tests.oracle.journal import Journal
from tests.oracle.letters import Letter, documents, letters
from tests.oracle.places import Place
from tests.oracle.runs import Runs, wait
from tests.oracle.sources import Open, Source
from tests.oracle.truth import Connector, Fact
from tests.system.double import Double
from tests.system.rig import key

OFFSET_FILE: Final = "CURRENTS_SEGMENT_CLOCK_OFFSET_FILE"
HOUR: Final = 3600.0  # s
EXPIRY: Final = 48 * HOUR
TIMEOUT: Final = 3.0  # s of a request: a hang shows soon, a busy machine does not look like one

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


class World:
    """One torture's processes and files.

    Args:
        home: folder of its own.
        random: all chance of the inputs.
        open_source: of the workspaces' logs.
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
        self._offset, self.passed, self.stepped = home / "offset", 0.0, 0.0
        self._faults = 0
        self._scripted: dict[str, tuple[str, str]] = {}  # kind and connector of a fault by its name
        self._keys = {connector.name: 0 for connector in connectors}
        self.state, self.kept = Place(home / "state", 96), Place(home / "kept", 16)
        self.runs = Runs(home, self.state.path, {**os.environ, OFFSET_FILE: str(self._offset), **(env or {})}, self.journal)
        workspaces = sorted({connector.workspace for connector in connectors})
        self.source: Source = open_source(home / "log", random, workspaces)
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
        self.steps(0.0)

    # ---- the clock that the pipeline sees

    def now(self) -> float:
        """Seconds since the epoch, as if so much time had passed; the clock that the logs have, and nobody steps."""
        return time.time() + self.passed

    def passes(self, until: float) -> None:
        """Time passes, in no time, until a moment of this clock."""
        self.passed = until - time.time()
        self.steps(0.0)

    def steps(self, seconds: float) -> None:
        """The wall clock of the pipeline's machine is so far off."""
        part = self._offset.with_suffix(".part")
        part.write_text(f"{self.passed} {seconds}")
        part.rename(self._offset)
        self.stepped = seconds
        self.journal.clock.append((time.time(), self.passed, seconds))

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
            name: {"sources": {"currents": self.source.configuration(name)}, "connectors": {}} for name in self.inputs
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
        if (self.passed or self.stepped) and fault.get("retry_after_form") == "date":
            fault = {name: value for name, value in fault.items() if name != "retry_after_form"}
        self._faults += 1
        self._scripted[self.double.fault(**fault, name=f"{kind} #{self._faults}")] = kind, fault["source"]

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
        inputs, source = self.inputs[workspace], self.source
        lot = inputs.copies(size) if what == "copies" else inputs.lot(size, only)
        if lot is None:
            return False
        lot = change(lot)
        damage = what if what in source.damages and lot.known is not None else None
        self.facts[workspace] += source.put(workspace, lot, self.now(), damage=damage, late=late)
        return damage == what or what not in source.damages

    # ---- the whole

    def apart(self) -> None:
        """A run that knows nothing of the others begins at `start`; it cannot send anything, and is killed when it has read something."""
        self.configure({each.name: self.way("refused") for each in self.connectors})
        run = self.runs.spawn("apart", 1)

        def has_read() -> bool:
            mine = [each for each in documents(self.state.path) if each["process"]["pid"] == run.process.pid]
            return any(connector["received"] for each in mine for connector in each["connectors"].values())

        if not wait(lambda: has_read() or not run.running()) or not run.running():
            self.runs.complain(f"a run without a recovery store did not begin anew:\n{run.text()[-2000:]}")
        run.kill()

    def finish(self, processes: int, within: float) -> bool:
        """All faults are over: one bounded run to the end of everything. False where it did not get there."""
        self.passes(self.now() + HOUR / 6)  # no wait that the endpoint asked for is on
        self.double.clear()
        self.source.mend()
        for each in self.connectors:
            self.poison(each.name, refused=True)
            self.double.source(each.name, expired=False)
        self.kept.free()
        self.state.free()
        self.configure({})
        self.runs.start(processes, "--once")
        done = wait(lambda: not self.runs.last.running(), within)
        if not done:
            self.runs.complain(f"the last run did not come to its end within {within:g} s")
            self.runs.last.kill()
        elif self.runs.last.process.returncode:
            self.runs.complain(f"the last run ended with exit code {self.runs.last.process.returncode}")
        self.runs.ended()
        self.journal.lives[-1].clean = done
        return done

    def letters(self) -> list[Letter]:
        """All dead letters."""
        return list(letters(self.kept.path / "letters"))

    def close(self) -> None:
        """Nothing is left: no process, no mount."""
        self.runs.close()
        self.double.send(signal.SIGCONT)
        self.double.close()
        self.source.close()
        self.state.close()
        self.kept.close()
        self._deaf.close()
