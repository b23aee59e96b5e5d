"""Our way into librdkafka against the Python client's, and what becomes of the memory."""

import resource
from collections import defaultdict
from itertools import count
from pathlib import Path

import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, TopicPartition
from tests.system.rig import wait

from currents_segment.flows.kafka.client import Client
from currents_segment.flows.kafka.run import UNSAID, Run, joined
from currents_segment.flows.kafka.settings import CONSUMER

PAGE = resource.getpagesize()
MATTERS = "matters"
LEAK = 24 << 20  # bytes: a million messages that are not given back are twenty times as much, one pointer of each is more


@pytest.fixture
def client(kafka):
    """Makes clients of the broker."""
    made = []

    def make(most=1000, **settings):
        usual = {**CONSUMER, "bootstrap.servers": kafka.broker.address(), "group.id": "g", "log_level": 0}
        made.append(Client({**usual, **settings}, most=most, headers=[MATTERS], heard=lambda error: None, committed=lambda error: None))
        return made[-1]

    yield make
    for one in made:
        one.close()


def read(one: Client, wanted: dict[tuple[str, int], int]) -> dict[tuple[str, int], Run]:
    """So many messages of each partition."""
    got = defaultdict(list)

    def look():
        for partition in one.waiting():
            for topic, number, run in one.fetch(partition).runs:
                got[topic, number].append(run)
        assert not one.serve().runs
        return all(sum(run.count for run in got[partition]) >= count for partition, count in wanted.items())

    wait(look, f"{wanted}")
    return {partition: joined(runs) for partition, runs in got.items()}


@pytest.mark.parametrize("kind", ["LogAppendTime", "CreateTime"])
def test_each_message_is_as_the_python_client_gives_it(kafka, client, kind):
    """Value, offset, time and the headers that matter, whatever keys, headers, tombstones and codecs there are."""
    kafka.broker.create(kafka.name, 2, message_timestamp_type=kind, retention_ms="-1")  # the times are long ago
    values = [b"a", None, b"", b"x" * 300_000, b"\x00" * 7, b"last"]
    headers = [
        None,
        [(MATTERS, b"1"), ("other", b"2"), (MATTERS, None)],
        [("other", b"x")],
        [(MATTERS, b"")],
        [("o", b""), (MATTERS, b"9")],
        None,
    ]
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        producer = kafka.producer(**{"compression.type": codec})
        for number, value in enumerate(values):
            key = [None, b"key", b""][number % 3]
            producer.produce(
                kafka.name, value, key=key, partition=number % 2, headers=headers[number], timestamp=1_767_312_000_000 + number
            )
        assert 0 == producer.flush(30)
    theirs = Consumer({"bootstrap.servers": kafka.broker.address(), "group.id": "theirs", "log_level": 0})
    theirs.assign([TopicPartition(kafka.name, number, 0) for number in range(2)])
    expected = defaultdict(list)
    while sum(map(len, expected.values())) < 5 * len(values):
        for message in theirs.consume(100, 1.0):
            kind_, at = message.timestamp()
            said = message.headers() or []
            matter = said if MATTERS in dict(said) else None
            time_ = at if kind_ == TIMESTAMP_LOG_APPEND_TIME else UNSAID
            expected[kafka.name, message.partition()].append((message.value(), message.offset(), time_, matter))
    theirs.close()
    one = client()
    one.assign({(kafka.name, number): 0 for number in range(2)})
    runs = read(one, {partition: len(messages) for partition, messages in expected.items()})
    for partition, run in runs.items():
        ours = [
            (run.value(number), offset, time_, run.headers.get(offset))
            for number, offset, time_ in zip(count(), run.offsets.tolist(), run.times.tolist(), strict=False)
        ]
        assert expected[partition] == ours


def test_a_partition_that_is_not_read_holds_no_other(kafka, client):
    """It is fetched as far as its bound and no further, the others to their end; and when it is read, each message comes once."""
    kafka.broker.create(kafka.name, 2)
    for partition in range(2):
        kafka.put(3_000, partition=partition, size=1_000)
    one = client(**{"queued.max.messages.kbytes": 100, "fetch.message.max.bytes": 100_000})
    held, other = (kafka.name, 0), (kafka.name, 1)
    one.assign({held: 0, other: 0})
    runs = []

    def look():
        runs.extend(run for _, _, run in one.fetch(other).runs)
        return sum(run.count for run in runs) >= 3_000

    wait(look, "the other")
    assert list(range(3_000)) == joined(runs).offsets.tolist()
    assert [held] == one.waiting()
    assert one._lengths[0] <= 1_500  # an answer holds a whole batch of the producer's, however large
    assert list(range(3_000)) == read(one, {held: 3_000})[held].offsets.tolist()


def test_a_million_messages_leave_nothing_behind(kafka, client):
    """Each is given back, also those that are news and those of a partition that is given up."""
    kafka.broker.create(kafka.name, 1)
    kafka.put(50_000)
    one, partition = client(), (kafka.name, 0)
    sizes = []
    for _ in range(21):
        one.assign({partition: 0})
        wait(lambda: sum(run.count for _, _, run in one.fetch(partition).runs) and one.waiting(), "the first messages")
        one.unassign(partition)
        one.assign({partition: 0})
        assert 50_000 == read(one, {partition: 50_000})[partition].count
        one.unassign(partition)
        sizes.append(resident())
    assert sizes[-1] - sizes[0] < LEAK


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
