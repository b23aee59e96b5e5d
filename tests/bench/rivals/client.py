"""A careful script with Segment's official client: batches of a thousand, gzip, an error ends it, and offsets are committed only behind a flush."""

import os
from functools import partial
from typing import NoReturn

from confluent_kafka import Consumer, TopicPartition
from segment.analytics.client import Client
from tests.bench.rivals.job import Job, task

MANY = 1000
EVERY = 20_000  # events between two commits


def fail(error: Exception, _: object) -> NoReturn:
    """The events of a batch that did not arrive are not to be forgotten."""
    print(error, flush=True)  # noqa: T201 - a command's output
    os._exit(1)


def main() -> None:
    """To the end of the topic."""
    what = task()
    job = Job(what)
    client = Client("key", host=f"{what.endpoint}/client", gzip=True, thread=1, upload_size=MANY, max_queue_size=50_000, on_error=fail)
    consumer = Consumer(
        {
            "bootstrap.servers": what.bootstrap,
            "group.id": "client",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    consumer.assign([TopicPartition(what.topic, number, 0) for number in range(what.partitions)])
    ended, since = 0, 0
    while ended < what.partitions:
        for message in consumer.consume(MANY, 0.1):
            if message.error():
                ended += 1
                continue
            since += 1
            found = job.decode(message.value())
            if found and job.new(found[1]):
                said = job.message(*found)
                send = partial(client.track, said["userId"], said["event"], said["properties"], said["context"], said["timestamp"])
                while not send(message_id=said["messageId"])[0]:  # its queue is full
                    client.flush()
        if since > EVERY:
            client.flush()
            consumer.commit(asynchronous=False)
            since = 0
    client.shutdown()
    if job.known:
        consumer.commit(asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    main()
