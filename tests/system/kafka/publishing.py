"""Simulated Currents as messages: each event of an export's files in the frame asked for, to the topics asked for."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Producer
from fastavro import reader, schemaless_writer, writer
from tests.flows.kafka.registry import RegistryDouble
from tests.system.exports import Export, export
from tests.system.kafka.broker import Broker
from tests.system.rig import PATIENCE

from currents_segment.codecs.frames import fingerprint

READABLE: Final = tuple(word for kind in ("corrupt", "truncated", "not_avro", "empty", "misplaced") for word in ("--share", f"{kind}=0"))
"""Of an export: every file can be read, and nothing but the schema says what its events are."""

Event = tuple[str, dict[str, Any]]
Frame = Callable[[str, dict[str, Any]], bytes]


def readable(home: Path, *options: object, **how: Any) -> Export:
    """An export whose events can all be told from its messages."""
    return export(home, *READABLE, *options, **how)


def events(made: Export) -> Iterator[Event]:
    """The writer's schema, as JSON text, and each event of all files."""
    for file in made.files():
        with file.open("rb") as stream:
            found = reader(stream)
            schema = found.metadata["avro.schema"]
            yield from ((schema, event) for event in found)


def datum(schema: str, event: dict[str, Any]) -> bytes:
    """The bare datum."""
    out = io.BytesIO()
    schemaless_writer(out, json.loads(schema), event)
    return out.getvalue()


def container(schema: str, event: dict[str, Any]) -> bytes:
    """A whole file of one event."""
    out = io.BytesIO()
    writer(out, json.loads(schema), [event])
    return out.getvalue()


def single_object(schema: str, event: dict[str, Any]) -> bytes:
    """Avro's single-object encoding."""
    return b"\xc3\x01" + fingerprint(schema) + datum(schema, event)


class Topic:
    """A topic, where events are published and from where they are read.

    Args:
        broker: where.
        registry: of schemas.
        name: its name.
    """

    def __init__(self, broker: Broker, registry: RegistryDouble, name: str) -> None:
        self.broker, self.registry, self.name = broker, registry, name
        self._numbers: dict[str, int] = {}

    def source(self, *topics: str, **settings: Any) -> dict[str, Any]:
        """The settings of a source that reads it, or these."""
        usual = {"bootstrap": self.broker.address(), "registry": {"url": self.registry.url}, "poll": "1s"}
        return {"kafka": {**usual, "topics": list(topics or [self.name]), **settings}}

    def confluent(self, schema: str, event: dict[str, Any]) -> bytes:
        """Confluent's wire format; schemas are registered as they come."""
        number = self._numbers.get(schema)
        if number is None:
            number = self._numbers[schema] = self.registry.register(f"{self.name}-{len(self._numbers)}", schema)
        return b"\x00" + number.to_bytes(4, "big") + datum(schema, event)

    def producer(self, **config: Any) -> Producer:
        """Of messages that are written safely."""
        return Producer({"bootstrap.servers": self.broker.address(), "linger.ms": 20, "acks": "all", "log_level": 0, **config})

    def publish(
        self,
        made: Export,
        *,
        partitions: int = 1,
        first: int = 0,
        frame: Frame | None = None,
        topic: str = "",
        begin: int = 0,
        end: int | None = None,
        **config: Any,
    ) -> int:
        """The events of an export, all or from one to another, those of a user always to the same partition; how many there are."""
        producer, count = self.producer(**config), 0
        for schema, event in islice(events(made), begin, end):
            partition = first + hashlib.sha256(str(event.get("user_id")).encode()).digest()[0] % partitions
            producer.produce(topic or self.name, (frame or self.confluent)(schema, event), partition=partition)
            producer.poll(0)
            count += 1
        assert 0 == producer.flush(PATIENCE)
        return count

    def put(self, count: int, *, partition: int = 0, topic: str = "", size: int = 0) -> None:
        """So many bare datums of a text each, into one partition; with `size` more bytes, which are left over."""
        producer = self.producer()
        for number in range(count):
            producer.produce(topic or self.name, b"\x08%04d" % number + bytes(size), partition=partition)
            producer.poll(0)
        assert 0 == producer.flush(PATIENCE)
