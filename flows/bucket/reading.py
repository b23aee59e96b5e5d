"""Reading one object: in ranges, from any place on, and to a named end even when it vanishes under the reader."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from currents_segment.codecs.chunk import Damage, Origin, Records
from currents_segment.codecs.container import records
from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.bucket.layout import Object, describe, event_type
from currents_segment.flows.bucket.store import FAULTS, classify

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ObjectStore

RANGE: Final = 1 << 20  # bytes of one request: an object of 40 MB is never whole in memory, one of 500 events takes one request


class VanishedError(Exception):
    """The object is gone."""


class Ranges:
    """An object as a stream of bytes, as it is when it is opened; holds one range of it.

    Raises what obstore raises (`store.FAULTS`; PreconditionError once the object was replaced), and VanishedError once it is gone.
    """

    def __init__(self, store: "ObjectStore", item: Object, url: str) -> None:
        self._store = store
        self._item = item
        self._url = url
        self._size = item.size  # as listed, and once it is opened as it is
        self._tag: str | None = None  # of what was opened: no range of another object may follow
        self._place = 0  # of the next byte
        self._rest = memoryview(b"")  # of the range, from there on

    def read(self, count: int, /) -> bytes:
        """Up to `count` bytes; none only at the end of the object."""
        if not self._rest and self._place < self._size:
            self._rest = self._fetch()
        piece = self._rest[:count]
        self._rest = self._rest[count:]
        self._place += len(piece)
        return bytes(piece)

    def _fetch(self) -> memoryview:
        asked: GetOptions = {"range": (self._place, self._place + RANGE)}
        if self._tag is not None:
            asked["if_match"] = self._tag
        try:
            answer = self._store.get(self._item.key, options=asked)
            self._size, self._tag = answer.meta["size"], answer.meta["e_tag"]
            got = memoryview(answer.bytes())
        except FAULTS as error:
            if self._gone(error):
                raise VanishedError from error
            raise
        if not got:
            raise VanishedError
        return got

    def _gone(self, error: Exception) -> bool:
        """Whether the fault is the object's, not the store's: it isn't there, or is shorter than it was."""
        if isinstance(error, FileNotFoundError):
            return classify(error, self._url) is None
        if "ange" not in str(error):  # "Requested range was invalid", "416 Range Not Satisfiable"
            return False
        return self._store.head(self._item.key)["size"] != self._item.size


def find(store: "ObjectStore", key: str, url: str) -> Object | None:
    """The object that an earlier run had begun; None when it has vanished.

    By a request that has a body when it fails (HEAD has none): a missing bucket must not pass for a missing object.
    """
    try:
        meta = store.get(key, options={"range": (0, 1)}).meta
    except FileNotFoundError as error:
        if classify(error, url) is not None:
            raise
        return None
    return describe(key, meta["size"], meta["last_modified"].timestamp())


def read(
    store: "ObjectStore", item: Object, *, url: str, log: str, at: tuple[int, int], limit: int = 1000
) -> Iterator[tuple[Records, tuple[int, int] | None]]:
    """An object's records from (block, record) on, each with the place behind it; None behind the last.

    What was read is always yielded before a fault is raised. An object that vanishes ends in one stretch of damage.
    """
    hint = event_type(item.key)
    held: tuple[Records, tuple[int, int]] | None = None
    stream = Ranges(store, item, url)
    try:
        for piece in records(stream, log=log, key=item.key, hint=hint, arrival=item.modified, at=at, limit=limit):
            if held is not None:
                yield held
            held = piece
    except VanishedError:
        if held is not None:
            yield held
            at = held[1]
        yield vanished(log, item.key, item.modified, at), None
    except FAULTS:
        if held is not None:
            yield held
        raise
    else:
        if held is not None:
            yield held[0], None


def vanished(log: str, key: str, arrival: float, at: tuple[int, int]) -> Records:
    """The damage that stands for the rest of an object that is gone."""
    origin = Origin(log, key, *at)
    damage = Damage(Outcome.BAD_FRAME, "object vanished", 1, b"", 0, origin)
    return Records("", event_type(key), b"", 0, arrival, origin, damage)
