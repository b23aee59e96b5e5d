"""What the committed state knows of each connector: where it stands, what its slots hold, how it was. Read only."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from currents_segment.flows import source as positions
from currents_segment.flows.bucket.layout import HOUR
from currents_segment.flows.bucket.position import Position
from currents_segment.flows.committed import POSITIONS, SLOTS, Committed
from currents_segment.sinks.segment import state as held


@dataclass(slots=True)
class Holding:
    """One connector, over all slots.

    Attributes:
        stood: by bucket, the oldest hour still open, seconds since the epoch (0: the beginning).
        partitions: of Kafka's topics, those of which it has an offset.
        unacked: events that were read and that Segment did not take yet.
        arrivals: of the un-acked, arrival in the log with how many, seconds since the epoch.
        dead: events that ended and whose dead letters are to be written.
        failing_since: since when every attempt has failed, seconds since the epoch; None while it works.
        last_ok: the last success, likewise; None before the first.
        received: events read so far.
        delivered: those of them that Segment took.
        rewinds: how often it was set back.
        rewound: when its positions were set last, seconds since the epoch; None if they never were.
    """

    stood: dict[str, float] = field(default_factory=dict)
    partitions: int = 0
    unacked: int = 0
    arrivals: Counter[float] = field(default_factory=Counter)
    dead: int = 0
    failing_since: float | None = None
    last_ok: float | None = None
    received: int = 0
    delivered: int = 0
    rewinds: int = 0
    rewound: float | None = None


def holdings(found: Committed) -> dict[str, Holding]:
    """By connector, in the order of their names; those that are not configured any more are among them.

    Raises:
        UserError: a newer version wrote the state.
    """
    known: dict[str, Holding] = {}
    for row in found.rows(POSITIONS).values():
        _positions(known, positions.migrated(row))
    for row in found.rows(SLOTS).values():
        _slot(known, held.migrated(row))
    return dict(sorted(known.items()))


def _positions(known: dict[str, Holding], row: positions.State) -> None:
    for (connector, log, partition), packed in row["positions"].items():
        one = known.setdefault(connector, Holding())
        if partition < 0 or "/" in log:
            one.partitions += partition >= 0  # of Kafka: offsets, which are no times
            continue
        hour = Position.unpack(packed).floor * HOUR
        one.stood[log] = min(one.stood.get(log, hour), hour)
    for connector, (count, at) in row["rewinds"].items():
        one = known.setdefault(connector, Holding())
        one.rewinds, one.rewound = max(one.rewinds, count), max(one.rewound or at, at)


def _slot(known: dict[str, Holding], row: held.State) -> None:
    for connector, pieces in row["lanes"].items():
        one = known.setdefault(connector, Holding())
        for _, lengths, arrival, *_ in pieces:
            one.arrivals[arrival] += _events(lengths)
            one.unacked += _events(lengths)
    for is_piece, connector, _, content, *_ in row["dead"]:
        known.setdefault(connector, Holding()).dead += _events(content[1]) if is_piece else content[2]
    for connector, (failing_since, last_ok, *_) in row["health"].items():
        one = known.setdefault(connector, Holding())
        one.failing_since, one.last_ok = _known(min, one.failing_since, failing_since), _known(max, one.last_ok, last_ok)
    for connector, counts in row["ledger"].items():
        one = known.setdefault(connector, Holding())
        one.received += counts["received"]
        one.delivered += counts.get("delivered", 0)


def _events(lengths: bytes) -> int:
    """A piece keeps the length of each message as four bytes."""
    return len(lengths) // 4


def _known(choose: Any, *times: float | None) -> float | None:
    there: Iterable[float] = [time for time in times if time is not None]
    return choose(there) if there else None
