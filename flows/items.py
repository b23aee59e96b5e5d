"""What flows between the steps. Bodies go straight from the source slot to the sink slot; only ids cross between processes."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from currents_segment.codecs.chunk import Framed, Messages, Origin, Records


class Tick(NamedTuple):
    """The first item of every epoch of a slot: it wakes the sink slot and the shard of the same number.

    Without it Bytewax would give a key that is not written in an epoch the row of a crashed epoch of the same number.
    `number` counts from 1 in every process.
    """

    slot: int
    number: int


class Raw(NamedTuple):
    """Records as the source read them, for one connector and of one unit.

    Attributes:
        records: those whose position moves as one, of one object or of several; those of an object stand side by side.
        rewinds: how often the connector was set back: what was known of these events before is not known any more.
    """

    slot: int
    connector: str
    records: tuple[Records | Framed, ...]
    rewinds: int = 0


class Chunk(NamedTuple):
    """The messages of one object in a `Raw`; it stays in its process.

    Attributes:
        emitted: what the source told the gate.
        arrival: when the last of them came into the log, seconds since the epoch: none may expire before its time.
        origin: where the first of them stands.
        trace: trace id and span id of its span, when traces are on.
    """

    slot: int
    connector: str
    emitted: int
    messages: Messages
    arrival: float
    origin: Origin
    trace: tuple[int, int] | None


class Ids(NamedTuple):
    """The ids of a load that belong to one shard.

    Attributes:
        slot: the load's.
        number: the load's.
        shard: whose they are.
        ids: uint64[n] as bytes.
    """

    slot: int
    number: int
    shard: int
    ids: bytes


class Load(NamedTuple):
    """The chunks that a process decoded in one turn, of any of its slots: a shard is asked once for all of them. It stays in its process.

    Attributes:
        slot: the sink slot that takes it in, for all.
        number: counts the loads of a process from 0.
        chunks: in the order in which they were read.
        order: uint32[n], places in the row of the ids of all chunks, by shard.
        starts: int64[17], where each shard begins in `order`.
        parts: the ids, by shard; as many verdicts will come back.
    """

    slot: int
    number: int
    chunks: tuple[Chunk, ...]
    order: NDArray[np.uint32]
    starts: NDArray[np.int64]
    parts: tuple[Ids, ...]


class Verdict(NamedTuple):
    """What a shard says of its part of a load.

    Attributes:
        drop: uint32[m] as bytes, places within the part that hold duplicates.
    """

    slot: int
    number: int
    shard: int
    drop: bytes


class Learned(NamedTuple):
    """Ids that a shard has learned or renewed, on their way to its files.

    Attributes:
        time_slot: the shard's number of it.
        at: how many ids were written for this time slot before.
        ids: uint64[n] as bytes.
    """

    time_slot: int
    at: int
    ids: bytes


class Forgotten(NamedTuple):
    """A time slot that a shard knows no more: its file may go."""

    time_slot: int


class Row(NamedTuple):
    """A file of a shard's ids, on its way back after a start. It may hold more ids than were committed.

    Attributes:
        ids: uint64[n]; not read from the disk before they are used.
    """

    time_slot: int
    ids: NDArray[np.uint64]


Read = Tick | Raw
Decoded = Tick | Load


class Complete(NamedTuple):
    """All that lies in a shard's files was given back: what did not come is not there.

    Attributes:
        files: how many they were.
    """

    files: int


AtShard = Tick | Ids | Row | Complete
FromShard = Verdict | Learned | Forgotten
AtSink = Tick | Load | Verdict


def emitted(records: Iterable[Records | Framed]) -> int:
    """How many events the gate counts for records: a damaged stretch weighs as one."""
    return sum(max(1, each.count) for each in records)
