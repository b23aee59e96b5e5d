"""All that lies in a source for a connector, whatever its position: for those who look, not for the flow."""

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from currents_segment.codecs.container import records
from currents_segment.flows.bucket.layout import Object, event_type
from currents_segment.flows.bucket.listing import Folders, find_folders, loose_objects, typed_objects, types_read
from currents_segment.flows.bucket.reading import RANGE
from currents_segment.flows.bucket.store import FAULTS, Storage
from currents_segment.flows.errors import FailedError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from obstore.store import ObjectStore

    from currents_segment.flows.config import Source

SAMPLE: Final = 8  # objects that are opened to estimate how many events the others hold


def inventory(source: "Source", *, selected: frozenset[str], everything: bool) -> Iterator[Object]:
    """Every object of the selected types, of any hour; takes a request for every thousand objects.

    Raises:
        FailedError: the store cannot be listed; says what, where and what to do.
    """
    reads = types_read(selected, everything=everything)
    storage = Storage(source)
    try:
        store = storage.open()
        yield from every_object(store, find_folders(store, reads), reads)
    except (*FAULTS, UserError) as error:
        raise FailedError(f"source {source.name!r}: {storage.fault(error)}") from None


def every_object(store: "ObjectStore", folders: Folders, reads: "Callable[[str], bool]") -> Iterator[Object]:
    """The objects of all folders, in no order."""
    yield from folders.found
    for folder in folders.typed:
        for batch, _ in typed_objects(store, folder, 0):
            yield from batch
    for folder in folders.loose:
        for batch, _ in loose_objects(store, folder, reads):
            yield from batch


def density(source: "Source", sample: Iterable[Object]) -> float | None:
    """Events a byte, by the first megabyte of each of these objects; None where there is nothing to tell by.

    Raises:
        FailedError: an object cannot be read.
    """
    storage = Storage(source)
    events = size = 0
    for item in sample:
        length = min(RANGE, item.size)
        if not length:
            continue
        try:
            data = bytes(storage.open().get_range(item.key, start=0, length=length))
        except FileNotFoundError:  # gone since it was listed
            continue
        except (*FAULTS, UserError) as error:
            raise FailedError(f"source {source.name!r}: {storage.fault(error, item.key)}") from None
        stream = io.BytesIO(data)
        events += sum(piece.count for piece, _ in records(stream, log="", key=item.key, hint=event_type(item.key), arrival=0.0))
        size += length
    return events / size if size else None
