"""The log of one connector in one Kafka source: the slots of this process read their partitions through one consumer, which belongs to no group.

    watch (a thread) ──view──▶ lanes (one a partition) ◀──messages── consumer (librdkafka's threads)
                                 │
                                 └──▶ read()

Everything here runs in the thread of the flow and never waits: what must be waited for is the watch's. Of a partition whose gate is closed the client fetches
no more than its bound, at the others' no cost; a fault is named and tried again for as long as it takes.
"""

import time
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, Final, Literal

import structlog

from currents_segment.codecs.chunk import Framed, Records
from currents_segment.flows import status
from currents_segment.flows.bucket import Unread
from currents_segment.flows.config import Connector, KafkaSource
from currents_segment.flows.errors import FailedError
from currents_segment.flows.kafka.assembly import LIMIT, LIMIT_BYTES, Assembler
from currents_segment.flows.kafka.lane import Lane
from currents_segment.flows.kafka.reader import Reader
from currents_segment.flows.kafka.registry import SchemaRegistry
from currents_segment.flows.kafka.run import NOTHING
from currents_segment.flows.kafka.watch import NONE, Topic, View, Watch
from currents_segment.flows.slots import Key, Unit

HELD: Final = (
    0.05  # s until a partition that a schema holds asks for it again: a registry may be down for hours, with hundreds of partitions
)
ASKING: Final = 10.0  # s that a schema may take before it is told: there may be hundreds to ask for
PATIENCE: Final = 30.0  # s that a bounded run bears a fault
MINUTE: Final = 60.0  # s: the cluster is asked for the offsets of whole minutes only, while a connector fails
ALL: Final = -1  # the "partition" under which a slot keeps what the topics were at the first start


