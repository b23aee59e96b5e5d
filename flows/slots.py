"""Slots: the fixed Bytewax partitions, the same for source and sink, so that both ends of a connector's unit meet in one process.

A partition that disappears would panic Bytewax at the next start; so there are 16 for ever, and connectors, sources and files
live inside a slot's state.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SLOTS: Final = 16  # for ever: the number is part of every recovery store
NAMES: Final = tuple(f"{slot:02d}" for slot in range(SLOTS))

Key = tuple[str, str, int]
"""Connector, log and partition: what a slot keeps the position of a unit under; partition -1 is for what a log keeps beside its units."""


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """One partition of one connector's log; each has a position of its own.

    Attributes:
        connector: the connector's name.
        log: the source's name within the workspace; of Kafka `source/topic`.
        partition: 0…15 in a bucket (objects by hash of their key), or the topic's partition.
    """

    connector: str
    log: str
    partition: int

    @property
    def slot(self) -> int:
        """The slot that reads and delivers this unit, the same on every machine."""
        return (zlib.crc32(f"{self.connector}|{self.log}".encode()) + self.partition) % SLOTS


@dataclass(frozen=True, slots=True)
class Place:
    """Which process of the cluster this is.

    Attributes:
        process: number of this process, from 0.
        processes: how many processes the cluster has.
    """

    process: int = 0
    processes: int = 1

    @property
    def slots(self) -> tuple[int, ...]:
        """The slots that this process owns, in source and sink alike."""
        return tuple(slot for slot in range(SLOTS) if slot % self.processes == self.process)


def place(environ: Mapping[str, str]) -> tuple[Place, list[str]]:
    """The process's place and the addresses of all, from the environment of a cluster; alone where nothing is set.

    `CURRENTS_SEGMENT_ADDRESSES` holds `host:port` of every process, separated by semicolons, the same list everywhere;
    `CURRENTS_SEGMENT_PROCESS_ID` is this one's number, else the number at the end of `HOSTNAME` (a StatefulSet's ordinal).

    Raises:
        ValueError: the number is missing or not one of the addresses'.
    """
    addresses = [address for address in environ.get("CURRENTS_SEGMENT_ADDRESSES", "").split(";") if address]
    if not addresses:
        return Place(), []
    number = environ.get("CURRENTS_SEGMENT_PROCESS_ID") or environ.get("HOSTNAME", "").rpartition("-")[2]
    if not number.isdecimal() or int(number) >= len(addresses):
        raise ValueError(
            f"CURRENTS_SEGMENT_ADDRESSES names {len(addresses)} processes, but this one's number is {number!r}: "
            f"set CURRENTS_SEGMENT_PROCESS_ID to 0…{len(addresses) - 1}, or give the host a name that ends in -NUMBER"
        )
    return Place(int(number), len(addresses)), addresses
