"""The floor of the whole job in Python: one bare loop over arrays by hand, with our compiled decoder, and nothing else of ours around it.

No recovery, no ledger, no retries, no commits, no metrics; copies are dropped by a table in memory that forgets nothing. One connector, one connection,
one request at a time. It is what a machine's speed is told by (see `calibration`), and not what anybody should run.
"""

import json
import sys
import urllib.request
from collections import deque
from http.client import HTTPConnection
from urllib.parse import urlsplit

import numba
import numpy as np
from confluent_kafka import Consumer, TopicPartition
from numpy.typing import NDArray
from tests.bench.rivals.job import Task, task

from currents_segment.codecs import catalogue
from currents_segment.codecs.chunk import Framed, Messages, Origin
from currents_segment.codecs.profile import Profile
from currents_segment.codecs.transcoder import Transcoder
from currents_segment.sinks.segment.batch import MAX_BYTES, Piece, document, drop, gzipped, take

MANY = 1000  # messages that are taken together
ROOM = 1 << 22  # entries of the table of known ids: a million of them leave it three quarters empty
NOWHERE = Origin("", "")


@numba.njit(cache=True, nogil=True)
def copies(ids: NDArray[np.uint64], table: NDArray[np.uint64], which: NDArray[np.bool_]) -> None:
    """Learn ids, none of which is 0; `which` [n] receives whether each was known."""
    mask = np.uint64(len(table) - 1)
    for i in range(len(ids)):
        at = ids[i] & mask
        while table[at] != 0 and table[at] != ids[i]:
            at = (at + np.uint64(1)) & mask
        which[i] = table[at] != 0
        table[at] = ids[i]


class Loop:
    """Everything between a message and a request."""

    def __init__(self, what: Task) -> None:
        known = catalogue.load()
        self._registry = what.registry
        self._transcoder = Transcoder(Profile("loop", "acme", frozenset(what.table), False, known.names().of), known)
        self._writers: list[tuple[str, str]] = []
        self._places = np.full(1 << 16, -1, np.int64)  # of a schema's id among the writers
        self._table = np.zeros(ROOM, np.uint64)
        self._held: deque[Piece] = deque()
        at = urlsplit(what.endpoint)
        self._endpoint = HTTPConnection(f"{at.hostname}:{at.port}")

    def feed(self, values: list[bytes]) -> None:
        """Messages; what fills a batch is sent."""
        made = self._messages(values)
        known = np.empty(len(made.ids), np.bool_)
        copies(made.ids, self._table, known)
        self._held.append(drop(Piece(memoryview(made.bodies), made.ends, 0.0, None, NOWHERE), known))
        while sum(piece.size for piece in self._held) > MAX_BYTES:
            self.send()

    def send(self) -> None:
        """A batch of what is held."""
        body = gzipped(document(take(self._held), sent_at="2026-01-01T00:00:00.000Z"))
        head = {"Content-Type": "application/json", "Content-Encoding": "gzip", "Authorization": "Basic a2V5Og=="}
        self._endpoint.request("POST", "/loop/v1/batch", body, head)
        answer = self._endpoint.getresponse()
        answer.read()
        if answer.status != 200:
            sys.exit(f"the endpoint answered {answer.status}")

    def end(self) -> None:
        """Send what is held."""
        while any(piece.count for piece in self._held):
            self.send()

    def _messages(self, values: list[bytes]) -> Messages:
        ends = np.fromiter(map(len, values), np.int64, len(values)).cumsum()
        data = b"".join(values)
        begins = np.concatenate(([0], ends))[:-1]
        numbers = np.frombuffer(data, np.uint8)[begins[:, None] + np.arange(1, 5)].view(">u4").ravel().astype(np.int64)
        which = self._places[numbers]
        if (which < 0).any():
            for number in np.unique(numbers[which < 0]).tolist():
                self._places[number] = len(self._writers)
                self._writers.append((self._schema(number), ""))
            which = self._places[numbers]
        return self._transcoder.decode(Framed(tuple(self._writers), which.astype(np.uint16), data, begins + 5, ends, begins, 0.0, NOWHERE))

    def _schema(self, number: int) -> str:
        with urllib.request.urlopen(f"{self._registry}/schemas/ids/{number}") as answer:
            text: str = json.load(answer)["schema"]
        return text


def main() -> None:
    """To the end of the topic."""
    what = task()
    loop, ended = Loop(what), 0
    loop.feed([])  # what is compiled is loaded: that is of the start
    consumer = Consumer(
        {
            "bootstrap.servers": what.bootstrap, "group.id": "loop", "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 0,
            "fetch.queue.backoff.ms": 10, "check.crcs": False,
        }
    )  # fmt: skip
    consumer.assign([TopicPartition(what.topic, number, 0) for number in range(what.partitions)])
    while ended < what.partitions:
        taken = consumer.consume(MANY, 0.1)
        values = [message.value() for message in taken if message.error() is None]
        ended += len(taken) - len(values)
        if values:
            loop.feed(values)
    loop.end()
    consumer.close()


if __name__ == "__main__":
    main()
