"""One connector's log of a Kafka source, read in this process: what came of which partition, and what is said of it."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.system.rig import PATIENCE, wait

from currents_segment.codecs.chunk import Framed, Records
from currents_segment.flows.config import load
from currents_segment.flows.kafka.assembly import LIMIT
from currents_segment.flows.kafka.log import KafkaLog
from currents_segment.flows.kafka.registry import SchemaRegistry
from currents_segment.flows.kafka.watch import Watch
from currents_segment.flows.slots import SLOTS, Key

SCHEMA: Final = json.dumps({"type": "record", "name": "users.canvas.Entry", "fields": [{"name": "id", "type": "string"}]})


class Reading:
    """A log that is read as the flow reads it.

    Attributes:
        got: by topic and partition, the offsets that were read, in order.
        records: all that was read, by writer.

    Args:
        home: folder of its own.
        source: its settings.
        start: of the connector.
        kept: what the slots kept.
        bare: messages are bare datums of SCHEMA.
    """

    def __init__(
        self,
        home: Path,
        source: Mapping[str, Any],
        *,
        start: str = "earliest",
        kept: Mapping[int, Mapping[Key, Any]] | None = None,
        bare: bool = True,
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        (home / "schema.avsc").write_text(SCHEMA)
        kafka = {"bare_schema": "./schema.avsc", **source["kafka"]} if bare else source["kafka"]
        self.config = home / "c.yaml"
        connector = {"write_key": "env:NOT_NEEDED", "region": "us", "events": ["*"], "start": start}
        self.config.write_text(
            json.dumps({"workspaces": {"acme": {"sources": {"currents": {"kafka": kafka}}, "connectors": {"shop": connector}}}})
        )
        acme = load(self.config, secrets=False).workspaces["acme"]
        found, shop = acme.kafkas["currents"], acme.connectors["shop"]
        starts = [shop.start] if isinstance(shop.start, float) else []
        self.watch = Watch("currents", found.kafka, starts=starts, clock=time.time)
        empty: dict[int, Mapping[Key, Any]] = {slot: {} for slot in range(SLOTS)}
        self.registry = SchemaRegistry(found.kafka.registry) if found.kafka.registry else None
        self.log = KafkaLog(found, shop, kept or empty, watch=self.watch, registry=self.registry, beside=1, once=False, clock=time.time)
        self.got: dict[tuple[str, int], list[int]] = defaultdict(list)
        self.records: list[Records] = []
        self.watch.start()

    def turn(self, chunks: int = 1_000_000) -> None:
        """Every unit is asked until it has nothing, or until there were so many chunks."""
        for slot in range(SLOTS):
            for unit in self.log.units(slot):
                while chunks and (read := self.log.read(unit, LIMIT)) is not None:
                    chunks -= 1
                    topic = unit.log.partition("/")[2]
                    for each in read:
                        self.got[topic, unit.partition] += offsets(each)
                        self.records += each.records() if isinstance(each, Framed) else [each]

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Read until something is so."""

        def look() -> Any:
            self.turn()
            return condition()

        try:
            wait(look, what, PATIENCE)
        except AssertionError as late:
            raise AssertionError(f"{late}; got {dict(self.got)}, error {self.log.error}") from None

    def until_got(self, topic: str, partition: int, offsets: list[int]) -> None:
        """Read until exactly these offsets of a partition were read."""
        self.until(lambda: self.got[topic, partition][: len(offsets)] == offsets and self.log.lag()["messages"] == 0, f"{offsets}")
        assert offsets == self.got[topic, partition]

    def kept(self) -> dict[int, Mapping[Key, Any]]:
        """What the slots keep."""
        return {slot: dict(self.log.positions(slot)) for slot in range(SLOTS)}

    def close(self) -> dict[int, Mapping[Key, Any]]:
        """End it; what the slots kept."""
        kept = self.kept()
        self.log.close()
        self.watch.close()
        if self.registry is not None:
            self.registry.close()
        return kept


def offsets(records: Records | Framed) -> list[int]:
    """Of the messages that the records come from."""
    if isinstance(records, Framed):
        return sorted(records.offsets.tolist())
    if records.damage is not None:
        return [records.damage.origin.block]
    return [int(records.origin.object.partition("@")[2])]  # a file
