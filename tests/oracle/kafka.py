"""Topics of a real Apache Kafka with a schema registry: messages in every frame that holds its schema's name, spoiled ones, transactions; and what happens to brokers.

Its frames and its Avro are its own; of the tests' rig it uses the broker's process and the registry's stand-in, which know nothing of the pipeline.
"""

import json
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import fastavro
from confluent_kafka import KafkaError, Message, Producer
from tests.flows.kafka.registry import RegistryDouble
from tests.oracle.container import Stretch, container, datum, misread
from tests.oracle.inputs import Lot
from tests.oracle.truth import SPREAD, Fact
from tests.system.kafka.broker import Broker
from tests.system.rig import PATIENCE, wait

FRAMES: Final = ("id", "guid", "id in a header", "guid in a header", "file")
BAD_FRAMES: Final[Mapping[str, bytes | None]] = MappingProxyType(
    {"tombstone": None, "empty": b"", "foreign": b'{"event": "JSON"}', "frame": b"\x00\x00\x01", "id 0": b"\x00\x00\x00\x00\x00datum"}
)
BAD_DATUMS: Final = ("datum", "text", "surplus")
BAD_SCHEMAS: Final = ("stranger", "protobuf")
TOPICS: Final = (("stamped", 3, True), ("plain", 2, False))  # name, partitions, and whether the broker says when a message came
MOST: Final = 8  # partitions of a topic, and topics of a workspace
NOBODY: Final = 1_000_000_000  # an id that no schema has
LARGE: Final = 1_000  # a lot of so many lies in one partition: more than a chunk


@dataclass(slots=True)
class Topic:
    """A topic; `stamped` as in `Fact`."""

    name: str
    partitions: int
    stamped: bool


@dataclass(frozen=True, slots=True)
class Value:
    """A message before it is sent.

    Attributes:
        value: None for a tombstone.
        holds: what can be read of it.
        headers: as a producer takes them.
        framed: it says which schema it was written with.
        file: it is a whole container file.
    """

    value: bytes | None
    holds: list[Stretch]
    headers: list[tuple[str, bytes]] | None = None
    framed: bool = True
    file: bool = False


