"""What a cluster has for us: topics with their identities, partitions, ends and retention, looked at again and again by a thread that may wait.

It also publishes positions to consumer groups, for lag tools. Nothing is ever read from there.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any, Final, TypeVar

import structlog
from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

from currents_segment.flows.config import Kafka
from currents_segment.flows.errors import UserError
from currents_segment.flows.kafka import faults, settings

TIMEOUT: Final = 10.0  # s, of each question: a network that swallows everything gives no error
RETRY: Final = 2.0  # s to the next look after one that failed
HOURLY: Final = 3600.0  # s between two looks at retention
CLOSING: Final = 2.0  # s that a close waits for the last commit to the groups
NONE: Final = -1  # the offset that a broker gives where no message is as late as asked for

T = TypeVar("T")
Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic at one moment.

    Attributes:
        id: the cluster's own name for it: another one after the topic was deleted and created again.
        count: how many partitions it has; those without a leader have no offsets at the moment.
        earliest: by partition, the first offset that is left.
        latest: by partition, behind the last message that read_committed gives at this moment.
        since: by start time (s since the epoch) and partition, the first offset that is as late.
        retention: s that messages are kept; None for ever, or where it is not known.
        unsaid: why the retention is not known, or "".
    """

    id: str
    count: int
    earliest: Mapping[int, int]
    latest: Mapping[int, int]
    since: Mapping[tuple[float, int], int]
    retention: float | None
    unsaid: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """What a look found.

    Attributes:
        at: when it began, s of the monotonic clock.
        time: the same, s since the epoch.
        topics: those that match, by name.
        missing: by name, why a topic that is configured by its name cannot be looked at.
    """

    at: float
    time: float = 0.0
    topics: Mapping[str, Topic] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


