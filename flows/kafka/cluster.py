"""Questions to a cluster, each with its time-out: what librdkafka would wait for without an end, or keep to itself, becomes a sentence here.

Two questions are not asked, since librdkafka 2.16.0 ends the process by an assertion where their answer is not what it expects: any of a group's coordinator
(one that times out: `rd_kafka_enq_once`), and what the cluster is (a broker that has just started knows neither brokers nor topics: `rd_kafka_admin_response_parse`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from confluent_kafka import OFFSET_INVALID, IsolationLevel, KafkaError, KafkaException, Node, TopicCollection, TopicPartition
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource, OffsetSpec, ResourceType

from currents_segment.flows.config import Access
from currents_segment.flows.kafka import certificates, faults, settings

TIMEOUT: Final = 10.0  # s, of each question: a network that swallows everything gives no error
LISTEN: Final = 0.1  # s between two looks at what the client says beside its answers
GOING: Final = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
ANY: Final = "__consumer_offsets"  # a topic to ask for, whether we may see it or not
UNSEEN: Final = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED)

T = TypeVar("T")
Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Described:
    """One topic.

    Attributes:
        id: the cluster's own name for it.
        leaders: by partition, the broker that leads it, in words; "" where none does.
    """

    id: str
    leaders: Mapping[int, str]


class Cluster:
    """A cluster as its administrator's client sees it; for one thread, which may wait.

    Every question raises KafkaException when the cluster does not answer or refuses; `reason` says it in words.

    Attributes:
        generation: how often the client was made anew since who we are was changed.
    """

    def __init__(self, kafka: Access) -> None:
        self.generation = 0
        self._kafka = kafka
        self._settings: tuple[dict[str, Any], str] = ({}, "")
        self._client: AdminClient | None = None
        self._unanswered: list[Future[Any]] = []
        self._retired: list[
            tuple[AdminClient, list[Future[Any]]]
        ] = []  # a client that is destroyed while it is asked something takes the process along
        self._said: KafkaError | None = None  # since the last question
        self._why: KafkaError | None = None  # what told most, since something was answered: it is said only once
        self._statistics = ""

    def connect(self) -> None:
        """With the secrets and the TLS files as they are now: another client only if one was changed.

        Raises:
            UserError: a secret is gone.
        """
        found = settings.admin(self._kafka), certificates.digest(self._kafka)
        if found != self._settings:
            made = AdminClient(found[0], error_cb=self._heard, stats_cb=self._counted)
            if self._client is not None:
                self.generation += 1
                self._retired = [each for each in self._retired if not all(future.done() for future in each[1])]
                self._retired.append((self._client, self._unanswered))
                self._unanswered = []
            self._client, self._settings, self._why = made, found, None

    @property
    def client(self) -> AdminClient:
        """After `connect`."""
        assert self._client is not None  # noqa: S101  # asked in this order
        return self._client

    def ping(self) -> None:
        """Whether anybody answers, and takes us for whom we are; asked first, it names a fault of the set-up within a moment."""
        self.client.poll(0)  # what came since the last question
        self._said = None
        self.describe([ANY])
        self._why = None

    def names(self) -> list[str]:
        """All topics that we may see."""
        return list(self.client.list_topics(timeout=TIMEOUT).topics)

    def describe(self, names: Sequence[str]) -> tuple[dict[str, Described], dict[str, str]]:
        """What each topic is, and why others cannot be looked at."""
        found: dict[str, Described] = {}
        unseen: dict[str, str] = {}
        asked = self.client.describe_topics(TopicCollection(list(names)), request_timeout=TIMEOUT) if names else {}
        for name, future in asked.items():
            try:
                topic = self._answer(future)
                found[name] = Described(str(topic.topic_id), {each.id: _named(each.leader) for each in topic.partitions})
            except KafkaException as fault:
                if fault.args[0].code() not in UNSEEN:
                    raise
                unseen[name] = faults.sentence(fault.args[0])
        return found, unseen

    def unreadable(self, names: Sequence[str]) -> dict[str, str]:
        """Those of the topics that we may see and not read, and what to do; for who asks before a fetch would say it."""
        asked = (
            self.client.describe_topics(TopicCollection(list(names)), include_authorized_operations=True, request_timeout=TIMEOUT)
            if names
            else {}
        )
        may = {name: self._answer(future).authorized_operations for name, future in asked.items()}
        denied = faults.sentence(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
        return {name: denied for name, operations in may.items() if operations and AclOperation.READ not in operations}

    def earliest(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """The first offset that is left of each; those without a leader, or whose leader says nothing, or that are just going, are left out."""
        return self._offsets(partitions, OffsetSpec.earliest())

    def latest(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """The offset behind the last message that may be read, likewise."""
        return self._offsets(partitions, OffsetSpec.latest())

    def since(self, partitions: Sequence[Partition], start: float) -> dict[Partition, int]:
        """The first offset as late as `start` (s since the epoch), likewise; -1 where there is none."""
        return self._offsets(partitions, OffsetSpec.for_timestamp(round(start * 1000)))

    def _offsets(self, partitions: Sequence[Partition], spec: OffsetSpec) -> dict[Partition, int]:
        if not partitions:
            return {}
        asked = self.client.list_offsets(
            {TopicPartition(*partition): spec for partition in partitions},
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=TIMEOUT,
        )
        found = {}
        for partition, future in asked.items():
            try:
                offset = self._answer(future).offset
                if offset != OFFSET_INVALID:  # what librdkafka gives for a broker that did not answer, among others that did
                    found[partition.topic, partition.partition] = offset
            except KafkaException as fault:
                error: KafkaError = fault.args[0]
                if not error.retriable() and error.code() not in GOING:
                    raise
        return found

    def retentions(self, names: Sequence[str]) -> dict[str, tuple[float | None, bool | None, str]]:
        """How many seconds each topic keeps its messages (None: for ever), and whether it notes when they came; or why the cluster does not say."""
        found: dict[str, tuple[float | None, bool | None, str]] = {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        asked = self.client.describe_configs(resources, request_timeout=TIMEOUT) if names else {}
        for resource, future in asked.items():
            try:
                entries = self._answer(future)
            except KafkaException as fault:
                found[resource.name] = None, None, faults.sentence(fault.args[0])
                continue
            kept, compacted = int(entries["retention.ms"].value), entries["cleanup.policy"].value == "compact"
            noted = entries["message.timestamp.type"].value == "LogAppendTime"
            found[resource.name] = None if kept < 0 or compacted else kept / 1000, noted, ""
        return found

    def reason(self, error: KafkaError) -> str:
        """Why a question failed: what the client said beside its answer, where that says more."""
        if self._client is not None:
            self._client.poll(0)  # callbacks come here only
        said = self._why or self._said
        if said is not None and (error.code() in faults.TIMED_OUT or said.code() in faults.TELLING):
            error = said
        if error.code() in faults.UNCONNECTED and (why := certificates.expired(self._kafka, time.time())):
            return f"TLS does not come about: {why}"  # of ours that has expired librdkafka says that the brokers end the connection
        return faults.sentence(error, faults.silent(self._statistics) if error.code() in faults.TIMED_OUT else "")

    def _counted(self, statistics: str) -> None:
        self._statistics = statistics

    def _heard(self, error: KafkaError) -> None:
        if self._said is None or self._said.code() not in faults.TELLING:
            self._said = error
        if error.code() in faults.TELLING:
            self._why = error

    def _answer(self, future: "Future[T]", wait: Callable[[], float] = time.monotonic) -> T:
        """The answer; not waited for any longer once the client has said that it cannot come."""
        deadline = wait() + 2 * TIMEOUT  # librdkafka keeps the time-outs that it was given
        while True:
            try:
                return future.result(LISTEN)
            except TimeoutError:
                self.client.poll(0)
                if self._said is not None and self._said.code() in faults.TELLING:
                    self._unanswered.append(future)
                    raise KafkaException(self._said) from None
                if wait() > deadline:
                    self._unanswered.append(future)
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None


def _named(node: Node | None) -> str:
    return "" if node is None or node.id < 0 else f"broker {node.id} at {node.host}:{node.port}"
