"""The log of one connector in one bucket: lists and reads ahead on threads of its own, so that its caller never waits.

    lister ──▶ lanes (one a unit) ──▶ readers ──▶ ready ──▶ read()

One thread reads while the store answers at once, since several would hand the interpreter's lock to one another and bring nothing; others join it behind a store that
makes them wait. Threads are daemons and touch nothing but the lanes, under one lock; a request that hangs is abandoned at the end, not waited for.
Objects must appear whole, as Braze's do: one that is still being written in a folder is read as far as it was when it was listed,
and its missing end counts as damage. (Write under a name that begins with `.` and rename.)
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Final, Literal

from obstore.exceptions import PreconditionError

from currents_segment.flows.bucket.lane import Lag, Lane, Read, Unread, measure, unread
from currents_segment.flows.bucket.layout import Object, describe, event_type
from currents_segment.flows.bucket.listing import WINDOW, find_folders, list_objects, types_read
from currents_segment.flows.bucket.position import Position, begin, first_open
from currents_segment.flows.bucket.reading import find, read, vanished
from currents_segment.flows.bucket.store import FAULTS, Storage
from currents_segment.flows.errors import FailedError, UserError

if TYPE_CHECKING:
    from currents_segment.flows.config import Source

__all__ = ["BucketLog", "Lag", "Read"]

READERS: Final = 4  # threads at the most: at 40 ms a request 100 objects a second
SLOW: Final = 0.005  # s a piece, each of the last `LAST`: what a folder gives takes less than one, what a store does at least ten
LAST: Final = 8
HANGING: Final = 1.0  # s without a piece: the readers hang, and lanes must not wait for them
TRIES: Final = 5  # of a bounded run, before it fails; one that follows never gives up
CLOSING: Final = 1.0  # s: what close() waits for threads at the most


def backoff(tries: int) -> float:
    """Seconds to the next try after `tries` failed ones: 0.5, 1, 2 … 30."""
    return min(0.5 * 2.0 ** min(tries - 1, 6), 30.0)


class BucketLog:
    """The units of one connector in one source that this process owns.

    `read` is called again and again by one thread; it never waits, and it also wakes what a fault had put to sleep.

    Args:
        source: where, how often (`poll`), how late objects may come (`late`).
        connector: whose log it is; names the threads.
        start: where a unit begins that has no position.
        selected: canonical types whose folders are read.
        everything: all folders are read, unknown types too.
        units: every class that this process owns, with the committed position, or None at the first start.
        once: list until nothing is left out, then no more; faults that persist raise FailedError.
        clock: seconds since the epoch.
        monotonic: seconds that never step back, for waiting.
        pause: seconds to the next try after so many failed ones.
        window: how many objects one listing holds.
    """

    def __init__(
        self,
        source: "Source",
        *,
        connector: str,
        start: float | Literal["earliest", "now"],
        selected: frozenset[str],
        everything: bool,
        units: Mapping[int, Position | None],
        once: bool,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[int], float] = backoff,
        window: int = WINDOW,
    ) -> None:
        self._source = source
        self._storage = Storage(source)
        self._reads = types_read(selected, everything=everything)
        self._once = once
        self._clock = clock
        self._monotonic = monotonic
        self._pause = pause
        self._window = window
        first = begin(start, late=source.late, now=clock())
        self._lanes = {unit: Lane(position or first, position or first) for unit, position in units.items()}
        self._lock = Lock()
        self._stop = Event()
        self._hurry = Event()  # list again before the poll interval is over
        self._work: SimpleQueue[Lane | None] = SimpleQueue()
        self._took: deque[float] = deque(maxlen=LAST)  # seconds that pieces took
        self._moved = monotonic()  # when the last piece came, or the first lane began to wait for a reader
        self._listed_at: float | None = None
        self._partial = True
        self._listed = 0  # objects that the last listing held
        self._fault = ""
        self._failed: UserError | None = None
        self._bug: BaseException | None = None
        self._name = f"bucket {connector}/{source.name}"
        self._threads: list[Thread] = []
        self._readers = 0
        for lane in self._lanes.values():
            self._wake(lane)  # objects half read are read on before any listing
        self._start(self._list_on, "list")
        self._reinforce()

    def read(self, unit: int, most: int) -> Read | None:
        """The unit's next records, of so many events at the most if they can be divided, or None when none are ready.

        Raises:
            FailedError: a bounded run cannot go on.
        """
        if self._bug is not None:
            raise self._bug
        if self._failed is not None:
            raise self._failed
        lane = self._lanes[unit]
        with self._lock:
            got = lane.take(most)
            self._wake(lane)
            if self._readers < READERS and self._waiting():
                self._reinforce()
        return got

    def position(self, unit: int) -> Position:
        """What to persist: after what was taken, with the hours that listings have closed since. Persist it from the first snapshot on."""
        with self._lock:
            return self._lanes[unit].settled

    def exhausted(self, unit: int) -> bool:
        """Of a bounded run: a complete listing made after the start was read to its end, and nothing is ready."""
        lane = self._lanes[unit]
        with self._lock:
            return self._once and not self._partial and not lane.ready and not lane.busy and not lane.pending

    def lag(self) -> Lag:
        """What is listed and not read to its end."""
        with self._lock:
            return measure(self._lanes.values(), self._listed_at, partial=self._partial)

    def unread(self, before: float) -> Unread:
        """Of that, what came before a time."""
        with self._lock:
            return unread(self._lanes.values(), before)

    @property
    def error(self) -> str | None:
        """What holds listing or reading at the moment: one line without secrets; None when nothing does."""
        with self._lock:
            return self._fault or next((lane.fault for lane in self._lanes.values() if lane.fault), None)

    def close(self) -> None:
        """End the threads; one that hangs in a request is left behind after a second."""
        self._stop.set()
        self._hurry.set()
        for _ in range(READERS):
            self._work.put(None)
        deadline = time.monotonic() + CLOSING
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _start(self, target: Callable[[], None], role: str) -> None:
        self._threads.append(Thread(target=self._guard, args=(target,), name=f"{self._name} {role}", daemon=True))
        self._threads[-1].start()

    def _waiting(self) -> bool:
        """Lanes wait for readers that wait for the store (the lock is held)."""
        slow = len(self._took) == LAST and min(self._took) > SLOW
        return not self._work.empty() and (slow or self._monotonic() - self._moved > HANGING)

    def _reinforce(self) -> None:
        """One reader more."""
        self._took.clear()
        self._moved = self._monotonic()
        self._start(self._read_on, f"read {self._readers}")
        self._readers += 1

    def _guard(self, target: Callable[[], None]) -> None:
        """A bug in a thread is raised where the log is read."""
        try:
            target()
        except BaseException as bug:  # noqa: BLE001  # whatever it is, a panic in Rust too: the flow must know
            self._bug = bug

    def _list_on(self) -> None:
        tries = 0
        while not self._stop.is_set():
            self._hurry.clear()
            try:
                self._list()
            except (*FAULTS, UserError) as error:
                tries += 1
                line = self._storage.fault(error)
                with self._lock:
                    self._fault = line
                if self._once and tries >= TRIES:
                    self._failed = FailedError(f"source {self._source.name!r}: {line}")
                    return
                self._stop.wait(self._pause(tries))
                continue
            tries = 0
            if self._stop.is_set() or (self._once and not self._partial):
                return
            if self._partial:
                self._hurry.wait()  # there is plenty to read: list on when little is left
            else:
                self._hurry.wait(self._source.poll)

    def _list(self) -> None:
        at = self._clock()  # of its beginning: what appears while it runs may be missed
        store = self._storage.open()
        folders = find_folders(store, self._reads, self._stop.is_set)
        with self._lock:
            positions = {unit: lane.position for unit, lane in self._lanes.items()}
        since = min((position.floor for position in positions.values()), default=0)

        def wants(item: Object) -> bool:
            position = positions.get(item.unit)
            return position is not None and position.wants(item)

        listing = list_objects(store, folders, self._reads, wants, since, stopped=self._stop.is_set, window=self._window)
        if self._stop.is_set():
            return  # it may have been cut off anywhere
        closed = first_open(at, self._source.late)
        if listing.whole is not None:
            closed = min(closed, listing.whole)
        units: dict[int, list[Object]] = {unit: [] for unit in self._lanes}
        for item in listing.objects:
            units[item.unit].append(item)
        with self._lock:
            self._listed_at, self._partial, self._listed, self._fault = at, listing.whole is not None, len(listing.objects), ""
            for unit, lane in self._lanes.items():
                lane.list(units[unit], closed)
                self._wake(lane)

    def _wake(self, lane: Lane) -> None:
        """Give the lane to a reader if there is something that it can do (the lock is held)."""
        if not lane.busy and lane.pending and lane.room and self._monotonic() >= lane.wait:
            lane.busy = True
            if self._work.empty():
                self._moved = self._monotonic()
            self._work.put(lane)

    def _read_on(self) -> None:
        while (lane := self._work.get()) is not None:
            self._fill(lane)

    def _fill(self, lane: Lane) -> None:
        """Read ahead in one lane until it is full or there is nothing left."""
        while True:
            with self._lock:
                if self._stop.is_set() or not lane.room or not lane.pending:
                    lane.busy = False
                    self._check_window()
                    return
                resumed = lane.current is None and lane.position.reading is not None
                if lane.current is None and not resumed:
                    lane.next()
            try:
                if resumed and not self._resume(lane):
                    continue
                self._step(lane)
            except (*FAULTS, UserError) as error:
                line = self._storage.fault(error, lane.current.key if lane.current else "")
                with self._lock:
                    lane.tries += 1
                    if isinstance(error, PreconditionError):
                        lane.restart()
                    lane.fail(line, self._monotonic(), self._pause(lane.tries))
                    lane.busy = False
                    if self._once and lane.tries >= TRIES:
                        self._failed = FailedError(f"source {self._source.name!r}: {line}")
                return

    def _resume(self, lane: Lane) -> bool:
        """Find the object that an earlier run had begun; False when there is nothing of it to be read."""
        assert lane.position.reading is not None  # noqa: S101  # asked before
        key, block, record = lane.position.reading
        if (kind := event_type(key)) and not self._reads(kind):  # its type was deselected since
            with self._lock:
                lane.drop()
            return False
        item = find(self._storage.open(), key, self._storage.url)
        with self._lock:
            if item is None:
                now = self._clock()
                lane.push(vanished(self._storage.place, key, now, (block, record)), describe(key, 0, now), None)
            else:
                lane.current = item
        return item is not None

    def _step(self, lane: Lane) -> None:
        """Read one piece more of the current object."""
        item = lane.current
        assert item is not None  # noqa: S101  # chosen before
        if lane.pieces is None:
            reading = lane.position.reading
            at = reading[1:] if reading is not None else (0, 0)
            lane.pieces = read(self._storage.open(), item, url=self._storage.url, log=self._storage.place, at=at)
        began = self._monotonic()
        piece = next(lane.pieces, None)
        with self._lock:
            self._moved = self._monotonic()
            self._took.append(self._moved - began)
            if piece is not None:
                lane.push(piece[0], item, piece[1])
            else:  # it held no records
                lane.finish(item)

    def _check_window(self) -> None:
        """Of a listing that was cut, three quarters are read: list on (the lock is held)."""
        if self._partial and self._listed_at is not None and sum(len(lane.todo) for lane in self._lanes.values()) * 4 <= self._listed:
            self._hurry.set()