class Watch:
    """One source as seen by this process; its logs share it.

    Attributes:
        view: the last look that worked; None before the first.
        fault: why the last look failed, or "".
        generation: how often the client was made anew since who we are was changed.
        bug: why the thread ended, if it was not asked to.

    Args:
        source: name of the source, for messages.
        kafka: where and what.
        starts: times (s since the epoch) that some connector begins at.
        clock: s since the epoch.
    """

    def __init__(
        self,
        source: str,
        kafka: Kafka,
        *,
        starts: Iterable[float] = (),
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.view: View | None = None
        self.fault = ""
        self.generation = 0
        self.bug: BaseException | None = None
        self._source, self._kafka, self._starts, self._monotonic = source, kafka, sorted(set(starts)), monotonic
        self._clock = clock
        self._names = frozenset(topic for topic in kafka.topics if not topic.startswith("^"))
        self._patterns = [re.compile(topic) for topic in kafka.topics if topic.startswith("^")]
        self._client: dict[str, Any] = {}
        self._admin: AdminClient | None = None
        self._reason = ""
        self._retention: dict[str, tuple[float | None, str]] = {}
        self._retention_at = float("-inf")
        self._lock = Lock()
        self._commits: dict[str, dict[Partition, int]] = {}
        self._published: dict[str, dict[Partition, int]] = {}
        self._told: set[str] = set()
        self._hurry, self._stop = Event(), Event()
        self._thread = Thread(target=self._guard, name=f"kafka {source} watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def hurry(self) -> None:
        """Look now."""
        self._hurry.set()

    def commit(self, group: str, positions: Mapping[Partition, int]) -> None:
        """Publish positions that are safe: with the next look."""
        with self._lock:
            self._commits.setdefault(group, {}).update(positions)

    def close(self) -> None:
        """The last positions are published, if the cluster answers at once."""
        self._stop.set()
        self._hurry.set()
        self._thread.join(CLOSING)

    def _guard(self) -> None:
        """A bug in the thread is raised where the log is read."""
        try:
            self._watch()
        except BaseException as bug:  # noqa: BLE001  # whatever it is: the flow must know
            self.bug = bug

    def _watch(self) -> None:
        while not self._stop.is_set():
            self._hurry.clear()
            try:
                self.view = self.look()
                self.fault = ""
                self._tell_unsaid(self.view)
                self._publish()
            except KafkaException as error:
                self.fault = self.reason(error.args[0])
            except UserError as error:
                self.fault = str(error)
            self._hurry.wait(RETRY if self.fault else self._kafka.poll)
        with suppress(KafkaException):  # who looks at lag sees the last positions a little later: nothing rests on it
            if not self.fault:
                self._publish()

    def look(self) -> View:
        """Look once.

        Raises:
            KafkaException: the cluster did not answer, or refused.
            UserError: a secret is gone.
        """
        at, now = self._monotonic(), self._clock()
        admin = self._connected()
        names = set(self._names)
        if self._patterns:
            known: Iterable[str] = admin.list_topics(timeout=TIMEOUT).topics
            names |= {name for name in known if any(pattern.fullmatch(name) for pattern in self._patterns)}
        described, missing = self._describe(admin, sorted(names))
        partitions = [TopicPartition(name, number) for name, (_, numbers) in described.items() for number in numbers]
        earliest = self._offsets(admin, partitions, OffsetSpec.earliest())
        latest = self._offsets(admin, partitions, OffsetSpec.latest())
        since = {start: self._offsets(admin, partitions, OffsetSpec.for_timestamp(round(start * 1000))) for start in self._starts}
        if at - self._retention_at >= HOURLY or not self._retention.keys() >= described.keys():
            self._retention = self._retentions(admin, sorted(described))
            self._retention_at = at
        topics = {}
        for name, (identity, numbers) in described.items():
            led = [number for number in numbers if (name, number) in earliest and (name, number) in latest]
            topics[name] = Topic(
                identity,
                len(numbers),
                {number: earliest[name, number] for number in led},
                {number: latest[name, number] for number in led},
                {(start, number): offsets.get((name, number), NONE) for start, offsets in since.items() for number in led},
                *self._retention[name],
            )
        return View(at, now, topics, missing)

    def _connected(self) -> AdminClient:
        """A client with the secrets as they are; a new one only after a fault, when a secret was changed."""
        if self._admin is None or self.fault:
            client = settings.client(self._kafka)
            if client != self._client:
                self.generation += bool(self._client)
                self._client = client
                self._admin = AdminClient(client, error_cb=self._heard)
        assert self._admin is not None  # noqa: S101  # made above
        return self._admin

    def _heard(self, error: KafkaError) -> None:
        """What the client says beside its answers: the reason, where an answer only says that there is none."""
        if error.code() in faults.TELLING:
            self._reason = faults.sentence(error)

    def reason(self, error: KafkaError) -> str:
        """Why a look failed, in a sentence: what the client said beside its answer, if it said more."""
        if self._admin is not None:
            self._admin.poll(0)  # callbacks come here only
        why, self._reason = self._reason or faults.sentence(error), ""
        return why

    def _describe(self, admin: AdminClient, names: Sequence[str]) -> tuple[dict[str, tuple[str, list[int]]], dict[str, str]]:
        found: dict[str, tuple[str, list[int]]] = {}
        missing: dict[str, str] = {}
        if not names:
            return found, missing
        for name, future in admin.describe_topics(TopicCollection(list(names)), request_timeout=TIMEOUT).items():
            try:
                topic = _result(future)
                found[name] = str(topic.topic_id), sorted(each.id for each in topic.partitions)
            except KafkaException as fault:
                error: KafkaError = fault.args[0]
                if error.code() not in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED):
                    raise
                if name in self._names:
                    missing[name] = faults.sentence(error)
        return found, missing

    def _offsets(self, admin: AdminClient, partitions: Sequence[TopicPartition], spec: OffsetSpec) -> dict[Partition, int]:
        """What is asked for of each partition; those without a leader, or that are just going, are left out."""
        if not partitions:
            return {}
        asked = admin.list_offsets(dict.fromkeys(partitions, spec), isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=TIMEOUT)
        found = {}
        for partition, future in asked.items():
            try:
                found[partition.topic, partition.partition] = _result(future).offset
            except KafkaException as fault:
                if not fault.args[0].retriable() and fault.args[0].code() not in _GOING:
                    raise
        return found

    def _retentions(self, admin: AdminClient, names: Sequence[str]) -> dict[str, tuple[float | None, str]]:
        """How many seconds each topic keeps its messages; or why the cluster does not say."""
        found: dict[str, tuple[float | None, str]] = {}
        asked = (
            admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in names], request_timeout=TIMEOUT) if names else {}
        )
        for resource, future in asked.items():
            try:
                entries = _result(future)
            except KafkaException as fault:
                found[resource.name] = None, faults.sentence(fault.args[0])
                continue
            kept, compacted = int(entries["retention.ms"].value), entries["cleanup.policy"].value == "compact"
            found[resource.name] = None if kept < 0 or compacted else kept / 1000, ""
        return found

    def _publish(self) -> None:
        with self._lock:
            commits = {group: dict(positions) for group, positions in self._commits.items()}
        if self._admin is None:
            return
        for group, positions in commits.items():
            if not positions or positions == self._published.get(group):
                continue
            partitions = [TopicPartition(topic, number, offset) for (topic, number), offset in positions.items()]
            asked = self._admin.alter_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group, partitions)], request_timeout=CLOSING if self._stop.is_set() else TIMEOUT
            )
            try:
                for future in asked.values():
                    _result(future)
                self._published[group] = positions
            except KafkaException as fault:
                if self._tell(f"group {group}"):
                    structlog.get_logger().warning(
                        "group.not_committed", source=self._source, group=group, why=faults.sentence(fault.args[0]),
                        remedy="nothing depends on it but what lag tools show",
                    )  # fmt: skip

    def _tell_unsaid(self, view: View) -> None:
        for name, topic in view.topics.items():
            if topic.unsaid and self._tell(f"retention {name}"):
                structlog.get_logger().warning(
                    "source.retention_unknown", source=self._source, topic=name, why=topic.unsaid,
                    remedy="grant DESCRIBE_CONFIGS on the topic, so that a retention that is too short is noticed",
                )  # fmt: skip

    def _tell(self, what: str) -> bool:
        """Whether this is the first time."""
        first = what not in self._told
        self._told.add(what)
        return first


_GOING: Final = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)


def _result(future: "Future[T]") -> T:
    """The answer; librdkafka keeps its time-outs, and if it did not, its thread would never be waited for."""
    try:
        return future.result(2 * TIMEOUT)
    except TimeoutError:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None
