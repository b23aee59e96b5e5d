"""What the doctor finds in a source for one connector: how much lies ahead, and whether what the positions name is still there. Only lists."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from currents_segment.flows.bucket import Position
from currents_segment.flows.bucket.inventory import inventory
from currents_segment.flows.bucket.layout import HOUR, Object, event_type
from currents_segment.flows.bucket.listing import types_read
from currents_segment.flows.bucket.position import begin
from currents_segment.flows.config import Connector, Source
from currents_segment.flows.preflight import SKEW, Finding

FEW: Final = 3  # names in a line


@dataclass(slots=True)
class Ground:
    """One source as one connector would find it.

    Attributes:
        ahead: objects to be read.
        bytes: their size.
        old: those of them that came longer ago than an event may wait while its connector fails.
        oldest: when the oldest of them came, seconds since the epoch; None when there is none.
        newest: when the newest of all objects came, likewise.
        late: objects that came when their hour was closed.
        late_bytes: their size.
        late_hour: the oldest of these hours, seconds since the epoch.
        finished: objects of hours still open that were read.
        gone: those of them that are not there any more.
        begun: objects half read that are not there any more.
    """

    ahead: int = 0
    bytes: int = 0
    old: int = 0
    oldest: float | None = None
    newest: float | None = None
    late: int = 0
    late_bytes: int = 0
    late_hour: float | None = None
    finished: int = 0
    gone: int = 0
    begun: tuple[str, ...] = ()


def ground(connector: Connector, source: Source, positions: Mapping[int, Position | None], *, since: float, now: float) -> Ground:
    """List the whole source and hold it against the positions.

    Args:
        connector: whose positions they are.
        source: where.
        positions: by unit; None where it was never read.
        since: seconds since the epoch; what came before may have been read whatever its hour: the store was made then, or the connector set back.
        now: seconds since the epoch.

    Raises:
        FailedError: it cannot be listed.
    """
    first = begin(connector.start, late=source.late, now=now)
    stands = {unit: position or first for unit, position in positions.items()}
    begun = {position.reading[0] for position in stands.values() if position.reading is not None}
    finished = {digest for position in stands.values() for hashes in position.done.values() for digest in hashes}
    found, left = Ground(finished=len(finished)), set(finished)
    for item in inventory(source, selected=connector.selected, everything=connector.everything):
        left.discard(item.hash)
        begun.discard(item.key)
        _count(found, item, stands[item.unit], since=since, late=source.late, old=now - connector.expire_after)
    reads = types_read(connector.selected, everything=connector.everything)
    found.gone, found.begun = len(left), tuple(sorted(key for key in begun if not (kind := event_type(key)) or reads(kind)))
    return found


def _count(found: Ground, item: Object, position: Position, *, since: float, late: float, old: float) -> None:
    found.newest = max(found.newest or 0.0, item.modified)
    if position.wants(item):
        found.ahead += 1
        found.bytes += item.size
        found.old += item.modified < old
        found.oldest = min(found.oldest or item.modified, item.modified)
    elif item.hour < position.floor and item.modified > max(since, position.after, (item.hour + 1) * HOUR + late):
        found.late += 1
        found.late_bytes += item.size
        found.late_hour = min(found.late_hour or item.hour * HOUR, item.hour * HOUR)


def findings(connector: str, source: str, found: Ground, now: float) -> Iterator[Finding]:
    """What of it needs somebody."""
    about = f"{connector}, source {source}"
    if found.begun:
        few = ", ".join(found.begun[:FEW]) + (" …" if len(found.begun) > FEW else "")
        yield Finding(
            "warning",
            about,
            f"{len(found.begun)} half-read files are gone ({few}): their rest is counted as undecodable; keep files until they are read",
        )
    if found.gone:
        yield Finding(
            "warning",
            about,
            f"{found.gone:,} of the {found.finished:,} files read in the hours still open are gone: if a lifecycle rule deletes them so soon, it deletes unread ones in an outage; keep files for 48 h and more",
        )
    if found.late and found.late_hour is not None:
        hour = datetime.fromtimestamp(found.late_hour, UTC)
        yield Finding(
            "warning",
            about,
            f"{found.late:,} files ({found.late_bytes / 1e6:,.2f} MB) came when their hour was closed and are not read, unless the connector itself was that far behind: raise `late`; to send them: connectors rewind {connector} --to {hour:%Y-%m-%dT%H}:00Z",
        )
    if found.newest is not None and found.newest - now > SKEW:
        yield Finding(
            "warning",
            "clock",
            f"the newest file of {source} comes {found.newest - now:,.0f} s from now: set this machine's clock by NTP, or the bucket's",
        )
