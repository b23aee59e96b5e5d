"""The logs of all connectors of a process as one: which source answers for which unit, and how far behind each connector is."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Protocol

from currents_segment.codecs.chunk import Framed, Records
from currents_segment.flows import merging, status
from currents_segment.flows.bucket import CLASSES, BucketLog, Position, Unread
from currents_segment.flows.config import Config, Connector, KafkaSource, Source
from currents_segment.flows.slots import Key, Unit

if TYPE_CHECKING:
    from currents_segment.flows.kafka.log import KafkaLog
    from currents_segment.flows.kafka.registry import SchemaRegistry
    from currents_segment.flows.kafka.watch import Watch


class Opened(Protocol):
    """One connector in one source; as `source.Log`, and what is known of it."""

    def units(self, slot: int) -> Sequence[Unit]: ...  # noqa: D102 - as `source.Log`
    def read(self, unit: Unit, most: int) -> tuple[Records | Framed, ...] | None: ...  # noqa: D102 - as above
    def positions(self, slot: int) -> Mapping[Key, Any]: ...  # noqa: D102 - as above
    def exhausted(self, slot: int) -> bool: ...  # noqa: D102 - as above

    def lag(self) -> status.Lag:
        """What was not read yet."""

    def unread(self, before: float) -> Unread:
        """Of that, what came before a time."""

    def close(self) -> None:
        """End all reading."""


class Bucket:
    """A bucket's log by units: one for each class of objects, as they always were."""

    def __init__(
        self, source: Source, connector: Connector, kept: Mapping[int, Mapping[Key, Any]], *, once: bool, clock: Callable[[], float]
    ) -> None:
        units = [Unit(connector.name, source.name, partition) for partition in range(CLASSES)]
        self._units = {slot: tuple(unit for unit in units if unit.slot == slot) for slot in kept}
        mine = [unit for each in self._units.values() for unit in each]
        packed = {unit: kept[unit.slot].get((unit.connector, unit.log, unit.partition)) for unit in mine}
        self._log = BucketLog(
            source,
            connector=connector.name,
            start=connector.start,
            selected=connector.selected,
            everything=connector.everything,
            units={unit.partition: None if known is None else Position.unpack(known) for unit, known in packed.items()},
            once=once,
            clock=clock,
        )

    def units(self, slot: int) -> tuple[Unit, ...]:
        """The classes of the slot."""
        return self._units[slot]

    def read(self, unit: Unit, most: int) -> tuple[Records | Framed, ...] | None:
        """The class's next records, or None when none are ready."""
        read = self._log.read(unit.partition, most)
        return None if read is None else read.records

    def positions(self, slot: int) -> Mapping[Key, Any]:
        """The positions of its classes behind what `read` gave."""
        return {(unit.connector, unit.log, unit.partition): self._log.position(unit.partition).pack() for unit in self._units[slot]}

    def exhausted(self, slot: int) -> bool:
        """In a bounded run: nothing more will come."""
        return all(self._log.exhausted(unit.partition) for unit in self._units[slot])

    def lag(self) -> status.Lag:
        """What is listed and not read."""
        lag = self._log.lag()
        return {
            **status.NO_LAG,
            "objects": lag.objects,
            "bytes": lag.bytes,
            "oldest": lag.oldest,
            "listed_at": lag.listed_at,
            "error": self._log.error,
        }

    def unread(self, before: float) -> Unread:
        """Of that, what came before a time."""
        return self._log.unread(before)

    def close(self) -> None:
        """End its threads."""
        self._log.close()


