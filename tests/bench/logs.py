"""The logs that the benchmarks read: a real Apache Kafka with a registry, and a folder of Avro files, both with the same events."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Producer
from tests.bench.data import Data
from tests.flows.kafka.registry import RegistryDouble
from tests.system.kafka.broker import Broker
from tests.system.rig import PATIENCE

PARTITIONS: Final = 8
EMPTY: Final = "empty"  # a topic and a folder with nothing in it: what a start costs
FULL: Final = 100_000  # messages that a producer holds until it waits


@dataclass(frozen=True)
class Logs:
    """Where events are read.

    Attributes:
        home: folder of the run.
        broker: Kafka.
        registry: knows the schemas of the data.
        data: the events.
    """

    home: Path
    broker: Broker
    registry: RegistryDouble
    data: Data

    def topic(self, waves: int, partitions: int = PARTITIONS) -> str:
        """A topic with the first waves, spread evenly over its partitions; filled when it is first asked for."""
        name = f"currents-{waves}-{partitions}" if waves else EMPTY
        if not self.broker.exists(name):
            self.broker.create(name, partitions, retention_ms="-1")
            self.append(name, 0, self.data.first(waves), partitions)
        return name

    def append(self, topic: str, begin: int, end: int, partitions: int = PARTITIONS) -> None:
        """The events with these numbers come into a topic, as fast as it takes them."""
        producer = Producer(
            {"bootstrap.servers": self.broker.address(), "linger.ms": 20, "queue.buffering.max.messages": FULL, "log_level": 0}
        )
        for number, value in enumerate(self.data.each(begin, end), begin):
            if number % (FULL // 10) == 0:
                while len(producer) > FULL // 2:
                    producer.poll(0.01)
            producer.produce(topic, value, partition=number % partitions)
        assert 0 == producer.flush(PATIENCE)

    def kafka(self, waves: int, partitions: int = PARTITIONS) -> dict[str, Any]:
        """The settings of a source with the first waves; none: an empty one."""
        topic = self.topic(waves, partitions)
        return {"kafka": {"bootstrap": self.broker.address(), "topics": [topic], "registry": {"url": self.registry.url}, "poll": "1s"}}

    def bucket(self, waves: int) -> dict[str, Any]:
        """The same from a folder of Avro files."""
        if waves:
            return {"url": str(self.data.bucket(waves))}
        (self.home / EMPTY).mkdir(exist_ok=True)
        return {"url": str(self.home / EMPTY)}


@contextmanager
def opened(home: Path, data: Data) -> Iterator[Logs]:
    """While the block runs."""
    registry = RegistryDouble()
    for number, schema in enumerate(data.schemas, 1):
        registry.register(f"currents-{number}", schema, number=number)
    with registry.serving():
        broker = Broker(home / "broker", settings={"log.retention.ms": "-1"})
        try:
            yield Logs(home, broker, registry, data)
        finally:
            broker.close()
