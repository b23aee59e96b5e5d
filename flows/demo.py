"""The demo: two Braze workspaces, three connectors, a double of Segment that misbehaves, and the proof that everything arrived.

It only starts the same commands that a user would, each as a process of its own, and looks at them from outside.
"""

import json
import math
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from currents_segment.flows import status
from currents_segment.flows.errors import FailedError, UserError

MARK: Final = ".currents-segment-demo"  # only a folder with this file in it is emptied
KEYS: Final = {"shop-to-segment": "demo-key-of-shop", "shop-email": "demo-key-of-email", "app-to-segment": "demo-key-of-app"}
OUTAGE: Final = 6.0  # s: how long the endpoint of one connector is down
PATIENCE: Final = 240.0  # s: far more than 100,000 events take on two cores
FAULTS: Final[list[dict[str, Any]]] = [
    {"name": "down for a while", "do": "status", "status": 503, "source": "app-to-segment"},
    {"name": "too many requests", "do": "status", "status": 429, "retry_after": 2, "source": "shop-email", "skip": 2, "count": 1},
    {"name": "kept, then cut off", "do": "reset", "kept": True, "source": "shop-to-segment", "skip": 3, "count": 2},
]
CONFIG: Final = """\
# The demo's configuration; `currents-segment check {file}` explains what it finds there.
state: state
http: {{port: {port}}}
workspaces:
  shop:
    sources:
      currents: {shop}
    connectors:
      shop-to-segment:
        integration_name: Shop, everything
        write_key: file:shop-to-segment.key
        region: us
        events: ["*"]
        anonymous_users: true
        start: earliest
        endpoint: {endpoint}/v1/batch
      shop-email:
        integration_name: Shop, e-mail and SMS of known users
        write_key: file:shop-email.key
        region: eu
        events: [Email, SMS]
        start: earliest
        integrations: {{All: true, Braze: false}}
        endpoint: {endpoint}/v1/batch
  app:
    sources:
      currents: {app}
    connectors:
      app-to-segment:
        integration_name: App, whose endpoint is down for a while
        write_key: file:app-to-segment.key
        region: us
        events: ["*"]
        start: earliest
        endpoint: {endpoint}/v1/batch
"""


