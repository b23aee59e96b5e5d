"""The logs of all connectors of a process as one: which source answers for which unit, and how far behind each connector is."""

from collections.abc import Callable, Mapping
from typing import Any

from currents_segment.codecs.chunk import Records
from currents_segment.flows import status
from currents_segment.flows.bucket import CLASSES, BucketLog, Position, Unread
from currents_segment.flows.config import Config
from currents_segment.flows.slots import Unit


def units(config: Config) -> list[Unit]:
    """Every unit of every connector: sixteen for each source of its workspace."""
    return [
        Unit(connector, source, partition)
        for workspace in config.workspaces.values()
        for connector in workspace.connectors
        for source in workspace.sources
        for partition in range(CLASSES)
    ]


class BucketLogs:
    """The bucket logs of a process, one a connector and source: a connector that stands still costs the others nothing."""

    def __init__(self, config: Config, positions: Mapping[Unit, Any], *, once: bool, clock: Callable[[], float]) -> None:
        self._logs: dict[tuple[str, str], BucketLog] = {}
        for workspace in config.workspaces.values():
            for connector in workspace.connectors.values():
                for source in workspace.sources.values():
                    mine = {
                        unit.partition: None if packed is None else Position.unpack(packed)
                        for unit, packed in positions.items()
                        if (unit.connector, unit.log) == (connector.name, source.name)
                    }
                    self._logs[connector.name, source.name] = BucketLog(
                        source,
                        connector=connector.name,
                        start=connector.start,
                        selected=connector.selected,
                        everything=connector.everything,
                        units=mine,
                        once=once,
                        clock=clock,
                    )

    def read(self, unit: Unit) -> Records | None:
        """The unit's next records, or None when none are ready."""
        read = self._logs[unit.connector, unit.log].read(unit.partition)
        return None if read is None else read.records

    def position(self, unit: Unit) -> Any:
        """The unit's position behind what `read` gave."""
        return self._logs[unit.connector, unit.log].position(unit.partition).pack()

    def exhausted(self, unit: Unit) -> bool:
        """In a bounded run: nothing more will come."""
        return self._logs[unit.connector, unit.log].exhausted(unit.partition)

    def lag(self, connector: str) -> status.Lag:
        """What a connector has not read yet, over its sources."""
        mine = [log for (name, _), log in self._logs.items() if name == connector]
        lags = [log.lag() for log in mine]
        listed = [lag.listed_at for lag in lags]
        return {
            "objects": sum(lag.objects for lag in lags),
            "bytes": sum(lag.bytes for lag in lags),
            "oldest": min((lag.oldest for lag in lags if lag.oldest is not None), default=None),
            "listed_at": None if None in listed else min((at for at in listed if at is not None), default=None),
            "error": next((log.error for log in mine if log.error), None),
        }

    def unread(self, connector: str, before: float) -> Unread:
        """Of that, what came into its sources before a time."""
        mine = [log.unread(before) for (name, _), log in self._logs.items() if name == connector]
        events = [one.events for one in mine if one.events is not None]
        return Unread(sum(one.objects for one in mine), sum(one.bytes for one in mine), sum(events) if len(events) == len(mine) else None)

    def close(self) -> None:
        """End all reading."""
        for log in self._logs.values():
            log.close()