class KafkaLog:
    """The units of one connector in one source that belong to this process.

    Attributes:
        connector: whose log it is.

    Args:
        source: where and what.
        connector: whose log it is. Its `start` is for partitions that are there at the first start; later ones begin at their beginning.
        kept: by slot of this process, all that the slot kept; nothing at the first start.
        watch: of the source.
        registry: of the source, if it has one.
        beside: how many logs of Kafka a process reads, this one included.
        once: read to the end as it is at the start.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        source: KafkaSource,
        connector: Connector,
        kept: Mapping[int, Mapping[Key, Any]],
        *,
        watch: Watch,
        registry: SchemaRegistry | None,
        beside: int,
        once: bool,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connector = connector.name
        self._source, self._kafka, self._start, self._expire_after = source, source.kafka, connector.start, connector.expire_after
        self._watch, self._registry, self._once = watch, registry, once
        self._clock, self._monotonic = clock, monotonic
        self._assembler = Assembler(source.name, source.kafka, registry, clock)
        self._reader = Reader(
            source,
            connector.name,
            headers=self._assembler.headers,
            beside=beside,
            arrival=self._assembler.arrival,
            lost=watch.hurry,
            monotonic=monotonic,
        )
        self._kept = {slot: {key: value for key, value in each.items() if self._mine(key)} for slot, each in kept.items()}
        self._first: dict[str, int] | None = next((each[self._all] for each in self._kept.values() if self._all in each), None)
        self._units: dict[int, list[Unit]] = {slot: [] for slot in kept}
        self._lanes: dict[Unit, Lane] = {}
        self._by_partition: dict[tuple[str, int], Lane] = {}
        self._view: View | None = None
        self._snapped: dict[int, dict[tuple[str, int], int]] = {}
        self._safe: dict[tuple[str, int], int] = {}
        self._stopped = ""
        self._told: set[str] = set()
        self._well = monotonic()

    @property
    def _all(self) -> Key:
        return self.connector, self._source.name, ALL

    def _mine(self, key: Key) -> bool:
        return key[0] == self.connector and key[1].partition("/")[0] == self._source.name

    # What the flow asks

    def units(self, slot: int) -> list[Unit]:
        """The partitions of a slot that are known at the moment.

        Raises:
            FailedError: a bounded run cannot go on.
        """
        if self._watch.bug is not None:
            raise self._watch.bug
        self._bear()
        if (view := self._watch.view) is not None and view is not self._view:
            self._apply(view)
        return self._units[slot]

    def read(self, unit: Unit, most: int) -> tuple[Records | Framed, ...] | None:
        """The partition's next messages as records, so many at the most, or None when none are ready; moves its position behind them."""
        if self._stopped:
            return None
        lane = self._lanes[unit]
        self._reader.fill(lane, most := min(most, LIMIT))
        if lane.ready is NOTHING:
            return None
        if lane.held is not None and self._monotonic() < lane.again:
            return None
        taken = self._assembler.assemble(lane.head(most, LIMIT_BYTES), lane.topic, lane.number)
        self._hold(lane, taken.why)
        if not taken.count:
            return None
        lane.take(taken.count)
        lane.oldest = self._assembler.arrival(lane.ready) if lane.ready.count else None
        return taken.records

    def _hold(self, lane: Lane, why: str) -> None:
        """A schema is waited for: asking takes a moment; what takes longer is told."""
        now = self._monotonic()
        if why and lane.held is None:
            self._assembler.ask_ahead(lane.ready)
        lane.held, lane.again = (lane.held or now) if why else None, now + HELD
        lane.fault = why if lane.held is not None and now - lane.held > ASKING else ""

    def positions(self, slot: int) -> Mapping[Key, Any]:
        """What a slot keeps at a commit. What it kept at the last one is safe by now, and is published with the next look."""
        self._safe |= self._snapped.get(slot, {})
        lanes = [self._lanes[unit] for unit in self._units[slot]]
        self._snapped[slot] = {(lane.topic, lane.number): lane.next for lane in lanes}
        kept = dict(self._kept[slot])
        kept.update({(lane.unit.connector, lane.unit.log, lane.unit.partition): lane.pack() for lane in lanes})
        if self._first is not None:
            kept[self._all] = self._first
        return kept

    def exhausted(self, slot: int) -> bool:
        """Of a bounded run: every partition of the slot was read to where it ended at the start; none that nobody answers for is passed over."""
        return self._view is not None and not self._view.missing and all(self._lanes[unit].over for unit in self._units[slot])

    def lag(self) -> status.Lag:
        """What was not read yet."""
        lanes, view = list(self._lanes.values()), self._view
        kept = [topic.retention for topic in view.topics.values() if topic.retention is not None] if view is not None else []
        return {
            **status.NO_LAG,
            "messages": sum(lane.lag for lane in lanes),
            "lost": sum(lane.lost + lane.gone for lane in lanes),
            "retention": min(kept, default=None),
            "oldest": min((lane.oldest for lane in lanes if lane.oldest is not None), default=None),
            "listed_at": view.time if view is not None else None,
            "error": self.error,
        }

    def unread(self, before: float) -> Unread:
        """Of that, what came before a time, rounded up to a minute: by the cluster's offsets, where its topic notes when a message came; else of what lies ready."""
        at = ceil(before / MINUTE) * MINUTE
        self._watch.offsets(at + MINUTE)  # so that it is known when its minute comes
        first = self._watch.offsets(at)
        return Unread(0, 0, sum(self._came(lane, before, first) for lane in list(self._lanes.values())))

    def _came(self, lane: Lane, before: float, first: Mapping[tuple[str, int], int] | None) -> int:
        """How many unread messages of a partition came before a time; where it is not known, all of them."""
        topic = self._view.topics.get(lane.topic) if self._view is not None else None
        if topic is not None and topic.appended is False:  # they come when they are read
            return lane.ready.count if lane.oldest is not None and lane.oldest < before else 0
        offset = NONE if first is None else first.get((lane.topic, lane.number), NONE)
        return lane.lag if offset == NONE else max(0, min(offset, lane.latest) - lane.next)

    @property
    def error(self) -> str | None:
        """What holds the connector, or some of its partitions: one line without secrets; None when nothing does."""
        at, said = self._reader.said
        view, lanes = self._view, list(self._lanes.values())
        held = next((f"{lane.topic} [{lane.number}]: {lane.fault}" for lane in lanes if lane.fault), "")
        missing = next((f"topic {name}: {why}" for name, why in view.missing.items()), "") if view is not None else ""
        registry = (self._registry.error if self._registry is not None else None) or ""
        recent = said if view is None or at > view.at else ""  # a look that worked since then says that it is over
        return self._stopped or self._watch.fault or missing or registry or held or recent or None

    def close(self) -> None:
        """End reading; the last positions are published, if the cluster is there."""
        if not self._watch.fault:
            for snapped in self._snapped.values():
                self._safe |= snapped
            self._reader.publish(self._safe)
        self._reader.close()

    # What the cluster has

    def _apply(self, view: View) -> None:
        """A new look: partitions begin, are lost, come back."""
        self._view = view
        if self._first is None:
            self._first = {name: topic.count for name, topic in view.topics.items()}
        for name, topic in view.topics.items():
            for number in topic.latest:
                lane = self._by_partition.get((name, number)) or self._begin(name, number, topic)
                if lane is not None:
                    self._look(lane, topic)
        for lane in self._lanes.values():
            if lane.topic not in view.topics and lane.assigned:
                self._vanished(lane)
        self._reader.connect(self._watch.generation, len(self._lanes))
        if not self._stopped:
            self._reader.assign(lane for lane in self._lanes.values() if self._readable(lane, view))
        self._reader.publish(self._safe)
        self._hold_retention(view)

    def _begin(self, name: str, number: int, topic: Topic) -> Lane | None:
        unit = Unit(self.connector, f"{self._source.name}/{name}", number)
        if unit.slot not in self._units:
            return None
        packed = self._kept[unit.slot].get((unit.connector, unit.log, unit.partition))
        known = number < (self._first or {}).get(name, 0)  # what came later begins at its beginning, or its first events would be left out
        identity, offset, lost = packed or (topic.id, first_offset(self._start if known else "earliest", topic, number), 0)
        lane = Lane(unit, name, number, identity, offset, offset, lost, end=offset)
        if self._once:
            lane.target = topic.latest[number]
        self._units[unit.slot].append(unit)
        self._lanes = {**self._lanes, unit: lane}  # others look at it meanwhile
        self._by_partition[name, number] = lane
        return lane

    @staticmethod
    def _readable(lane: Lane, view: View) -> bool:
        """Its topic is the one that its offset belongs to, the offset is there, and it is not read yet."""
        topic = view.topics.get(lane.topic)
        return topic is not None and topic.id == lane.id and lane.reset is None and not lane.assigned

    def _look(self, lane: Lane, topic: Topic) -> None:
        """Hold a lane against what its partition is now."""
        number, unread = lane.number, max(0, lane.latest - lane.received)
        earliest, latest = topic.earliest[number], topic.latest[number]
        if lane.id != topic.id:
            self._lose(lane, topic, unread, "the topic was deleted and created again; what was not read of the old one is gone")
            return
        lane.earliest, lane.latest, lane.gone = earliest, latest, 0
        self._reader.look(lane)
        asked = lane.reset is not None and self._view is not None and self._view.at > lane.reset
        if (asked or not lane.assigned) and lane.received < earliest:
            self._lose(lane, topic, earliest - lane.received, "retention deleted messages before they were read")
        elif asked and lane.received > latest:
            self._lose(lane, topic, 0, "the partition ends before the position: its log was cut off, as after an unclean election")
        elif asked:
            lane.reset, lane.assigned = None, False

    def _lose(self, lane: Lane, topic: Topic, count: int, why: str) -> None:
        """Messages are gone: stop, or go on with the earliest that are left, as the configuration says."""
        if lane.ready.count:
            return  # they are good; the next look comes soon
        goes_on = self._kafka.on_loss == "continue"
        if f"lost {lane.unit} {topic.id} {lane.next}" not in self._told:
            self._told.add(f"lost {lane.unit} {topic.id} {lane.next}")
            structlog.get_logger().error(
                "source.lost", connector=self.connector, source=self._source.name, topic=lane.topic, partition=lane.number,
                offset=lane.next, earliest=topic.earliest[lane.number], lost_to_retention=count, why=why,
                then="goes on with the earliest that are left" if goes_on else "the connector stops reading",
                remedy="" if goes_on else "to go on, set on_loss: continue and start again; what is lost stays lost",
            )  # fmt: skip
        if goes_on:
            lane.skip(topic.id, topic.earliest[lane.number], count)
            lane.earliest, lane.latest = topic.earliest[lane.number], topic.latest[lane.number]
            lane.assigned = False
        else:
            lane.gone = count
            self._stopped = (
                f"{lane.topic} [{lane.number}]: {why} ({count:,} messages at the least); the connector stops reading."
                " To go on with the earliest that are left, set on_loss: continue and start again"
            )

    def _vanished(self, lane: Lane) -> None:
        """Its topic is gone, or may not be seen any more; what was not read may be."""
        lane.gone = max(0, lane.latest - lane.received)
        lane.fault = f"the topic is gone, or may not be seen any more; {lane.gone:,} messages of it were not read"
        self._reader.unassign(lane)

    def _hold_retention(self, view: View) -> None:
        """A topic that keeps its messages for a shorter time than they may have to wait is told of, once a length."""
        for name, topic in view.topics.items():
            short = self._expire_after - topic.retention if topic.retention is not None else 0.0
            if short > 0 and f"retention {name} {short}" not in self._told:
                self._told.add(f"retention {name} {short}")
                structlog.get_logger().warning(
                    "source.retention_short", connector=self.connector, source=self._source.name, topic=name,
                    retention_hours=round((topic.retention or 0) / 3600, 2), missing_hours=round(short / 3600, 2),
                    remedy="an outage that is longer loses events: raise retention.ms of the topic",
                )  # fmt: skip

    def _bear(self) -> None:
        """A bounded run ends when a fault stays; one that follows bears it."""
        if not self._once:
            return
        now = self._monotonic()
        if (error := self.error) is None:
            self._well = now
        elif self._stopped or now - self._well > PATIENCE:
            raise FailedError(f"source {self._source.name!r}: {error}")


def first_offset(start: float | Literal["earliest", "now"], topic: Topic, number: int) -> int:
    """Where a partition without a position begins."""
    match start:
        case "earliest":
            return topic.earliest[number]
        case "now":
            return topic.latest[number]
        case time:
            offset = topic.since[time, number]
            return topic.latest[number] if offset == NONE else offset
