"""The consumer of one log: it fills the lanes, is told which partitions to read and which to hold, and belongs to no group.

It never waits: librdkafka's own threads fetch, and what they have lies ready.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Thread
from typing import Final

import structlog
from confluent_kafka import KafkaError, KafkaException

from currents_segment.flows.config import KafkaSource
from currents_segment.flows.errors import UserError
from currents_segment.flows.kafka import faults, settings
from currents_segment.flows.kafka.assembly import LIMIT
from currents_segment.flows.kafka.client import Client
from currents_segment.flows.kafka.cluster import Partition
from currents_segment.flows.kafka.fetch import Fetched
from currents_segment.flows.kafka.lane import Lane
from currents_segment.flows.kafka.run import Run

AHEAD: Final = (
    16 << 20
)  # bytes of values that lie ready for a connector, over all partitions, when none is taken; in memory they are several times as much
AHEAD_OF_ALL: Final = 64 << 20  # for all connectors of a process: they share its processor, too, and each needs the less in advance
LEAST, MOST = 128 << 10, 5 << 20  # of them for each partition, however many there are
ANSWER: Final = 1 << 20  # bytes that are asked for at once, of a partition; librdkafka's own default
QUIET: Final = 0.005  # s until the consumer is looked at again: every slot asks for every partition
CLOSING: Final = 1.0  # s that a close waits at the most: a stop has 5
STALL: Final = 30.0  # s without a message, though there are some: then the consumer is made anew


class Reader:
    """One consumer and the lanes that it fills.

    Attributes:
        said: what the client said last is wrong, and when (s of the monotonic clock).

    Args:
        source: where and what.
        connector: whose log it is; names the group that positions are published to.
        headers: names of those that matter.
        beside: how many readers a process has, this one included.
        arrival: when the first message of a run came into the log, s since the epoch.
        lost: called when the client was told that an offset is gone.
    """

    def __init__(
        self,
        source: KafkaSource,
        connector: str,
        *,
        headers: Sequence[str],
        beside: int,
        arrival: Callable[[Run], float],
        lost: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.said: tuple[float, str] = (float("-inf"), "")
        self._source, self._connector, self._headers, self._beside = source, connector, headers, beside
        self._arrival, self._lost, self._monotonic = arrival, lost, monotonic
        self._lanes: dict[Partition, Lane] = {}
        self._client: Client | None = None
        self._generation, self._partitions = -1, 0
        self._quiet_until = float("-inf")
        self._published: dict[Partition, int] = {}
        self._told = False

    def connect(self, generation: int, partitions: int) -> None:
        """There is a consumer, and it works: one is made where there is none, where who we are was changed, and where nothing comes any more.

        Args:
            generation: how often who we are was changed.
            partitions: how many are to be read. When they have doubled a consumer is made that holds less of each.
        """
        if self._client is not None and self._generation == generation and partitions <= 2 * self._partitions and not self._stalled():
            return  # progress is watched: of a network that swallows everything there is no error
        self._end()
        self._generation, self._partitions = generation, max(1, partitions)
        kafka = self._source.kafka
        try:
            made = settings.consumer(kafka, settings.group(kafka, self._connector))
            made |= {name: value for name, value in bounds(self._partitions, self._beside).items() if name not in kafka.options}
            self._client = Client(made, most=LIMIT, headers=self._headers, heard=self._heard, committed=self._committed)
        except UserError as error:
            self.said = self._monotonic(), str(error)
        except KafkaException as fault:
            self.said = self._monotonic(), f"the client cannot be made: {faults.sentence(fault.args[0])}"
        for lane in self._lanes.values():
            lane.assigned = lane.waiting = False

    def assign(self, lanes: Iterable[Lane]) -> None:
        """Read these partitions, from behind what was received of each."""
        if self._client is None or not (lanes := list(lanes)):
            return
        for lane in lanes:
            self.unassign(lane)
            self._lanes[lane.topic, lane.number] = lane
            lane.assigned, lane.behind = True, None
        self._client.assign({(lane.topic, lane.number): lane.received for lane in lanes})

    def unassign(self, lane: Lane) -> None:
        """Read this partition no more."""
        if self._client is not None:
            self._client.unassign((lane.topic, lane.number))
        lane.assigned = lane.waiting = False

    def fill(self, lane: Lane, most: int) -> None:
        """What has come of a partition goes into its lane, up to so many."""
        if self._monotonic() >= self._quiet_until:
            self._serve()
        if lane.waiting:
            self._fetch(lane, most - lane.ready.count)

    def _serve(self) -> None:
        self._quiet_until = self._monotonic() + QUIET
        if self._client is None:
            return
        self._sort(self._client.serve())
        for partition in self._client.waiting():
            self._lanes[partition].waiting = True

    def look(self, lane: Lane) -> None:
        """Whatever holds its connector: the first that has come is looked at, so that it is known how old it is; and whether more should have come."""
        if lane.assigned and not lane.ready.count:
            self._fetch(lane, 1)
        missing = lane.assigned and not lane.ready.count and lane.latest > lane.received
        lane.behind = (lane.behind or self._monotonic()) if missing else None

    def _fetch(self, lane: Lane, most: int) -> None:
        if self._client is None or most <= 0:
            return
        before = lane.received
        self._sort(self._client.fetch((lane.topic, lane.number), most))
        lane.waiting = lane.received - before >= most

    def publish(self, positions: Mapping[Partition, int]) -> None:
        """Positions go to the group, for lag tools: asked for and not waited for, since nothing rests on it."""
        new = [(*place, offset) for place, offset in positions.items() if self._published.get(place) != offset]
        if not new or self._client is None or self._source.kafka.group is None:
            return
        self._published |= positions
        try:
            self._client.commit(new)
        except KafkaException as fault:
            self._committed(fault.args[0])

    def close(self) -> None:
        """Read no more; what was published goes out, if the cluster answers at once."""
        self._end().join(CLOSING)

    def _end(self) -> Thread:
        """The consumer is closed by a thread: librdkafka waits for commits under way, for as long as a broker is gone."""
        thread = Thread(target=_close, args=(self._client,), name=f"kafka {self._connector} close", daemon=True)
        self._client = None
        thread.start()
        return thread

    def _sort(self, fetched: Fetched) -> None:
        """Messages into their lanes. What is said of a partition stands behind its messages."""
        for topic, number, run in fetched.runs:
            lane = self._lanes.get((topic, number))
            if lane is not None and lane.assigned:
                lane.add(run)
                if lane.oldest is None and lane.ready.count:
                    lane.oldest = self._arrival(lane.ready)
        for news in fetched.news:
            lane = self._lanes.get((news.topic or "", news.partition))
            if lane is None or not lane.assigned:
                self._heard(news.error)
            else:
                self._erred(lane, news.error, news.offset)

    def _erred(self, lane: Lane, error: KafkaError, offset: int) -> None:
        """A partition's own news: its end, an offset that is gone, a fault."""
        match error.code():
            case KafkaError._PARTITION_EOF:
                lane.ended(offset)
            case KafkaError._AUTO_OFFSET_RESET:
                lane.reset = self._monotonic()
                self._lost()
            case _:
                lane.fault = faults.sentence(error)

    def _heard(self, error: KafkaError) -> None:
        """The client's own news: it tries again by itself. What says why is kept before what only says that."""
        at, said = self.said
        if error.code() in faults.TELLING or not said or at < self._monotonic() - STALL:
            self.said = self._monotonic(), faults.sentence(error)

    def _committed(self, fault: KafkaError | None) -> None:
        """What became of a commit: one that failed is made again, with the others; one that we may not make is told of, once."""
        if fault is None:
            return
        self._published.clear()
        if fault.code() in faults.FORBIDDEN and not self._told:
            self._told = True
            structlog.get_logger().warning(
                "group.not_committed", connector=self._connector, source=self._source.name, why=faults.sentence(fault),
                remedy="nothing depends on it but what lag tools show",
            )  # fmt: skip

    def _stalled(self) -> bool:
        """For a long time nothing has come of a partition that has something, and it is not us who hold it."""
        now = self._monotonic()
        stalled = [lane for lane in self._lanes.values() if lane.behind is not None and now - lane.behind > STALL]
        for lane in stalled:
            lane.behind = None
            lane.fault = f"no message has come for {STALL:.0f} s, though there are some; the client is made anew"
        return bool(stalled)


def bounds(partitions: int, beside: int) -> dict[str, int]:
    """What librdkafka holds of each of so many partitions, as one of so many readers: half of it makes it ask for no more, the other half may still come."""
    each = min(MOST, max(LEAST, min(AHEAD, AHEAD_OF_ALL // beside) // partitions))
    answer = min(ANSWER, each // 2)
    return {"queued.max.messages.kbytes": (each - answer) >> 10, "fetch.message.max.bytes": answer}


def _close(client: Client | None) -> None:
    if client is not None:
        client.close()
