"""Topics of dead letters on a real broker, and what lies in them as anybody's consumer sees it."""

from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from tests.system.kafka.broker import Broker
from tests.system.rig import PATIENCE

from currents_segment.flows.config import KafkaLetters
from currents_segment.sinks.dead_letters import DeadLetter, DeadLetters, Mark, Scope, opened


def settings(broker: Broker, topic: str, **more: Any) -> dict[str, Any]:
    """`dead_letters` of a configuration."""
    return {"kafka": {"bootstrap": broker.address(), "topic": topic, **more}}


def place(broker: Broker, topic: str, **more: Any) -> DeadLetters:
    """The topic as the place of dead letters."""
    return opened(KafkaLetters.model_validate(settings(broker, topic, **more)))


def unreadable(name: str, what: str) -> None:
    """Nothing may be."""
    raise AssertionError(f"{name}: {what}")


def lying(broker: Broker, topic: str, scope: Scope | None = None) -> list[DeadLetter]:
    """The letters in it, each readable."""
    return list(place(broker, topic).read(scope or Scope(), unreadable))


def ids(letters: Iterable[DeadLetter]) -> list[str]:
    """Their ids, in order of the alphabet."""
    return sorted(letter.id for letter in letters)


def sent(letter: DeadLetter) -> Mark:
    """The mark of a letter of one message."""
    return Mark(letter.connector, letter.id, letter.digest, (letter.id,), whole=True)


def records(broker: Broker, topic: str, ends: Mapping[int, int]) -> list[Message]:
    """Every message of these partitions before their ends, by partition and offset."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker.address(),
            "group.id": "tests",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    found, left = [], set(ends)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
    while left:
        (message,) = consumer.consume(1, PATIENCE)
        if message.error() is None:
            found.append(message)
        elif message.error().code() == KafkaError._PARTITION_EOF:
            left.discard(message.partition())
    consumer.close()
    return sorted(found, key=lambda message: (message.partition(), message.offset()))
