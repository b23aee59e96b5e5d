"""Messages written to the topic of dead letters: acked by all replicas in sync, or told why not. For one thread, which may wait."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from currents_segment.flows.config import LettersTopic
from currents_segment.flows.errors import UserError
from currents_segment.flows.kafka import faults, settings

ANY: Final = -1  # partition: by the key, the same one as long as the topic has as many
BATCH: Final = (
    64 << 10
)  # bytes, before compression, of several messages: twice a Segment message, so that no topic that takes each refuses a batch
PRODUCER: Final = {
    "acks": "all",
    "enable.idempotence": True,
    "compression.type": "gzip",  # as in files; every client reads it
    "batch.size": BATCH,
    "message.max.bytes": 64 << 20,  # the topic's own limit decides
    "message.timeout.ms": 10_000,  # the caller tells the fault, and tries again
    "topic.metadata.propagation.max.ms": 5_000,  # a topic that is not there is named before that
    "allow.auto.create.topics": False,  # a misspelt name must be told
}
ANSWERED: Final = 30.0  # s in which every message is answered: three times the time-out of the last
ROOM: Final = 0.1  # s between two looks whether a full queue has room again, or all is answered
_REMEDIES: Final = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "we may not write it: grant WRITE and DESCRIBE on the topic",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "we may not write it: grant WRITE and DESCRIBE on the topic; brokers before 3.0 want IDEMPOTENT_WRITE on the cluster, too",
    KafkaError._UNKNOWN_TOPIC: "there is no such topic, or we may not see it: create it, mend its name, or grant DESCRIBE on it",
    KafkaError.NOT_ENOUGH_REPLICAS: "fewer replicas are in sync than the topic's min.insync.replicas: mend the brokers",
    KafkaError._MSG_TIMED_OUT: "the brokers did not take it in time",
}


@dataclass(frozen=True, slots=True)
class Record:
    """A message to be written.

    Attributes:
        key: of the message.
        value: of the message; None takes out what stands under the key before it.
        headers: of the message.
        partition: where to; `ANY`: by the key.
    """

    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, str | bytes | None], ...] = ()
    partition: int = ANY


class Writer:
    """The producer of one topic, made when it is needed; after a fault anew, with the secrets as they are then.

    Args:
        kafka: which topic, and how to get there.
        monotonic: clock, s.
    """

    def __init__(self, kafka: LettersTopic, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._kafka, self._monotonic = kafka, monotonic
        self._producer: Producer | None = None
        self._acked = set[Record]()  # of a call that failed: they are not written again when it is made again
        self._said: KafkaError | None = None

    def write(self, records: Iterable[Record]) -> list[Record]:
        """All records are acked once this returns, but for those that it gives back: the topic does not take messages as large as they.

        Raises:
            OSError: some are not; says what, and what to do. Whoever calls again with the same ones has them all.
        """
        producer, failed, large = self._connected(), list[KafkaError](), list[Record]()

        def answered(record: Record, error: KafkaError | None, _message: Message | None = None) -> None:
            if error is None:
                self._acked.add(record)
            elif error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                large.append(record)
            else:
                failed.append(error)

        deadline = self._monotonic() + ANSWERED
        try:
            for record in records:
                if record not in self._acked:
                    self._produce(producer, record, partial(answered, record))
            while len(producer) and self._monotonic() < deadline:
                producer.poll(ROOM)  # not `flush`: it calls back once more when the client has given up for good, and both fail
        except KafkaException as fault:  # for good: the client is of no use any more
            failed.insert(0, fault.args[0])
        if failed or len(producer):
            self._producer = None
            raise OSError(f"{self._kafka.topic}: {self._reason(failed[0] if failed else KafkaError(KafkaError._MSG_TIMED_OUT))}")
        self._acked.clear()
        return large

    def _produce(self, producer: Producer, record: Record, answered: "partial[None]") -> None:
        where, what, headers = self._kafka.topic, record.value, [*record.headers]
        while True:
            try:
                return producer.produce(where, what, record.key, record.partition, on_delivery=answered, headers=headers)
            except BufferError:  # it empties: every message is answered in time
                producer.poll(ROOM)
            except KafkaException as fault:
                return answered(fault.args[0])

    def _connected(self) -> Producer:
        if self._producer is None:
            self._said = None
            try:
                made = {**PRODUCER, **settings.client(self._kafka), "error_cb": self._heard}
                silent = logging.Logger("librdkafka", logging.CRITICAL + 1)  # noqa: LOG001  # its own: what is fatal would go to stderr
                self._producer = Producer(made, logger=silent)
            except UserError as error:
                raise OSError(str(error)) from error
            except KafkaException as fault:
                raise OSError(f"the client cannot be made: {faults.sentence(fault.args[0])}") from None
        return self._producer

    def _heard(self, error: KafkaError) -> None:
        if self._said is None or self._said.code() not in faults.TELLING:
            self._said = error

    def _reason(self, error: KafkaError) -> str:
        """What the client said beside its answer says more than that there was none."""
        if error.code() in {KafkaError._MSG_TIMED_OUT, KafkaError._PURGE_QUEUE} and self._said is not None:
            error = self._said
        remedy = _REMEDIES.get(error.code())
        return faults.sentence(error) if remedy is None else f"{remedy} ({' '.join(error.str().split())})"
