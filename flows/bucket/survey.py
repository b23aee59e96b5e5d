"""What lies in a bucket and what a first start would send: for `check`, without reading an object."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from currents_segment.flows.bucket.inventory import every_object
from currents_segment.flows.bucket.layout import HOUR, TYPE, event_type, layout
from currents_segment.flows.bucket.listing import find_folders, types_read
from currents_segment.flows.bucket.position import begin
from currents_segment.flows.bucket.store import FAULTS, Storage
from currents_segment.flows.errors import UserError

if TYPE_CHECKING:
    from currents_segment.flows.config import Source


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in a source, as one connector would see it.

    Attributes:
        url: the source, without credentials.
        folders: the `event_type=` folders that are read.
        unselected: types that are there and are not selected; their folders were not listed.
        types: objects by type, as the folders name it; ``""`` for those outside such folders.
        objects: how many there are in all of them.
        bytes: their size.
        first_objects: how many of them a first start would read.
        first_bytes: their size.
        oldest: start of the oldest hour, seconds since the epoch; None when there is no object.
        newest: start of the newest hour, likewise.
        layouts: objects by layout: `old`, `new`, `unknown`.
        loose: how many lie outside `event_type=` folders.
    """

    url: str
    folders: tuple[str, ...]
    unselected: tuple[str, ...]
    types: Mapping[str, int]
    objects: int
    bytes: int
    first_objects: int
    first_bytes: int
    oldest: float | None
    newest: float | None
    layouts: Mapping[str, int]
    loose: int


def survey(
    source: "Source", *, selected: frozenset[str], everything: bool, start: float | Literal["earliest", "now"], now: float
) -> Survey:
    """List all that a connector would read; takes a request for every thousand objects.

    Raises:
        UserError: the store cannot be listed; says what, where and what to do.
    """
    reads = types_read(selected, everything=everything)
    first = begin(start, late=source.late, now=now)
    types: Counter[str] = Counter()
    layouts: Counter[str] = Counter()
    total = size = first_total = first_size = 0
    hours: set[int] = set()
    storage = Storage(source)
    try:
        store = storage.open()
        folders = find_folders(store, reads)
        for item in every_object(store, folders, reads):
            types[event_type(item.key)] += 1
            layouts[layout(item.key)] += 1
            total, size = total + 1, size + item.size
            hours.add(item.hour)
            if first.wants(item):
                first_total, first_size = first_total + 1, first_size + item.size
    except (*FAULTS, UserError) as error:
        raise UserError(f"source {source.name!r}: {storage.fault(error)}") from None
    return Survey(
        url=storage.place,
        folders=folders.typed,
        unselected=tuple(sorted({path.rpartition(TYPE)[2] for path in folders.unselected})),
        types=dict(sorted(types.items())),
        objects=total,
        bytes=size,
        first_objects=first_total,
        first_bytes=first_size,
        oldest=min(hours) * HOUR if hours else None,
        newest=max(hours) * HOUR if hours else None,
        layouts=dict(layouts),
        loose=types[""],
    )
