"""A plain Bytewax flow as its guide shows them: an item an event, its own Kafka source, deduplication by a keyed state, batches by `collect`, httpx. No recovery."""

import gzip
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import bytewax.operators as op
import httpx
import orjson
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main
from tests.bench.rivals.job import Job, Task, task

BATCH = 450  # events: below 500 KB
SHARDS = 16


class Post(StatelessSinkPartition[Any]):
    """One request a batch."""

    def __init__(self, url: str) -> None:
        self._url, self._client = url, httpx.Client(auth=("key", ""))

    def write_batch(self, items: list[Any]) -> None:
        for _, batch in items:
            body = gzip.compress(orjson.dumps({"batch": batch, "sentAt": datetime.now(UTC)}), 1)
            answer = self._client.post(self._url, content=body, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})
            answer.raise_for_status()


class Sink(DynamicSink[Any]):
    """A client a worker."""

    def __init__(self, url: str) -> None:
        self._url = url

    def build(self, step_id: str, worker_index: int, worker_count: int) -> Post:
        return Post(self._url)


def fresh(seen: set[str] | None, found: Any) -> tuple[set[str], Any]:
    """The state of a shard, and whether its event is no copy."""
    seen = seen if seen is not None else set()
    new = found[1]["id"] not in seen
    seen.add(found[1]["id"])
    return seen, (found if new else None)


def flow(what: Task) -> Dataflow:
    """The steps."""
    job, whole = Job(what), Dataflow("plain")
    source = KafkaSource([what.bootstrap], [what.topic], tail=False)
    read = op.input("read", whole, source)
    events = op.filter_map("decode", read, lambda message: job.decode(message.value))
    sharded = op.key_on("shard", events, lambda found: str(zlib.crc32(found[1]["id"].encode()) % SHARDS))
    new = op.filter_map_value("new", op.stateful_map("dedup", sharded, fresh), lambda found: found)
    messages = op.map_value("map", new, lambda found: job.message(*found))
    batches = op.collect("batch", messages, timeout=timedelta(seconds=1), max_size=BATCH)
    op.output("post", batches, Sink(f"{what.endpoint}/flow/v1/batch"))
    return whole


if __name__ == "__main__":
    cli_main(flow(task()))