class OpenLogs:
    """All logs of a process, one a connector and source: a connector that stands still costs the others nothing.

    What they have in common is shared: one watch and one schema registry for each Kafka source.
    """

    def __init__(self, config: Config, kept: Mapping[int, Mapping[Key, Any]], *, once: bool, clock: Callable[[], float]) -> None:
        self._kept, self._once, self._clock = kept, once, clock
        self._logs: dict[tuple[str, str], Opened] = {}
        self._watches: list[Watch] = []
        self._registries: list[SchemaRegistry] = []
        self._units: dict[int, list[Unit]] = {slot: [] for slot in kept}
        self._kafkas = sum(len(workspace.kafkas) * len(workspace.connectors) for workspace in config.workspaces.values())
        for workspace in config.workspaces.values():
            connectors = list(workspace.connectors.values())
            for name, bucket in workspace.buckets.items():
                self._logs |= {(one.name, name): Bucket(bucket, one, kept, once=once, clock=clock) for one in connectors}
            for name, kafka in workspace.kafkas.items():
                self._logs |= {(log.connector, name): log for log in self._kafka(kafka, connectors)}
        for watch in self._watches:
            watch.start()

    def _kafka(self, source: KafkaSource, connectors: Sequence[Connector]) -> "list[KafkaLog]":
        from currents_segment.flows.kafka.log import KafkaLog  # noqa: PLC0415 - who has no Kafka does not pay for its client
        from currents_segment.flows.kafka.registry import SchemaRegistry  # noqa: PLC0415 - as above
        from currents_segment.flows.kafka.watch import Watch  # noqa: PLC0415 - as above

        starts = [one.start for one in connectors if isinstance(one.start, float)]
        watch = Watch(source.name, source.kafka, starts=starts, clock=self._clock)
        registry = None if source.kafka.registry is None else SchemaRegistry(source.kafka.registry)
        self._watches.append(watch)
        self._registries += [registry] if registry is not None else []
        opened = partial(KafkaLog, source, watch=watch, registry=registry, beside=self._kafkas, once=self._once, clock=self._clock)
        return [opened(one, self._kept) for one in connectors]

    def units(self, slot: int) -> list[Unit]:
        """The units of a slot at the moment, one of each connector in turn."""
        each = [log.units(slot) for log in self._logs.values()]
        if sum(map(len, each)) != len(self._units[slot]):  # more may come, none goes
            self._units[slot] = in_turn(each)
        return self._units[slot]

    def read(self, unit: Unit, most: int) -> tuple[Records | Framed, ...] | None:
        """The unit's next records, of so many events at the most, or None when none are ready."""
        return self._logs[unit.connector, unit.log.partition("/")[0]].read(unit, most)

    def positions(self, slot: int) -> Mapping[Key, Any]:
        """What a slot keeps at a commit."""
        return {key: packed for log in self._logs.values() for key, packed in log.positions(slot).items()}

    def exhausted(self, slot: int) -> bool:
        """In a bounded run: nothing more will come."""
        return all(log.exhausted(slot) for log in self._logs.values())

    def lag(self, connector: str) -> status.Lag:
        """What a connector has not read yet, over its sources."""
        return merging.lags([log.lag() for (name, _), log in self._logs.items() if name == connector])

    def unread(self, connector: str, before: float) -> Unread:
        """Of that, what came into its sources before a time."""
        mine = [log.unread(before) for (name, _), log in self._logs.items() if name == connector]
        events = [one.events for one in mine if one.events is not None]
        return Unread(sum(one.objects for one in mine), sum(one.bytes for one in mine), sum(events) if len(events) == len(mine) else None)

    def close(self) -> None:
        """End all reading, at once: each of them takes a second at the most."""
        ends: list[Callable[[], None]] = [log.close for log in self._logs.values()]
        ends += [watch.close for watch in self._watches]
        ends += [registry.close for registry in self._registries]
        threads = [threading.Thread(target=end, name="close", daemon=True) for end in ends]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def in_turn(each: Sequence[Sequence[Unit]]) -> list[Unit]:
    """One unit of each log, then the next of each: whoever asks in this order lets all connectors advance alike."""
    return [unit for turn in zip_longest(*each) for unit in turn if unit is not None]
