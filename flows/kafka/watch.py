"""What a cluster has for us: topics with their identities, partitions, ends and retention, looked at again and again by a thread that may wait."""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Final

import structlog
from confluent_kafka import KafkaError, KafkaException

from currents_segment.flows.config import Kafka
from currents_segment.flows.errors import UserError
from currents_segment.flows.kafka.cluster import Cluster, Described, Partition

RETRY: Final = 2.0  # s to the next look after one that failed
HOURLY: Final = 3600.0  # s between two looks at retention
WANTED: Final = 60.0  # s that a time is asked for after it was last wanted: who wants it looks every few seconds
CLOSING: Final = 0.5  # s that a close waits for the thread
NONE: Final = -1  # the offset that a broker gives where no message is as late as asked for


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic at one moment.

    Attributes:
        id: the cluster's own name for it: another one after the topic was deleted and created again.
        count: how many partitions it has; those without a leader, or whose leader does not answer, have no offsets at the moment.
        earliest: by partition, the first offset that is left.
        latest: by partition, behind the last message that read_committed gives at this moment.
        since: by start time (s since the epoch) and partition, the first offset that is as late.
        retention: s that messages are kept; None for ever, or where it is not known.
        appended: its messages' times are those at which they came (LogAppendTime); None where it is not known.
        unsaid: why the last two are not known, or "".
    """

    id: str
    count: int
    earliest: Mapping[int, int]
    latest: Mapping[int, int]
    since: Mapping[tuple[float, int], int]
    retention: float | None
    appended: bool | None = None
    unsaid: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """What a look found.

    Attributes:
        at: when it began, s of the monotonic clock.
        time: the same, s since the epoch.
        topics: those that match, by name.
        missing: why a topic that is configured by its name, or some partitions of a topic (in brackets), cannot be looked at.
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
        self.bug: BaseException | None = None
        self._source, self._kafka, self._starts, self._monotonic = source, kafka, sorted(set(starts)), monotonic
        self._clock = clock
        self._names = frozenset(topic for topic in kafka.topics if not topic.startswith("^"))
        self._patterns = [re.compile(topic) for topic in kafka.topics if topic.startswith("^")]
        self._cluster = Cluster(kafka)
        self._retention: dict[str, tuple[float | None, bool | None, str]] = {}
        self._wanted: dict[float, float] = {}  # times that somebody wants to know the offsets of, and when it was asked last
        self._dated: dict[float, dict[Partition, int]] = {}
        self._retention_at = float("-inf")
        self._told: set[str] = set()
        self._hurry, self._stop = Event(), Event()
        self._thread = Thread(target=self._guard, name=f"kafka {source} watch", daemon=True)

    @property
    def generation(self) -> int:
        """How often who we are was changed."""
        return self._cluster.generation

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def offsets(self, at: float) -> Mapping[Partition, int] | None:
        """By partition, the first offset as late as a time (s since the epoch), NONE where there is none; None until a look has asked, as it does now."""
        self._wanted[at] = self._monotonic()
        return self._dated.get(at)

    def hurry(self) -> None:
        """Look now."""
        self._hurry.set()

    def close(self) -> None:
        """Look no more; a question under way is left to itself."""
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
                self._date(self.view)
            except KafkaException as error:
                self.fault = self._cluster.reason(error.args[0])
            except UserError as error:
                self.fault = str(error)
            self._hurry.wait(RETRY if self.fault or self._partial else self._kafka.poll)

    @property
    def _partial(self) -> bool:
        """Of some partitions nothing could be learned; a leader that changes is soon another."""
        return self.view is not None and any(topic.count > len(topic.latest) for topic in self.view.topics.values())

    def look(self) -> View:
        """Look once.

        Raises:
            KafkaException: the cluster did not answer, or refused.
            UserError: a secret is gone.
        """
        at, now, cluster = self._monotonic(), self._clock(), self._cluster
        cluster.connect()
        cluster.ping()
        names = set(self._names)
        if self._patterns:
            names |= {name for name in cluster.names() if any(pattern.fullmatch(name) for pattern in self._patterns)}
        described, unseen = cluster.describe(sorted(names))
        earliest = cluster.earliest([(name, number) for name, topic in described.items() for number in topic.leaders])
        latest = cluster.latest(list(earliest))
        since = {start: cluster.since(list(latest), start) for start in self._starts}
        known = [partition for partition in latest if all(partition in offsets for offsets in since.values())]
        if at - self._retention_at >= HOURLY or not self._retention.keys() >= described.keys():
            self._retention, self._retention_at = cluster.retentions(sorted(described)), at
        topics = {}
        for name, topic in described.items():
            led = [number for number in sorted(topic.leaders) if (name, number) in known]
            topics[name] = Topic(
                topic.id,
                len(topic.leaders),
                {number: earliest[name, number] for number in led},
                {number: latest[name, number] for number in led},
                {(start, number): offsets[name, number] for start, offsets in since.items() for number in led},
                *self._retention[name],
            )
        missing = {name: why for name, why in unseen.items() if name in self._names}
        return View(at, now, topics, missing | _unanswered(described, topics))

    def _date(self, view: View) -> None:
        """Ask for the times that were lately wanted, each once."""
        now = self._monotonic()
        self._wanted = {at: asked for at, asked in list(self._wanted.items()) if now - asked < WANTED}
        partitions = [(name, number) for name, topic in view.topics.items() for number in topic.latest]
        self._dated = {at: self._dated[at] if at in self._dated else self._cluster.since(partitions, at) for at in list(self._wanted)}

    def unreadable(self, view: View) -> dict[str, str]:
        """Topics that we may see and not read; raises as `look`."""
        return self._cluster.unreadable(sorted(view.topics))

    def reason(self, error: KafkaError) -> str:
        """Why a look failed, in a sentence."""
        return self._cluster.reason(error)

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


def _unanswered(described: Mapping[str, Described], topics: Mapping[str, Topic]) -> dict[str, str]:
    """Why there is nothing of some partitions, those of a topic with one reason together: `topic [0, 3]`."""
    found: dict[tuple[str, str], list[int]] = {}
    for name, topic in described.items():
        for number in sorted(topic.leaders.keys() - topics[name].latest.keys()):
            leader = topic.leaders[number]
            why = f"their leader, {leader}, does not answer in time" if leader else "no broker leads them: those that have them are down"
            found.setdefault((name, why), []).append(number)
    return {f"{name} {numbers}": why for (name, why), numbers in found.items()}
