"""What lies in the topic of dead letters, read from its beginning to the end that it has when the reading begins. Joins no group."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AclOperation, ConfigResource, ResourceType

from currents_segment.flows.config import LettersTopic
from currents_segment.flows.errors import UserError
from currents_segment.flows.kafka import faults, settings
from currents_segment.flows.kafka.cluster import TIMEOUT, Cluster

BATCH: Final = 1_000  # messages taken from the client at once, beside the first
LOOK: Final = 0.5  # s between two looks at whether there is anything; Ctrl-C waits as long
STALL: Final = 30.0  # s without a message, though there are some
DAY: Final = 86_400_000  # ms: the longest that librdkafka allows
GROUP: Final = "currents-segment"  # a consumer must name one
CONSUMER: Final = {
    "auto.offset.reset": "earliest",  # what retention deletes meanwhile is gone; nothing is skipped that is there
    "max.poll.interval.ms": DAY,  # between two messages a replay may wait for Segment
}
HOPELESS: Final = frozenset(
    {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC}
)
MOVING: Final = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})  # over in a moment, mostly

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Span:
    """A partition's messages.

    Attributes:
        first: offset of the first that is left.
        end: offset behind the last that may be read.
    """

    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the topic.

    Attributes:
        partition: where it stands.
        offset: its number there.
        key: empty where it has none.
        value: None where it has none.
        headers: by name; the last of several.
    """

    partition: int
    offset: int
    key: bytes
    value: bytes | None
    headers: Mapping[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Condition:
    """How the topic is set up, as far as we may see it.

    Attributes:
        operations: what we may do with it; None where the brokers do not say.
        settings: by name; empty where we may not ask.
    """

    operations: frozenset[AclOperation] | None
    settings: Mapping[str, str]


def spans(kafka: LettersTopic) -> dict[int, Span]:
    """What lies in each partition.

    Raises:
        OSError: the cluster does not answer or refuses us; says what to do.
    """

    def ask(cluster: Cluster) -> dict[int, Span]:
        partitions = [(kafka.topic, each.id) for each in _described(cluster, kafka).partitions]
        first, end = cluster.earliest(partitions), cluster.latest(partitions)
        if missing := [number for name, number in partitions if (name, number) not in first or (name, number) not in end]:
            raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE, f"partition {missing[0]}: bring its broker back"))
        return {place[1]: Span(first[place], end[place]) for place in partitions}

    return _asked(kafka, ask)


def condition(kafka: LettersTopic) -> Condition:
    """How it is set up.

    Raises:
        OSError: as for `spans`.
    """

    def ask(cluster: Cluster) -> Condition:
        may = _described(cluster, kafka).authorized_operations
        resource = ConfigResource(ResourceType.TOPIC, kafka.topic)
        try:
            entries = cluster.client.describe_configs([resource], request_timeout=TIMEOUT)[resource].result(2 * TIMEOUT)
        except KafkaException as fault:
            if fault.args[0].code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise
            entries = {}
        return Condition(None if may is None else frozenset(may), {name: entry.value for name, entry in entries.items()})

    return _asked(kafka, ask)


def _described(cluster: Cluster, kafka: LettersTopic) -> Any:
    names = TopicCollection([kafka.topic])
    return cluster.client.describe_topics(names, include_authorized_operations=True, request_timeout=TIMEOUT)[kafka.topic].result(
        2 * TIMEOUT
    )


def _asked(kafka: LettersTopic, ask: Callable[[Cluster], T]) -> T:
    """The answer to a question to the cluster; every fault as an OSError."""
    cluster, deadline = Cluster(kafka), time.monotonic() + TIMEOUT
    try:
        cluster.connect()
        cluster.ping()  # names what is wrong with the set-up within a moment
        while True:
            try:
                return ask(cluster)
            except KafkaException as fault:
                if fault.args[0].code() not in MOVING or time.monotonic() > deadline:
                    raise
                time.sleep(LOOK)
    except KafkaException as fault:
        raise OSError(f"{_name(kafka)}: {cluster.reason(fault.args[0])}") from None
    except TimeoutError:
        raise OSError(f"{_name(kafka)}: the brokers do not answer in time") from None
    except UserError as error:
        raise OSError(f"{_name(kafka)}: {error}") from None


def _name(kafka: LettersTopic) -> str:
    return f"topic {kafka.topic} at {kafka.bootstrap}"


def messages(kafka: LettersTopic, found: Mapping[int, Span], monotonic: Callable[[], float] = time.monotonic) -> Iterator[Message]:
    """Every message of these spans, each partition's in its order; what was aborted or deleted is not among them.

    Raises:
        OSError: the brokers refuse, or nothing comes for `STALL` though there is something; says what to do.
    """
    left = {number for number, span in found.items() if span.first < span.end}
    if not left:
        return
    said: list[KafkaError] = []
    consumer = _consumer(kafka, said)
    try:
        consumer.assign([TopicPartition(kafka.topic, number, found[number].first) for number in sorted(left)])
        waited = 0.0
        while left:
            before = monotonic()
            first = consumer.poll(LOOK)  # the others that are there come without waiting for more
            waited += monotonic() - before
            for each in [] if first is None else [first, *consumer.consume(BATCH, 0)]:
                number: Any = each.partition()
                offset: Any = each.offset()
                headers: Any = each.headers() or ()
                if (fault := each.error()) is None:
                    waited = 0.0
                    if offset < found[number].end:
                        yield Message(number, offset, each.key() or b"", each.value(), dict(headers))
                    if offset >= found[number].end - 1:
                        left.discard(number)
                elif fault.code() == KafkaError._PARTITION_EOF:  # behind control records and gaps that no message fills
                    left.discard(number)
                elif fault.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:  # there is no group to join
                    said.append(fault)
            if left and (waited > STALL or any(error.code() in HOPELESS for error in said)):
                raise OSError(f"{_name(kafka)}: {faults.sentence(_telling(said))}")
    finally:
        consumer.close()


def _consumer(kafka: LettersTopic, said: list[KafkaError]) -> Consumer:
    try:
        return Consumer({**settings.consumer(kafka, GROUP), **CONSUMER, "error_cb": said.append})
    except UserError as error:
        raise OSError(f"{_name(kafka)}: {error}") from None
    except KafkaException as fault:
        raise OSError(f"{_name(kafka)}: the client cannot be made: {faults.sentence(fault.args[0])}") from None


def _telling(said: list[KafkaError]) -> KafkaError:
    """What says most of why nothing comes."""
    telling = [error for error in said if error.code() in HOPELESS] + [error for error in said if error.code() in faults.TELLING]
    return next(iter(telling + said[-1:]), KafkaError(KafkaError._TIMED_OUT))
