"""What lies in a Kafka source and what a first start would send: for `check`, without reading a message."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from confluent_kafka import KafkaException

from currents_segment.flows.config import Connector, KafkaSource
from currents_segment.flows.errors import FailedError, UserError
from currents_segment.flows.kafka.assembly import Assembler
from currents_segment.flows.kafka.log import first_offset
from currents_segment.flows.kafka.registry import SchemaRegistry
from currents_segment.flows.kafka.watch import View, Watch


@dataclass(frozen=True, slots=True)
class Seen:
    """One topic.

    Attributes:
        partitions: how many.
        messages: in all of them, control records and gaps included.
        first: how many of them a first start would read.
        retention: s that messages are kept; None for ever, or where the cluster does not say.
    """

    partitions: int
    messages: int
    first: int
    retention: float | None


@dataclass(frozen=True, slots=True)
class KafkaSurvey:
    """What lies in a source, as one connector would see it.

    Attributes:
        brokers: where it was asked.
        topics: by name, those that are read.
        missing: by name, why a topic that is configured by its name cannot be read.
        registry: what is wrong with the schema registry; None when nothing is, or when there is none.
    """

    brokers: str
    topics: Mapping[str, Seen]
    missing: Mapping[str, str]
    registry: str | None


def survey(source: KafkaSource, connector: Connector, *, clock: Callable[[], float]) -> KafkaSurvey:
    """Ask the cluster and the registry; each question has its time-out.

    Raises:
        FailedError: the cluster does not answer or refuses us; says what, where and what to do.
    """
    Assembler(source.name, source.kafka, None, clock)
    return seen(source, connector, look(source, [connector.start], clock=clock))


def seen(source: KafkaSource, connector: Connector, view: View) -> KafkaSurvey:
    """What a look found, as one connector would see it; asks the registry."""
    topics = {
        name: Seen(
            partitions=topic.count,
            messages=sum(topic.latest[number] - topic.earliest[number] for number in topic.latest),
            first=sum(topic.latest[number] - first_offset(connector.start, topic, number) for number in topic.latest),
            retention=topic.retention,
        )
        for name, topic in view.topics.items()
    }
    return KafkaSurvey(source.kafka.bootstrap, topics, view.missing, _registry(source))


def look(source: KafkaSource, starts: Iterable[float | str], *, clock: Callable[[], float]) -> View:
    """Ask the cluster once; with the offsets of these starts, as far as they are times.

    Raises:
        FailedError: as above.
    """
    watch = Watch(source.name, source.kafka, starts=[start for start in starts if isinstance(start, float)], clock=clock)
    try:
        view = watch.look()
        return replace(view, missing={**view.missing, **watch.unreadable(view)})
    except KafkaException as fault:
        why = watch.reason(fault.args[0])
        raise FailedError(f"source {source.name!r}: {source.kafka.bootstrap}: {why}") from None
    except UserError as fault:
        raise FailedError(f"source {source.name!r}: {fault}") from None


def _registry(source: KafkaSource) -> str | None:
    if source.kafka.registry is None:
        return None
    try:
        SchemaRegistry(source.kafka.registry).check()
    except UserError as fault:
        return str(fault)
    return None