class Kafka:
    """One broker and one registry for all workspaces; two topics each, and more that come."""

    damages: tuple[str, ...] = (*BAD_FRAMES, *BAD_DATUMS, *BAD_SCHEMAS, "aborted")
    disturbances: Mapping[str, int] = MappingProxyType(
        {"broker killed": 2, "broker stands still": 1, "registry down": 1, "partitions added": 1, "topic added": 1}
    )

    def __init__(self, home: Path, random: Random, workspaces: Iterable[str]) -> None:
        self._random, self._made, self._ambush, self._down = random, 0, False, False
        self._registry, self._serving = RegistryDouble(), ExitStack()
        self._serving.enter_context(self._registry.serving())
        self._broker = Broker(home)
        try:
            self._producer = self._writer()
            self._topics: dict[str, list[Topic]] = {workspace: [] for workspace in workspaces}
            for workspace in self._topics:
                for name, partitions, stamped in TOPICS:
                    self._create(workspace, name, partitions, stamped=stamped)
        except BaseException:
            self.close()
            raise

    def configuration(self, workspace: str) -> dict[str, Any]:
        """As in `Source`."""
        registry = {"url": self._registry.url, "timeout": "1s", "unknown_after": "1s"}
        return {"kafka": {"bootstrap": self._broker.address(), "topics": [rf"^{workspace}\..*"], "registry": registry, "poll": "1s"}}

    def put(self, workspace: str, lot: Lot, now: float, *, damage: str | None = None, late: float = 0.0) -> list[Fact]:
        """As in `Source`; the messages lie in the log for good when it returns, those of an aborted transaction too."""
        self._up()
        random, topic = self._random, self._random.choice(self._topics[workspace])
        values = list(self._values(lot, damage))
        where = [random.randrange(topic.partitions)] if len(values) >= LARGE or random.random() < 0.3 else list(range(topic.partitions))
        places = [random.choice(where) for _ in values]
        in_turn = damage == "aborted" or random.random() < 0.1
        sent = self._send(topic.name, values, places, int((now - late) * 1000), transaction=in_turn, abort=damage == "aborted")
        if damage == "aborted":
            return []
        return [fact for value, message in zip(values, sent, strict=True) for fact in _facts(topic, lot, value, message, now)]

    def disturb(self, what: str, chance: float) -> bool:
        """As in `Source`."""
        workspace = list(self._topics)[int(chance * len(self._topics))]
        topics = self._topics[workspace]
        match what:
            case "broker killed" if chance < 0.3:
                self._ambush = True  # while somebody writes to it
            case "broker killed":
                self._up()
                self._broker.kill()
                self._down = True
            case "broker stands still":
                self._up()
                self._broker.send(signal.SIGSTOP)
                time.sleep(0.2 + 2 * chance)
                self._broker.send(signal.SIGCONT)
            case "registry down":
                self._registry_goes(("refuses", "silent", "500", "503")[int(chance * 4)])
            case "partitions added":
                topic = topics[int(chance * 97) % len(topics)]
                if topic.partitions >= MOST:
                    return False
                self._up()
                self._broker.grow(topic.name, topic.partitions + 1)
                topic.partitions += 1
                self._until_known(topic)
            case "topic added":
                if len(topics) >= MOST:
                    return False
                self._up()
                self._create(workspace, f"later-{len(topics)}", 1 + int(chance * 3), stamped=chance < 0.5)
            case _:
                raise ValueError(what)
        return True

    def mend(self) -> None:
        """As in `Source`."""
        self._up()
        self._registry.fault = None
        self._registry.hold.set()
        self._serving.close()
        self._serving.enter_context(self._registry.serving())

    def close(self) -> None:
        """As in `Source`."""
        self._serving.close()
        self._broker.close()

    # ---- the broker and the registry

    def _up(self) -> None:
        """The broker serves."""
        if self._down:
            self._broker.start()
            self._down = False

    def _registry_goes(self, how: str) -> None:
        match how:
            case "refuses":
                self._serving.close()
            case "silent":
                self._registry.hold.clear()
            case status:
                self._registry.fault = int(status), b"{}"

    def _create(self, workspace: str, name: str, partitions: int, *, stamped: bool) -> None:
        topic = Topic(f"{workspace}.{name}", partitions, stamped)
        self._broker.create(
            topic.name, partitions,
            message_timestamp_type="LogAppendTime" if stamped else "CreateTime",
            message_timestamp_after_max_ms=str(2**63 - 1),  # the pipeline's clock is moved, the broker's is not
        )  # fmt: skip
        self._until_known(topic)
        self._topics[workspace].append(topic)

    def _until_known(self, topic: Topic) -> None:
        """Until the producer has heard of all its partitions."""
        wait(lambda: len(self._producer.list_topics(topic.name, PATIENCE).topics[topic.name].partitions) == topic.partitions, topic.name)

    # ---- what is sent

    def _writer(self, **more: str) -> Producer:
        """Of messages that come into the log once, whatever happens to the broker meanwhile."""
        return Producer({"bootstrap.servers": self._broker.address(), "enable.idempotence": True, "linger.ms": 5, "log_level": 0, **more})

    def _send(self, topic: str, values: list[Value], places: list[int], timestamp: int, *, transaction: bool, abort: bool) -> list[Message]:
        """The messages as they lie in the log, in order."""
        self._made += 1
        producer = self._writer(**{"transactional.id": f"oracle-{self._made}"}) if transaction else self._producer
        if transaction:
            producer.init_transactions(PATIENCE)
            producer.begin_transaction()
        sent: dict[int, Message] = {}

        def delivered(number: int, error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            sent[number] = message

        for number, (value, partition) in enumerate(zip(values, places, strict=True)):
            producer.produce(
                topic, value.value, str(number), partition, timestamp=timestamp, headers=value.headers,
                on_delivery=lambda error, message, number=number: delivered(number, error, message),
            )  # fmt: skip
        if self._ambush and not transaction:
            self._ambush = False
            self._broker.kill()
            self._broker.start()
        left = producer.flush(PATIENCE)
        assert left == 0, f"{left} messages could not be written"
        if transaction:
            (producer.abort_transaction if abort else producer.commit_transaction)(PATIENCE)
        return [sent[number] for number in range(len(values))]

    def _values(self, lot: Lot, damage: str | None) -> Iterator[Value]:
        """The lot's events, each in a message or some in a file; one of them spoiled, or a message between them that is none."""
        random, schema = self._random, json.dumps(lot.schema)
        number = self._registry.register(f"subject-{len(self._registry.entries)}", schema)
        frame = random.choice(FRAMES) if damage not in BAD_DATUMS else "id"
        victim = random.randrange(len(lot.events)) if damage else -1
        if frame == "file":
            yield from self._files(lot)
            if damage in BAD_FRAMES or damage in BAD_SCHEMAS:
                yield self._bad(damage, lot)
            return
        parsed: Any = fastavro.parse_schema(lot.schema)
        guid = UUID(self._registry.entries[number].guid).bytes
        mark = b"\x01" + guid if frame.startswith("guid") else b"\x00" + number.to_bytes(4, "big")
        for each, event in enumerate(lot.events):
            body, holds = datum(parsed, event), [Stretch(0, 0, event)]
            if each == victim and damage in BAD_DATUMS:
                yield _spoiled(damage, mark, lot, event)
            elif frame.endswith("header"):
                yield Value(body, holds, [("other", b"?"), ("__value_schema_id", mark)])
            else:
                yield Value(mark + body, holds)
            if each == victim and (damage in BAD_FRAMES or damage in BAD_SCHEMAS):
                yield self._bad(damage, lot)

    def _files(self, lot: Lot) -> Iterator[Value]:
        size = self._random.randint(1, 10)
        for start in range(0, len(lot.events), size):
            data, holds = container(lot.schema, lot.events[start : start + size], self._random, block=self._random.randint(1, 5))
            yield Value(data, holds, file=True)

    def _bad(self, damage: str, lot: Lot) -> Value:
        """A message that is no event, whatever its type."""
        if damage in BAD_FRAMES:
            return Value(BAD_FRAMES[damage], [Stretch(0, 0, damage="undecodable/bad_frame")], framed=False)
        number = NOBODY
        if damage == "protobuf":
            number = self._registry.register("protobuf", 'syntax = "proto3";', kind="PROTOBUF")
        body = b"\x00" + number.to_bytes(4, "big") + datum(lot.schema, lot.events[0])
        return Value(body, [Stretch(0, 0, damage="undecodable/unknown_schema")], framed=False)


def _spoiled(damage: str, mark: bytes, lot: Lot, event: dict[str, Any]) -> Value:
    """An event's message whose bytes are no datum, or hold text that is none, or more than a datum."""
    whole = datum(lot.schema, event)
    match damage:
        case "datum":
            return Value(mark + whole[: len(whole) // 2], [Stretch(0, 0, damage="undecodable/bad_datum")])
        case "text":
            return Value(mark + misread(lot.schema, event), [Stretch(0, 0, damage="undecodable/bad_datum")])
        case _:
            return Value(mark + whole + b"left over", [Stretch(0, 0, event), Stretch(0, 1, damage="undecodable/bad_datum")])


def _facts(topic: Topic, lot: Lot, value: Value, message: Message, now: float) -> Iterator[Fact]:
    """What lies where the broker said that it put the message."""
    log, partition, offset = f"currents/{topic.name}", message.partition(), message.offset()
    assert offset is not None
    fact = Fact(
        (log, "", 0, 0),
        message.timestamp()[1] / 1000 if topic.stamped else now,
        lot.known if value.framed else None,
        typed=False,
        stamped=topic.stamped,
        put=now,
        spread=SPREAD,
        fields=lot.fields,
    )
    for each in value.holds:
        place = (log, f"{partition}@{offset}", each.block, each.record) if value.file else (log, str(partition), offset, each.record)
        behind = bool(each.damage) and each.record > 0  # who does not want the type does not look behind its datum
        yield replace(fact, place=place, typed=behind, event=each.event, damage=each.damage, count=each.count)
