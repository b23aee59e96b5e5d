"""The demo's way through Kafka: exported files become messages in Confluent's format, and a schema registry that knows their schemas."""

import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from fastavro import reader, schemaless_writer
from fastavro.schema import parse_schema

from currents_segment.flows.errors import FailedError

if TYPE_CHECKING:
    from confluent_kafka import Message

PARTITIONS: Final = 4
ANSWER: Final = 30.0  # s: for a topic, and for the last messages to be taken
WHOLE: Final[tuple[str, ...]] = ("corrupt", "truncated", "not_avro", "empty", "misplaced")
"""What can be wrong with a file and not with a message."""


@dataclass
class Registry:
    """A schema registry as Confluent's is asked by consumers: a schema by its id, and an error code where there is none.

    Attributes:
        schemas: by id, from 1 on.
        url: where it answers, inside `serving`.
    """

    schemas: list[str] = field(default_factory=list)
    url: str = ""

    def number(self, schema: str) -> int:
        """The id of a schema, which is registered where it is new."""
        if schema not in self.schemas:
            self.schemas.append(schema)
        return self.schemas.index(schema) + 1

    def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and body."""
        number = path.partition("?")[0].removeprefix("/schemas/ids/")
        if number.isdecimal() and 0 < int(number) <= len(self.schemas):
            return 200, {"schema": self.schemas[int(number) - 1]}
        return 404, {"error_code": 40403, "message": "Schema not found"}

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Answers on this machine while the block runs."""
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet

            def do_GET(self) -> None:
                status, body = registry.answer(self.path)
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Silence: what is asked is no news."""

        with _Server(("127.0.0.1", 0), Handler) as server:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
            thread.start()
            self.url = f"http://127.0.0.1:{server.server_port}"
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who asked is gone, as after Ctrl-C: no news. Anything else is a bug, and is printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Feed:
    """Files of some folders become messages of a topic each, as they appear: every event once, those of a user in one partition.

    Args:
        brokers: `host:port,…`
        registry: where their schemas are registered.
        topics: by folder.
    """

    def __init__(self, brokers: str, registry: Registry, topics: dict[Path, str]) -> None:
        self._registry = registry
        self._topics = topics
        self._done: set[Path] = set()
        self._faults: list[str] = []
        self._admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
        self._producer = Producer({"bootstrap.servers": brokers, "acks": "all", "linger.ms": 50, "compression.type": "lz4", "log_level": 0})

    @contextmanager
    def open(self) -> Iterator[None]:
        """The topics are there while the block runs, and nothing of them is left."""
        created = self._admin.create_topics([NewTopic(topic, PARTITIONS, -1) for topic in self._topics.values()], operation_timeout=ANSWER)
        _each(created.values(), "the demo's topics cannot be created")
        try:
            yield
        finally:
            _each(
                self._admin.delete_topics(list(self._topics.values()), operation_timeout=ANSWER).values(),
                "the demo's topics cannot be deleted",
            )

    def turn(self) -> None:
        """What was exported since the last time is published.

        Raises:
            FailedError: the brokers do not take it.
        """
        for folder, topic in self._topics.items():
            for file in sorted({path for path in folder.rglob("*.avro") if not path.name.startswith(".")} - self._done):
                self._publish(file, topic)
                self._done.add(file)
        if self._producer.flush(ANSWER) or self._faults:
            raise FailedError(f"the brokers did not take all messages: {', '.join(self._faults) or f'no answer in {ANSWER:.0f} s'}")

    def _publish(self, file: Path, topic: str) -> None:
        with file.open("rb") as stream:
            found = reader(stream)
            schema = found.metadata["avro.schema"]
            parsed, head = parse_schema(json.loads(schema)), b"\0" + self._registry.number(schema).to_bytes(4, "big")
            for event in found:
                out = io.BytesIO(head)
                out.seek(len(head))
                schemaless_writer(out, parsed, event)
                while True:
                    try:
                        self._producer.produce(topic, out.getvalue(), key=str(event.get("user_id")), on_delivery=self._answered)  # type: ignore[union-attr]
                    except BufferError:  # its queue is full: it goes on as the brokers answer
                        self._producer.poll(0.1)
                    else:
                        break
                self._producer.poll(0)

    def _answered(self, error: "KafkaError | None", _: "Message") -> None:
        if error is not None and len(self._faults) < PARTITIONS:
            self._faults.append(error.str())


def _each(futures: "Sequence[Any] | Any", what: str) -> None:
    try:
        for future in futures:
            future.result(ANSWER)
    except KafkaException as fault:
        raise FailedError(f"{what}: {fault.args[0].str()}") from None
    except TimeoutError:
        raise FailedError(f"{what}: no answer in {ANSWER:.0f} s; check the address") from None
