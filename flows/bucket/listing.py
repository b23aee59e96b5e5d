"""Listing a bucket: the folders that hold the selected types, and in them the objects that are still to be read.

Only selected types' prefixes are listed, from the oldest open hour on. Objects outside `event_type=` folders are listed whole: point the
URL at the Currents, not at a bucket that holds much else.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from obstore.store import LocalStore

from currents_segment.codecs import catalogue
from currents_segment.flows.bucket.layout import DATE, TYPE, Object, dated, describe, event_type, holds_events, stamp

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

WINDOW: Final = 50_000  # objects to be read that one listing holds: about 20 MB; a longer backlog is listed piece by piece
LEAST: Final = 1_000  # objects of one folder: a page of S3
DEPTH: Final = 5  # levels searched for event_type= folders; what lies deeper is listed whole
DAY: Final = 24  # h: folders named by day sort before the hours of that day

Stopped = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Folders:
    """Where events may lie.

    Attributes:
        typed: `…/event_type=<type>` folders of types that are read.
        unselected: those of types that are not read, and so not listed.
        loose: folders outside them that are listed whole.
        found: objects met on the way that lie in none of them.
    """

    typed: tuple[str, ...]
    unselected: tuple[str, ...]
    loose: tuple[str, ...]
    found: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """What is to be read, as of one moment.

    Attributes:
        objects: in the order (hour, minute of arrival, key).
        whole: the listing holds every object of the hours before this one; None: it was not cut at all.
    """

    objects: Sequence[Object]
    whole: int | None


def types_read(selected: frozenset[str], *, everything: bool) -> Callable[[str], bool]:
    """Whether the folder of a type is read: it is a selected type under any of its names; or everything is, unknown types too."""
    resolve = catalogue.load().resolve
    return lambda name: everything or ((kind := resolve(name)) is not None and kind.name in selected)


def find_folders(store: "ObjectStore", reads: Callable[[str], bool], stopped: Stopped = lambda: False) -> Folders:
    """Walk from the URL down to the `event_type=` folders, by delimiter; `reads(type)` says whether a type is wanted.

    The URL may be the bucket, the prefix, or one `dataexport.…` folder; several integrations and clusters may lie side by side.
    """
    typed: list[str] = []
    unselected: list[str] = []
    loose: list[str] = []
    found: list[Object] = []
    level: list[str | None] = [None]
    for depth in range(DEPTH + 1):
        below: list[str | None] = []
        for prefix in level:
            if stopped():
                break
            result = store.list_with_delimiter(prefix)
            found.extend(_events(result["objects"]))
            for path in result["common_prefixes"]:
                name = path.rpartition("/")[2]
                if name.startswith(TYPE):
                    (typed if reads(name[len(TYPE) :]) else unselected).append(path)
                elif "=" in name or depth == DEPTH:
                    loose.append(path)
                elif not name.startswith((".", "_")):
                    below.append(path)
        level = below
    return Folders(tuple(typed), tuple(unselected), tuple(loose), tuple(found))


def list_objects(
    store: "ObjectStore",
    folders: Folders,
    reads: Callable[[str], bool],
    wants: Callable[[Object], bool],
    since: int,
    *,
    stopped: Stopped = lambda: False,
    window: int = WINDOW,
) -> Listing:
    """The objects that `wants` says are to be read, from the hour `since` on; cut at about `window`, the oldest first."""
    streams = [typed_objects(store, folder, since) for folder in folders.typed]
    streams += [loose_objects(store, folder, reads) for folder in folders.loose]
    limit = max(LEAST, window // max(1, len(streams)))
    kept = [item for item in folders.found if wants(item)]
    whole: int | None = None
    for stream in streams:
        some, cut = _oldest(stream, wants, limit, stopped)
        kept.extend(some)
        if cut is not None:  # one folder that was cut is enough: later hours of all folders wait
            whole = cut if whole is None else min(whole, cut)
    if whole is not None:
        kept = [item for item in kept if item.hour <= whole]
    kept.sort(key=lambda item: item.order)
    return Listing(kept, whole)


def _oldest(
    stream: Iterator[tuple[Sequence[Object], bool]], wants: Callable[[Object], bool], limit: int, stopped: Stopped
) -> tuple[list[Object], int | None]:
    """The oldest `limit` wanted objects of a folder, and the hour of the last one if there are more."""
    kept: list[Object] = []
    cut: int | None = None
    for batch, ascending in stream:
        kept.extend(item for item in batch if wants(item))
        if stopped():
            break
        if len(kept) >= 2 * limit:
            kept.sort(key=lambda item: item.order)
            del kept[limit:]
            cut = kept[-1].hour
            if ascending:
                break
    return kept, cut


def typed_objects(store: "ObjectStore", folder: str, since: int) -> Iterator[tuple[Sequence[Object], bool]]:
    """A type's objects from an hour on, with whether what follows is newer; first those that no `date=` folder holds."""
    dates = f"{folder}/{DATE}"
    ordered = not isinstance(store, LocalStore)  # the object stores list in the order of keys, a file system doesn't
    if ordered:
        for batch in store.list(folder, chunk_size=LEAST):
            others = [meta for meta in batch if meta["path"] < dates]
            yield _events(others), False
            if len(others) < len(batch):
                break
    else:
        top = store.list_with_delimiter(folder)
        yield _events([meta for meta in top["objects"] if meta["path"] < dates]), False
        for path in top["common_prefixes"]:
            if path < dates:
                for batch in store.list(path, chunk_size=LEAST):
                    yield _events(batch), False
    offset = f"{folder}/{stamp(since - DAY)}" if since > DAY else dates
    for batch in store.list(folder, offset=offset, chunk_size=LEAST):
        items = _events([meta for meta in batch if meta["path"] >= offset])  # Azurite, and older Azure, list from the first key on
        yield items, ordered and all(dated(item.key) is not None for item in items)


def loose_objects(store: "ObjectStore", folder: str, reads: Callable[[str], bool]) -> Iterator[tuple[Sequence[Object], bool]]:
    """All objects of a folder that is no type's; of those that name a type only the ones that are read."""
    for batch in store.list(folder, chunk_size=LEAST):
        yield [item for item in _events(batch) if not (kind := event_type(item.key)) or reads(kind)], False


def _events(batch: "Sequence[ObjectMeta]") -> list[Object]:
    return [
        describe(meta["path"], meta["size"], meta["last_modified"].timestamp())
        for meta in batch
        if holds_events(meta["path"], meta["size"])
    ]
