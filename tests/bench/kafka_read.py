"""`python -m tests.bench.kafka_read`: what a message costs on its way out of Kafka, as far as the chunk that goes to be decoded; beside it the Python client.

CPU time of the whole process, librdkafka's own threads included, in turn in one process. The first messages of each turn are not counted: what a start costs is
the matter of `make bench`.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from confluent_kafka import Consumer, TopicPartition
from tests.bench.data import currents
from tests.bench.load import tell
from tests.bench.logs import Logs, opened
from tests.system.kafka.reading import Reading
from tests.system.rig import PATIENCE, wait

from currents_segment.flows.config import load
from currents_segment.flows.items import emitted
from currents_segment.flows.kafka import settings
from currents_segment.flows.kafka.assembly import LIMIT
from currents_segment.flows.slots import SLOTS

EVENTS: Final = 100_000  # made; they come into the topic again and again
WARM: Final = 20_000  # messages that are not counted
MANY: Final = 1000  # messages that the Python client is asked for at once

Turn = Callable[[], int]
"""Takes what is there; how many messages it was."""


def main(home: Path, *, messages: int, partitions: int, rounds: int) -> None:
    """The command."""
    with TemporaryDirectory(dir=home) as run, opened(Path(run), currents(home, EVENTS)) as logs:
        topic = f"read-{messages}-{partitions}"
        logs.broker.create(topic, partitions, retention_ms="-1")
        for begin in range(0, messages, EVENTS):
            logs.append(topic, 0, min(EVENTS, messages - begin), partitions)
        tell(
            f"{messages:,} messages of {logs.data.size:.0f} B and 20 types in {partitions} partitions; CPU us a message, {rounds} times in turn"
        )
        ways = {"Python client, consume": consumed, "Python client, consume and join the values": joined, "ours, as far as chunks": ours}
        costs: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds):
            for name, way in ways.items():
                with TemporaryDirectory(dir=run) as place:
                    costs[name].append(cost(way(logs, topic, partitions, Path(place)), messages))
                tell(f"{number + 1}  {costs[name][-1]:6.3f}  {name}")
        floor = median(costs["Python client, consume"])
        for name, each in costs.items():
            tell(f"   {median(each):6.3f}  {name}: {median(each) / floor:.2f} of the first")


def cost(turns: Iterator[Turn], messages: int) -> float:
    """CPU us a message, when all are taken."""
    turn, got = next(turns), 0

    def some(enough: int) -> bool:
        nonlocal got
        while got < enough and (count := turn()):
            got += count
        return got >= enough

    wait(lambda: some(WARM), "the first messages", PATIENCE)
    first, begin = got, time.process_time()
    wait(lambda: some(messages), f"all messages; there are {got}", PATIENCE * 5)
    spent = time.process_time() - begin
    assert messages == got
    assert next(turns, None) is None  # ends it
    return 1e6 * spent / (messages - first)


def ours(logs: Logs, topic: str, _partitions: int, home: Path) -> Iterator[Turn]:
    """As the source's slots read: in turn, a chunk each."""
    reading = Reading(home, source(logs, topic), bare=False)
    turns = [0] * SLOTS

    def turn() -> int:
        count = 0
        for slot in range(SLOTS):
            units = reading.log.units(slot)
            for _ in units:
                turns[slot] += 1
                if (read := reading.log.read(units[turns[slot] % len(units)], LIMIT)) is not None:
                    count += emitted(read)
                    break
        return count

    yield turn
    reading.close()


def consumed(logs: Logs, topic: str, partitions: int, home: Path) -> Iterator[Turn]:
    """Nothing but taking messages from the client."""
    return _client(logs, topic, partitions, home, len)


def joined(logs: Logs, topic: str, partitions: int, home: Path) -> Iterator[Turn]:
    """And their values as one; offsets, times and errors are not looked at."""

    def join(messages: list[Any]) -> int:
        return len(b"".join([message.value() for message in messages])) and len(messages)

    return _client(logs, topic, partitions, home, join)


def _client(logs: Logs, topic: str, partitions: int, home: Path, take: Callable[[list[Any]], int]) -> Iterator[Turn]:
    """The Python client with our settings, but that ends of partitions are not told: they would be counted."""
    reading = Reading(home, source(logs, topic), bare=False)
    kafka = load(reading.config, secrets=False).workspaces["acme"].kafkas["currents"].kafka
    reading.close()
    consumer = Consumer({**settings.consumer(kafka, "bench"), "enable.partition.eof": False})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    yield lambda: take(consumer.consume(MANY, 0))
    consumer.close()


def source(logs: Logs, topic: str) -> dict[str, Any]:
    """The settings of a source with the topic."""
    return {"kafka": {"bootstrap": logs.broker.address(), "topics": [topic], "registry": {"url": logs.registry.url}, "poll": "1s"}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kafka_read", description="What a message costs on its way out of Kafka.")
    parser.add_argument("--home", type=Path, default=Path("build/bench"), help="where data is kept")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    options.home.mkdir(parents=True, exist_ok=True)
    main(options.home.resolve(), messages=options.messages, partitions=options.partitions, rounds=options.rounds)
