"""What librdkafka has fetched, as runs of arrays."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from confluent_kafka import KafkaError
from numpy.typing import NDArray

from currents_segment.flows.kafka.fetch_kernel import MESSAGE, free, gather
from currents_segment.flows.kafka.librdkafka import C, fault, headers
from currents_segment.flows.kafka.run import Run


@dataclass(frozen=True, slots=True)
class News:
    """What librdkafka says in the place of a message.

    Attributes:
        topic: of which; None where it is the client's own.
        partition: likewise.
        error: what.
        offset: at which.
    """

    topic: str | None
    partition: int
    error: KafkaError
    offset: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came at once.

    Attributes:
        runs: by topic and partition.
        news: in order; of a partition behind its messages.
    """

    runs: Sequence[tuple[str, int, Run]]
    news: Sequence[News]


class Fetch:
    """Takes from a queue of librdkafka.

    Args:
        most: messages at once.
        names: of headers that matter.
    """

    def __init__(self, most: int, names: Sequence[str]) -> None:
        self._messages = np.zeros(most, np.uintp)
        self._room: int = self._messages.ctypes.data
        self._names = [ctypes.create_string_buffer(name.encode()) for name in names]
        self._addresses = np.array([ctypes.addressof(name) for name in self._names], np.uintp)

    def take(self, queue: int, most: int | None = None) -> Fetched:
        """What lies ready, no more than `most` messages; it does not wait.

        Raises:
            KafkaException: the queue cannot be read.
        """
        got = C.rd_kafka_consume_batch_queue(queue, 0, self._room, most or len(self._messages))
        if got <= 0:
            if got < 0:
                raise fault(C.rd_kafka_last_error())
            return NOTHING
        messages = self._messages[:got]
        try:
            return self._copied(messages)
        finally:
            free(messages)

    def _copied(self, messages: NDArray[np.uintp]) -> Fetched:
        partitions, data, table, headed, errors = gather(messages, self._addresses)
        said = {row: headers(int(messages[headed[row]])) for row in np.flatnonzero(headed >= 0).tolist()} if self._names else {}
        alone = len(partitions) == 1
        runs, begin, first = [], 0, 0
        for topic, number, end, last in partitions.tolist():
            mine = {int(table[2, row]): each for row, each in said.items() if begin <= row < end}
            run = Run((data if alone else data[first:last]).tobytes(), table if alone else table[:, begin:end].copy(), mine)
            runs.append((_topic(topic), number, run))
            begin, first = end, last
        return Fetched(runs, [_news(int(messages[number])) for number in errors.tolist()])


NOTHING: Final = Fetched((), ())


def _topic(address: int) -> str:
    name: bytes = C.rd_kafka_topic_name(address)
    return name.decode()


def _news(address: int) -> News:
    message = np.ctypeslib.as_array((ctypes.c_uint8 * MESSAGE.itemsize).from_address(address)).view(MESSAGE)[0]
    topic = int(message["topic"])
    why = C.rd_kafka_message_errstr(address)
    error = KafkaError(int(message["error"]), (why or b"").decode("utf-8", "replace"))
    return News(_topic(topic) if topic else None, int(message["partition"]), error, int(message["offset"]))
