"""Setting a connector's positions back or forward while nothing runs: what it would send again, what it would never send, and the change itself.

The ids that are known of its events would make all that is read again a duplicate. So the connector's count of rewinds is part of the state, and of
each id from then on (`steps.anew`): none of them is known. The messageIds stay the same. And a failure from before would let all of it expire at the next one:
it is forgotten, so that what is read again, and what is un-acked, has its full time from then on.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from currents_segment.flows import source as positions
from currents_segment.flows.bucket import CLASSES, Position
from currents_segment.flows.bucket.inventory import SAMPLE, density, inventory
from currents_segment.flows.bucket.layout import HOUR, Object
from currents_segment.flows.bucket.position import begin
from currents_segment.flows.committed import POSITIONS, SLOTS, Committed, change
from currents_segment.flows.config import Config, Connector, Source
from currents_segment.flows.errors import UserError
from currents_segment.flows.slots import NAMES, Unit
from currents_segment.sinks.segment import state as held

To = float | Literal["earliest", "now"]
KINDS: Final = ("again", "ahead", "skipped")


@dataclass(slots=True)
class Share:
    """Some of a source's objects or, in Kafka, messages.

    Attributes:
        objects: how many.
        bytes: their size.
        events: about how many they hold; None where nothing can be told.
        messages: of Kafka, control records and gaps included.
    """

    objects: int = 0
    bytes: int = 0
    events: int | None = None
    messages: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """What becomes of what lies in one source.

    Attributes:
        source: its name.
        stood: the oldest hour that was open, seconds since the epoch; None where nothing was read yet, and in Kafka.
        again: objects that were read before, in part or whole, or were left out, and will be read.
        ahead: those that are to be read either way.
        skipped: those that would have been read, and will never be.
        partitions: of Kafka, how many had an offset; None for a bucket.
    """

    source: str
    stood: float | None
    again: Share
    ahead: Share
    skipped: Share
    partitions: int | None = None


@dataclass(frozen=True, slots=True)
class Rewind:
    """A change of one connector's positions.

    Attributes:
        connector: its name.
        rows: the states that change, as they would be, by step and slot.
        passages: by source.
    """

    connector: str
    rows: Mapping[str, Mapping[str, Any]]
    passages: tuple[Passage, ...]


def plan(config: Config, name: str, to: To, *, found: Committed, now: float) -> Rewind:
    """What setting the connector to `to` means; lists each of its sources and opens a few objects.

    Raises:
        UserError: there are no positions to change.
        FailedError: a source cannot be listed or read.
    """
    connector = config.connectors[name]
    rows = {key: positions.migrated(row) for key, row in found.rows(POSITIONS).items()}
    if sorted(rows) != sorted(NAMES):
        raise UserError(f"{config.state}: nothing was committed yet: `start` of {name} in {config.path} says where it begins")
    passages = []
    changed: dict[tuple[str, str, int], Any] = {}
    for source in config.workspaces[connector.workspace].buckets.values():
        units = [Unit(name, source.name, partition) for partition in range(CLASSES)]
        old = {unit.partition: stands(rows, unit) for unit in units}
        new = begin(to, late=source.late, now=now)
        changed |= {(name, source.name, unit.partition): new.pack() for unit in units}
        passages.append(_passage(connector, source, old, new, now))
    kept = {key: packed for row in rows.values() for key, packed in row["positions"].items()}
    for kafka in config.workspaces[connector.workspace].kafkas.values():
        from currents_segment.flows.kafka.rewind import passage  # noqa: PLC0415 - who has no Kafka does not pay for its client

        told, offsets = passage(connector, kafka, to, kept, clock=lambda: now)
        passages.append(told)
        changed |= offsets
    back = any(passage.again.objects or passage.again.messages for passage in passages)
    count = max(row["rewinds"].get(name, (0, 0.0))[0] for row in rows.values()) + back
    new_rows: dict[str, Mapping[str, Any]] = {POSITIONS: {key: _with(row, key, changed, name, (count, now)) for key, row in rows.items()}}
    if back:
        new_rows[SLOTS] = {key: _unfailed(held.migrated(row, now), name) for key, row in found.rows(SLOTS).items()}
    return Rewind(name, new_rows, tuple(passages))


def carry_out(state: Path, rewind: Rewind) -> None:
    """Change the committed state: all slots or none. The caller holds the state's lock, and planned under it.

    Raises:
        DamageError: the store cannot be changed.
    """
    change(state, rewind.rows)


def stands(rows: Mapping[str, positions.State], unit: Unit) -> Position | None:
    """Where a unit stands by the committed rows."""
    packed = rows[NAMES[unit.slot]]["positions"].get((unit.connector, unit.log, unit.partition))
    return None if packed is None else Position.unpack(packed)


def _with(
    row: positions.State, slot: str, changed: Mapping[tuple[str, str, int], Any], name: str, mark: tuple[int, float]
) -> positions.State:
    """A slot's state with the new positions of its own units."""
    mine = {unit: packed for unit, packed in changed.items() if NAMES[Unit(*unit).slot] == slot}
    return {**row, "positions": {**row["positions"], **mine}, "rewinds": {**row["rewinds"], name: mark}}


def _unfailed(row: held.State, name: str) -> held.State:
    """A sink slot's state in which the connector has not failed; what the endpoint asked for stays."""
    if name not in row["health"]:
        return row
    _, last_ok, asked_until = row["health"][name]
    return {**row, "health": {**row["health"], name: (None, last_ok, asked_until)}}


def _passage(connector: Connector, source: Source, old: Mapping[int, Position | None], new: Position, now: float) -> Passage:
    start = begin(connector.start, late=source.late, now=now)
    shares = {kind: Share() for kind in KINDS}
    sample: list[Object] = []
    for item, kind in _sorted(connector, source, {unit: position or start for unit, position in old.items()}, new):
        shares[kind].objects += 1
        shares[kind].bytes += item.size
        sample = heapq.nsmallest(SAMPLE, [*sample, item], key=lambda one: one.hash)  # by hash: as good as drawn
    if (each := density(source, sample)) is not None:
        for share in shares.values():
            share.events = round(share.bytes * each)
    hours = [position.floor for position in old.values() if position is not None]
    return Passage(source.name, min(hours) * HOUR if hours else None, shares["again"], shares["ahead"], shares["skipped"])


def _sorted(connector: Connector, source: Source, old: Mapping[int, Position], new: Position) -> Iterator[tuple[Object, str]]:
    for item in inventory(source, selected=connector.selected, everything=connector.everything):
        position = old[item.unit]
        begun = position.reading is not None and position.reading[0] == item.key
        match position.wants(item), new.wants(item):
            case True, True:
                yield item, "again" if begun else "ahead"
            case False, True:
                yield item, "again"
            case True, False:
                yield item, "skipped"
