"""The floor: a consumer that takes what it is given and does nothing with it."""

from confluent_kafka import Consumer, TopicPartition
from tests.bench.rivals.job import task


def main() -> None:
    """To the end of the topic."""
    what, ended = task(), 0
    consumer = Consumer(
        {
            "bootstrap.servers": what.bootstrap, "group.id": "floor", "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 0,
            "fetch.queue.backoff.ms": 10, "check.crcs": False,
        }
    )  # fmt: skip
    consumer.assign([TopicPartition(what.topic, number, 0) for number in range(what.partitions)])
    while ended < what.partitions:
        for message in consumer.consume(1000, 0.1):
            if message.error():
                ended += 1
            else:
                message.value()
    consumer.close()


if __name__ == "__main__":
    main()