@dataclass(frozen=True, slots=True)
class Demo:
    """One run of the demo.

    Attributes:
        folder: where everything is kept.
        events: how many events Braze exports, about.
        say: shows a line to the user.
        brokers: of a Kafka that the events go through, `host:port,…`; empty: the run reads the files.
    """

    folder: Path
    events: int
    say: Callable[[str], None]
    brokers: str = ""

    def run(self) -> None:
        """Run it to its end.

        Raises:
            FailedError: something did not arrive as it must.
            UserError: the folder is in use for something else.
        """
        self._empty()
        with ExitStack() as processes:
            double = processes.enter_context(self._double())
            feed = self._feed(processes, sources := {name: f"{{url: ./{name}, poll: 1s}}" for name in ("shop", "app")})
            self._configure(double, sources)
            httpx.post(f"{double}/_double/faults", json=FAULTS).raise_for_status()
            self.say(
                f"1. A double of Segment listens on {double}. One connector's endpoint answers 503 for {OUTAGE:.0f} s,\n"
                "   another asks for a pause (429), a third cuts connections after it has taken the events."
            )
            self.say(
                f"2. Braze exports about {self.events:,} events of every known type, as Avro files, to {self._shown('shop')} and {self._shown('app')}."
            )
            if self.brokers:
                self.say(f"   Each becomes a message in Confluent's format on {self.brokers}, with its schema in a registry.")
            exports = [
                processes.enter_context(self._export(name, share, seed)) for seed, (name, share) in enumerate((("shop", 0.6), ("app", 0.4)))
            ]
            self.say(f"3. currents-segment run {self._shown('segment.yaml')}")
            run = processes.enter_context(self._start("run", ["run", str(self._file)], stop=True, show=sys.stderr.isatty()))
            self._watch(run, exports, feed, recover=lambda: httpx.delete(f"{double}/_double/faults", params={"name": FAULTS[0]["name"]}))
        self._prove(double=self.folder / "view.jsonl")

    # -- the parts ---------------------------------------------------------------------------------------------------------------------

    @property
    def _file(self) -> Path:
        return self.folder / "segment.yaml"

    def _shown(self, name: str) -> str:
        return os.path.relpath(self.folder / name)

    def _empty(self) -> None:
        if self.folder.exists() and any(self.folder.iterdir()) and not (self.folder / MARK).exists():
            raise UserError(f"{self.folder} holds something that is not a demo's: give another folder with --folder")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        (self.folder / MARK).touch()

    def _configure(self, endpoint: str, sources: dict[str, str]) -> None:
        text = CONFIG.format(port=_free_port(), endpoint=endpoint, file=self._shown("segment.yaml"), **sources)
        self._file.write_text(text, encoding="utf-8")
        for name, key in KEYS.items():
            (self.folder / f"{name}.key").write_text(key, encoding="utf-8")
        for name in ("shop", "app"):
            (self.folder / name).mkdir()

    def _feed(self, parts: ExitStack, sources: dict[str, str]) -> Callable[[], None]:
        """What brings new files to Kafka, if they go there; the sources' settings are changed for it."""
        if not self.brokers:
            return lambda: None
        from currents_segment.flows.demo_kafka import Feed, Registry  # noqa: PLC0415 - who has no Kafka does not pay for its client

        topics = {name: f"currents-segment-demo-{name}-{secrets.token_hex(4)}" for name in sources}
        registry = Registry()
        parts.enter_context(registry.serving())
        feed = Feed(self.brokers, registry, {self.folder / name: topic for name, topic in topics.items()})
        parts.enter_context(feed.open())
        for name, topic in topics.items():
            sources[name] = f"{{kafka: {{bootstrap: '{self.brokers}', topics: [{topic}], registry: {{url: '{registry.url}'}}, poll: 1s}}}}"
        return feed.turn

    @contextmanager
    def _double(self) -> Iterator[str]:
        ready = self.folder / "double.port"
        keys = [argument for name, key in KEYS.items() for argument in ("--key", f"{name}={key}")]
        with self._start("double", ["simulate", "segment", *keys, "--ready-file", str(ready)], stop=True) as process:
            _until(lambda: ready.exists() or process.poll() is not None, "the double of Segment to listen")
            url = f"http://127.0.0.1:{ready.read_text(encoding='utf-8').strip()}"
            yield url
            with httpx.stream("GET", f"{url}/_double/view") as answer, (self.folder / "view.jsonl").open("wb") as view:
                view.writelines(answer.iter_bytes())

    @contextmanager
    def _export(self, name: str, share: float, seed: int) -> "Iterator[subprocess.Popen[bytes]]":
        arguments = ["--out", str(self.folder / name), "--count", str(int(self.events * share)), "--seed", str(seed)]
        arguments += ["--config", str(self._file), "--workspace", name, "--expected", str(self._expected(name))]
        arguments += ["--codec", ("snappy", "zstandard")[seed], "--layout", ("old", "new")[seed]]
        if self.brokers:
            from currents_segment.flows.demo_kafka import WHOLE  # noqa: PLC0415 - as above

            arguments += [word for kind in WHOLE for word in ("--share", f"{kind}=0")]
        with self._start(f"export-{name}", ["simulate", "currents", *arguments]) as process:
            yield process

    def _expected(self, name: str) -> Path:
        return self.folder / f"expected-{name}.jsonl.gz"

    @contextmanager
    def _start(self, name: str, arguments: Sequence[str], *, stop: bool = False, show: bool = False) -> "Iterator[subprocess.Popen[bytes]]":
        """One of our own commands; its output goes to a file of its name, or is shown."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "currents_segment.flows.cli", *arguments],
                stdout=log,
                stderr=None if show else subprocess.STDOUT,
            )
            try:
                yield process
                if stop:
                    process.send_signal(signal.SIGTERM)
                code = process.wait(30)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        if code:
            raise FailedError(f"`{name}` ended with exit code {code}; its output is in {self._shown(f'{name}.log')}")

    # -- looking on --------------------------------------------------------------------------------------------------------------------

    def _watch(
        self,
        run: "subprocess.Popen[bytes]",
        exports: "Sequence[subprocess.Popen[bytes]]",
        feed: Callable[[], None],
        recover: Callable[[], httpx.Response],
    ) -> None:
        """Until everything that was exported has ended, and every dead letter is written; ends the outage on the way."""
        begin = last = time.monotonic()
        down_until: float | None = None
        document: status.Status | None = None
        while document is None or not self._done(document, exports):
            if run.poll() is not None:
                raise FailedError(f"`run` ended early with exit code {run.returncode}; its output is in {self._shown('run.log')}")
            if time.monotonic() - begin > PATIENCE:
                raise FailedError(f"not done after {PATIENCE:.0f} s; `run` says: {self._line(document) if document else 'nothing'}")
            time.sleep(0.1)
            feed()
            document = self._document()
            if down_until is None and document is not None and document["connectors"]["app-to-segment"]["failing_since"]:
                down_until = time.monotonic() + OUTAGE
            if down_until is not None and time.monotonic() > down_until:
                down_until = math.inf
                recover().raise_for_status()
            if document is not None and not sys.stderr.isatty() and time.monotonic() - last > 1.0:
                last = time.monotonic()
                self.say(f"   {last - begin:4.0f} s  {self._line(document)}")
        self.say(f"   all done after {time.monotonic() - begin:.0f} s; stopping it with SIGTERM")

    def _document(self) -> status.Status | None:
        file = self.folder / "state" / "status-0.json"
        document: status.Status | None = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
        return document

    def _done(self, document: status.Status, exports: "Sequence[subprocess.Popen[bytes]]") -> bool:
        if any(export.poll() is None for export in exports):
            return False
        connectors = document["connectors"]
        return all(
            connector["received"] >= expected and not connector["in_flight"] and not connector["letters_pending"]
            for name, expected in self._receivable().items()
            for connector in (connectors[name],)
        )

    def _receivable(self) -> dict[str, int]:
        from currents_segment.flows.simulate.expected_file import read_ledgers  # noqa: PLC0415 - it is not there before the exports are

        ledgers: dict[str, Any] = {}
        for name in ("shop", "app"):
            ledgers |= read_ledgers(self._expected(name))
        return {name: ledger["received"] for name, ledger in ledgers.items()}

    @staticmethod
    def _line(document: status.Status) -> str:
        connectors = document["connectors"]
        received = sum(connector["received"] for connector in connectors.values())
        delivered = sum(connector["outcomes"].get("delivered", 0) for connector in connectors.values())
        trouble = [f"{name} {one['health']} ({one['why']})" for name, one in connectors.items() if one["health"] not in {"idle", "working"}]
        return "  ".join([f"received {received:>8,}", f"delivered {delivered:>8,}", *trouble])

    def _prove(self, double: Path) -> None:
        document = self._document()
        if document is None:
            raise FailedError("`run` left no status document")
        self.say("\n4. The ledger: every event that came in ended in exactly one state.\n")
        self.say(status.ledger_text(document))
        self.say("\n5. What Segment would really keep, against the outcome that was worked out from the data alone:\n")
        code = subprocess.run(  # noqa: S603 - our own command
            [
                *(sys.executable, "-m", "currents_segment.flows.cli", "compare", "--view", str(double)),
                *(argument for name in ("shop", "app") for argument in ("--expected", str(self._expected(name)))),
                *("--status", str(self.folder / "state" / "status-0.json")),
            ],
            check=False,
        ).returncode
        if code:
            raise FailedError(f"not everything arrived as it must; everything is kept in {self._shown('.')}")
        command = os.path.relpath(Path(sys.executable).with_name("currents-segment"))
        config, file = (
            self._shown("segment.yaml"),
            os.path.relpath(min((self.folder / "shop").rglob("*event_type=users.messages.email.Click*/**/*.avro"))),
        )
        hints = {
            f"{command} dead-letters list {config}": "what did not reach Segment, and why",
            f"{command} status {config}": "the ledger of the last run",
            f"{command} catalogue": "the event types that it knows",
            f"{command} explain {file}": "what becomes of its first event, and why",
            "deploy/examples/full.yaml": "every setting, explained",
        }
        self.say("\nEverything is as it must be. Look at what was left behind:\n")
        for what, why in hints.items():
            self.say(f"   # {why}\n   {what}")


def _until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        if time.monotonic() > end:
            raise FailedError(f"waited 30 s for {what}")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
