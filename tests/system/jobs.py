"""A configuration with its state and its runs, looked at from outside: the double's view, the status files and the dead letters. Nothing reaches into a process."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.system.double import Double
from tests.system.exports import Export
from tests.system.rig import CLI, PATIENCE, T, command, key, wait
from tests.system.runs import Run

from currents_segment.codecs.outcome import KEPT, Outcome
from currents_segment.flows.config import load
from currents_segment.flows.simulate.expected_file import total
from currents_segment.flows.status import Connector, Status, balance
from currents_segment.flows.telemetry import ask
from currents_segment.sinks.dead_letters import DeadLetter, Scope, opened

OFFSET_FILE: Final = "CURRENTS_SEGMENT_CLOCK_OFFSET_FILE"


class Job:
    """One configuration with its state, its runs, and what is seen of them.

    Args:
        home: folder of its own.
        double: where it sends.
        source: where it reads: a folder, or the settings of a source.
        connectors: settings of each that differ from the usual; the double has a source of the same name.
        settings: of the configuration's top level.
    """

    def __init__(
        self,
        home: Path,
        double: Double,
        source: Path | Mapping[str, Any],
        connectors: Mapping[str, Mapping[str, Any]] | None = None,
        **settings: Any,
    ) -> None:
        self.home, self.double, self.source = home, double, source
        self.config = home / "segment.yaml"
        self.state, self.dead_letters = home / "state", home / "dead-letters"
        self.runs: list[Run] = []
        self.connectors = {name: dict(each) for name, each in (connectors or {"shop": {}}).items()}
        self.settings: dict[str, Any] = {"http": None, "epoch": "200ms", **settings}
        home.mkdir(parents=True, exist_ok=True)
        for name in self.connectors:
            self.key_file(name).write_text(key(name))
            double.source(name, key=key(name), expired=False)
        self.configure()

    def key_file(self, connector: str) -> Path:
        """Where its write key lies."""
        return self.home / f"{connector}.key"

    def configure(self) -> None:
        """Write the configuration."""
        connectors = {}
        for name, settings in self.connectors.items():
            given = dict(settings)
            limits = {"batch_age": "50ms", "batch_events": 200, **given.pop("limits", {})}
            connectors[name] = {
                "integration_name": name,
                "contact_email": "data@example.com",
                "write_key": f"file:{self.key_file(name)}",
                "region": "us",
                "events": ["*"],
                "start": "earliest",
                "endpoint": f"{self.double.url}/v1/batch",
                "limits": limits,
                **given,
            }
        source = self.source if isinstance(self.source, Mapping) else {"url": str(self.source), "poll": "200ms"}
        workspace = {"sources": {"currents": source}, "connectors": connectors}
        whole = {"state": "./state", "dead_letters": "./dead-letters", **self.settings, "workspaces": {"acme": workspace}}
        self.config.write_text(json.dumps(whole, indent=1))  # JSON is YAML

    def start(self, *options: str, processes: int = 1, env: Mapping[str, str] | None = None) -> Run:
        """Start `run`, following unless `--once` is among the options."""
        log = self.home / f"run-{len(self.runs)}.log"
        arguments = ["run", str(self.config), *options, *(["--processes", str(processes)] if processes > 1 else [])]
        with log.open("wb") as out:
            process = subprocess.Popen([*CLI, *arguments], stdout=out, stderr=out, env={**os.environ, **(env or {})})
        self.runs.append(Run(process, log, bounded="--once" in options))
        return self.runs[-1]

    def once(self, processes: int = 1, env: Mapping[str, str] | None = None) -> Run:
        """`run --once` to its end, in good order."""
        run = self.start("--once", processes=processes, env=env)
        assert 0 == run.end(), run.text()
        return run

    def until(self, condition: Callable[[], T], what: str, within: float = PATIENCE) -> T:
        """Wait while the last run runs."""

        def look() -> T | bool:
            assert self.runs[-1].running() or condition(), f"it ended before {what}"
            return condition()

        try:
            return wait(look, what, within)  # type: ignore[return-value]
        except AssertionError as failed:
            raise AssertionError(f"{failed}\n{self.runs[-1].text()[-4000:]}") from None

    def until_kept(self, count: float, source: str = "shop") -> None:
        """Wait until Segment would have so many messages of a source."""
        self.until(lambda: self.double.kept(source) >= count, f"{count:g} messages of {source}; there are {self.double.kept(source)}")

    def status(self) -> Status | None:
        """What the processes of the last run wrote about themselves, as one; None before they have."""
        found = ask.saved(self.state)
        return found.document if found else None

    def connector(self, name: str = "shop") -> Connector:
        """One connector's part of it, as soon as the last run has written one."""

        def look() -> Connector | None:  # once a look: a run that begins takes away what the one before it wrote
            document = self.status()
            if document is not None and name in document["connectors"]:
                return document["connectors"][name]
            assert self.runs[-1].running(), f"it ended without a status\n{self.runs[-1].text()}"
            return None

        found = wait(look, "a status")
        assert found is not None
        return found

    def outcomes(self, name: str = "shop") -> dict[str, int]:
        """Its ledger as the last run left it, which adds up."""
        document = self.status()
        assert document is not None
        assert {} == balance(document)
        return document["connectors"][name]["outcomes"]

    def letters(self) -> list[DeadLetter]:
        """All dead letters, each readable."""

        def unreadable(name: str, what: str) -> None:
            raise AssertionError(f"{name}: {what}")

        return list(opened(load(self.config, secrets=False).dead_letters).read(Scope(), unreadable))

    def compare(self, *exports: Export, code: int = 0) -> str:
        """What the `compare` command says of the double's view and of the ledger that the last run left."""
        document = self.status()
        assert document is not None
        assert {} == balance(document)
        saved, view = self.home / "status.json", self.home / "view.jsonl"
        saved.write_text(json.dumps(document))
        view.write_bytes(self.double.view())
        expected = [word for export in exports for word in ("--expected", export.expected)]
        return command("compare", *expected, "--view", view, "--status", saved, code=code).stdout

    def proved(self, *exports: Export) -> None:
        """Segment has what it must have and nothing else, the ledger's counts are exact, and so are the dead letters on disk."""
        self.compare(*exports)
        wanted: Counter[tuple[str, str]] = Counter()
        for name, ledger in total(export.ledgers for export in exports).items():
            wanted.update({(name, outcome): count for outcome, count in ledger["outcomes"].items() if Outcome(outcome).state in KEPT})
        assert wanted == self.letter_counts()

    def letter_counts(self) -> Counter[tuple[str, str]]:
        """Events on disk as dead letters, by connector and outcome."""
        counts: Counter[tuple[str, str]] = Counter()
        for letter in self.letters():
            counts[letter.connector, letter.outcome.value] += letter.count
        return counts

    def close(self) -> None:
        """Nothing is left running."""
        for run in self.runs:
            if run.running() or run.children():
                run.kill()
