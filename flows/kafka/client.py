"""A consumer of given partitions over librdkafka: it belongs to no group, and gives what it has fetched as arrays. Nothing here waits but `close`.

Each partition has a queue of its own, which librdkafka fills to its bound whatever becomes of the others. From a queue for all, what stands behind a partition
that is not read could only be had by pausing that, which throws away what was fetched of it.
"""

import ctypes
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from confluent_kafka import KafkaError

from currents_segment.flows.kafka.cluster import Partition
from currents_segment.flows.kafka.fetch import Fetch, Fetched
from currents_segment.flows.kafka.fetch_kernel import lengths
from currents_segment.flows.kafka.librdkafka import (
    CONSUMER,
    ERROR_SIZE,
    C,
    Committed,
    ErrorHeard,
    Listed,
    check,
    check_error,
    fault,
    refused,
)


class Client:
    """One consumer. All but `close` belongs to one thread.

    Args:
        settings: librdkafka's.
        most: messages at once.
        headers: names of those that matter.
        heard: called, by `serve`, with what the client itself finds wrong.
        committed: called, by `serve`, with why a commit failed, or None.

    Raises:
        KafkaException: the settings are refused.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        *,
        most: int,
        headers: Sequence[str],
        heard: Callable[[KafkaError], None],
        committed: Callable[[KafkaError | None], None],
    ) -> None:
        self._fetch = Fetch(most, headers)
        self._queues: dict[Partition, int] = {}
        self._changed()
        self._heard, self._committed = heard, committed
        self._bug: BaseException | None = None
        self._callbacks = ErrorHeard(self._on_error), Committed(self._on_commit)  # C holds them for as long as the client lives
        why = ctypes.create_string_buffer(ERROR_SIZE)
        conf = C.rd_kafka_conf_new()
        for name, value in settings.items():
            said = str(value).lower() if isinstance(value, bool) else str(value)
            if C.rd_kafka_conf_set(conf, name.encode(), said.encode(), why, ERROR_SIZE):
                C.rd_kafka_conf_destroy(conf)
                raise fault(KafkaError._INVALID_ARG, why.value)
        C.rd_kafka_conf_set_error_cb(conf, self._callbacks[0])
        C.rd_kafka_conf_set_offset_commit_cb(conf, self._callbacks[1])
        self._client = C.rd_kafka_new(CONSUMER, conf, why, ERROR_SIZE)
        if self._client is None:
            code = C.rd_kafka_last_error()
            C.rd_kafka_conf_destroy(conf)
            raise fault(code, why.value)
        C.rd_kafka_poll_set_consumer(self._client)
        self._own = C.rd_kafka_queue_get_consumer(self._client)

    def assign(self, places: Mapping[Partition, int]) -> None:
        """Read these partitions too, each from an offset.

        Raises:
            KafkaException: it cannot be.
        """
        for topic, number in places.keys() - self._queues.keys():
            queue = C.rd_kafka_queue_get_partition(self._client, topic.encode(), number)
            if queue is None:
                raise fault(KafkaError._UNKNOWN_PARTITION)
            C.rd_kafka_queue_forward(queue, None)  # before the partition is assigned, or its first messages go to the client's own queue
            self._queues[topic, number] = queue
        self._changed()
        with Listed((topic, number, offset) for (topic, number), offset in places.items()) as listed:
            check_error(C.rd_kafka_incremental_assign(self._client, listed))

    def unassign(self, partition: Partition) -> None:
        """Read this partition no more, if it is read.

        Raises:
            KafkaException: it cannot be.
        """
        if partition in self._queues:
            with Listed([(*partition, 0)]) as listed:
                check_error(C.rd_kafka_incremental_unassign(self._client, listed))
            C.rd_kafka_queue_destroy(self._queues.pop(partition))
            self._changed()

    def commit(self, places: Iterable[tuple[str, int, int]]) -> None:
        """Ask for offsets to be written to the group; `committed` is told what came of it.

        Raises:
            KafkaException: it cannot even be asked for.
        """
        with Listed(places) as listed:
            check(C.rd_kafka_commit(self._client, listed, 1))

    def serve(self) -> Fetched:
        """Callbacks are made; what is of no partition, or came before its partition had a queue.

        Raises:
            KafkaException: it cannot be read.
        """
        fetched = self._fetch.take(self._own)
        if self._bug is not None:
            raise self._bug
        return fetched

    def fetch(self, partition: Partition, most: int | None = None) -> Fetched:
        """What has come of an assigned partition, up to `most` messages.

        Raises:
            KafkaException: it cannot be read.
        """
        return self._fetch.take(self._queues[partition], most)

    def waiting(self) -> list[Partition]:
        """The partitions of which something has come."""
        if not lengths(self._addresses, self._lengths):
            return []
        return [partition for partition, length in zip(self._queues, self._lengths.tolist(), strict=True) if length]

    def _changed(self) -> None:
        """Queues came or went: their addresses, and room for how much lies ready in each."""
        self._addresses = np.array(list(self._queues.values()), np.uintp)
        self._lengths = np.empty_like(self._addresses)

    def close(self) -> None:
        """End it; commits under way are waited for, for as long as a broker is gone."""
        for queue in (*self._queues.values(), self._own):
            C.rd_kafka_queue_destroy(queue)
        C.rd_kafka_consumer_close(self._client)
        C.rd_kafka_destroy(self._client)

    # An exception in a function that C calls would only be printed

    def _on_error(self, _client: int, code: int, why: bytes | None, _opaque: int) -> None:
        try:
            self._heard(KafkaError(code, (why or b"").decode("utf-8", "replace")))
        except BaseException as bug:  # noqa: BLE001 - raised by `serve`
            self._bug = bug

    def _on_commit(self, _client: int, code: int, places: Any, _opaque: int) -> None:
        try:
            code = code or refused(places)
            self._committed(KafkaError(code) if code else None)
        except BaseException as bug:  # noqa: BLE001 - raised by `serve`
            self._bug = bug
