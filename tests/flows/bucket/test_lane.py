from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from currents_segment.codecs.chunk import Damage, Origin, Records
from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.bucket.lane import AHEAD, AHEAD_BYTES, Lane, Unread, unread
from currents_segment.flows.bucket.layout import Object, describe
from currents_segment.flows.bucket.position import Position, begin, first_open

HOUR = 3600.0
LATE = 2 * HOUR


def records(key: str, record: int, size: int = 1) -> Records:
    """One record."""
    return Records("{}", "", b"x" * size, 1, 0.0, Origin("log", key, 0, record))


@dataclass
class World:
    """A bucket whose objects appear with time, one unit that reads it, and what has been taken from it since the last commit."""

    objects: dict[str, tuple[Object, int]]
    now: float
    lane: Lane
    committed: Position
    kept: list[tuple[str, int]] = field(default_factory=list)
    taken: list[tuple[str, int]] = field(default_factory=list)
    listing: tuple[list[Object], int] | None = None
    most: int = 1

    def look(self, cut: int | None = None) -> None:
        """A listing begins and sees what is there and not finished by now; cut after so many objects."""
        seen = [one for one, _ in self.objects.values() if one.modified <= self.now and self.lane.position.wants(one)]
        seen.sort(key=lambda one: one.order)
        closed = first_open(self.now, LATE)
        if cut is not None and len(seen) > cut:
            closed = min(closed, seen[cut].hour)
            del seen[cut + 1 :]
        self.listing = seen, closed

    def merge(self) -> None:
        """The listing is over; meanwhile the unit may have read on."""
        if self.listing is not None:
            self.lane.list(*self.listing)
            self.listing = None

    def read(self) -> None:
        """What a worker does: one piece of the object begun, or the next object."""
        lane = self.lane
        if not lane.room or not lane.pending:
            return
        if lane.current is None:
            if lane.position.reading is not None:
                lane.current = self.objects[lane.position.reading[0]][0]
            else:
                lane.next()
        assert lane.current is not None
        key, count = lane.current.key, self.objects[lane.current.key][1]
        record = lane.position.reading[2] if lane.position.reading else 0
        if record == count:
            lane.finish(lane.current)
        else:
            lane.push(records(key, record), lane.current, None if record + 1 == count else (0, record + 1))

    def take(self) -> None:
        """What the caller does."""
        if (got := self.lane.take(self.most)) is not None:
            self.taken += [(records.origin.object, records.origin.record) for records in got.records]

    def commit(self) -> None:
        """A snapshot: what was taken since the last one counts."""
        self.committed = Position.unpack(self.lane.settled.pack())
        self.kept += self.taken
        self.taken = []

    def restart(self) -> None:
        """A crash: what was not committed is forgotten."""
        self.lane = Lane(self.committed, self.committed)
        self.taken, self.listing = [], None

    def finish(self) -> None:
        """Read all that ever appeared, from wherever it stands."""
        self.merge()
        self.now += 100 * HOUR
        self.look()
        self.merge()
        while self.lane.pending or self.lane.ready:
            self.read()
            self.take()
        self.commit()


@st.composite
def buckets(draw):
    """Objects with their hours, the time each appears (within `late` of its hour's end) and how many records it holds."""
    made = draw(st.lists(st.tuples(st.integers(100, 112), st.floats(0, HOUR + LATE), st.integers(0, 3)), min_size=1, max_size=10))
    objects = {}
    for n, (hour, after, count) in enumerate(made):
        one = describe(f"event_type=t/date=1970-01-{1 + hour // 24:02}-{hour % 24:02}/{n}.avro", 10, hour * HOUR + after)
        assert hour == one.hour
        objects[one.key] = (one, count)
    return objects


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["look", "look", "merge", "merge", "read", "read", "read", "take", "take", "commit", "restart"]),
        st.tuples(st.just("wait"), st.floats(0, 3 * HOUR)),
        st.tuples(st.just("cut"), st.integers(0, 4)),
    ),
    min_size=30,
    max_size=100,
)


def drive(world: World, steps) -> None:
    """Let the steps happen, then read to the end."""
    for step in steps:
        match step:
            case ("wait", seconds):
                world.now += seconds
            case ("cut", size):
                world.look(size)
            case str():
                getattr(world, step)()
        reading, floor = world.lane.position.reading, world.lane.position.floor
        assert reading is None or floor <= world.objects[reading[0]][0].hour, "an hour was closed over an object that is being read"
    world.finish()


@settings(max_examples=300)
@given(buckets(), st.floats(99 * HOUR, 130 * HOUR), STEPS, st.integers(1, 5))
def test_every_object_is_read_whole_exactly_once(objects, now, steps, most):
    """Whatever the order of listings, readings, commits and restarts, each record of each object ends once in what was committed."""
    first = begin("earliest", late=LATE, now=now)
    world = World(objects, now, Lane(first, first), first, most=most)
    drive(world, steps)
    assert sorted((key, n) for key, (_, count) in objects.items() for n in range(count)) == sorted(world.kept)


@settings(max_examples=100)
@given(buckets(), st.floats(99 * HOUR, 116 * HOUR), STEPS)
def test_a_start_now_reads_what_appears_from_then_on(objects, now, steps):
    """With `now`, what was in the bucket before the first start is never read, and all that comes after it is, once."""
    now = float(int(now))
    first = begin("now", late=LATE, now=now)
    world = World(objects, now, Lane(first, first), first)
    drive(world, steps)
    expected = sorted((key, n) for key, (one, count) in objects.items() if one.modified >= now for n in range(count))
    assert expected == sorted(world.kept)


@given(buckets())
def test_memory_holds_open_hours_only(objects):
    """In a bucket of past hours everything is forgotten as it is finished: at the end no hash is left."""
    world = World(objects, 200 * HOUR, Lane(Position(), Position()), Position())
    world.look()
    world.merge()
    most = 0
    while world.lane.pending:
        world.read()
        world.take()
        most = max(most, sum(len(done) for done in world.lane.position.done.values()))
    hours = [one.hour for one, _ in objects.values()]
    assert most <= max((hours.count(hour) for hour in hours), default=0)
    assert not world.lane.position.done


def test_what_is_ready_is_bounded_by_events_and_bytes():
    """A unit whose caller doesn't take reads ahead four thousand events, or a mebibyte and one piece, and then waits; damage counts by its bytes, too."""
    one = describe("event_type=t/f.avro", 10, 0.0)
    small, large, bad = (Lane(Position(), Position()) for _ in range(3))
    for n in range(AHEAD):
        assert small.room
        small.push(records(one.key, n), one, (0, n + 1))
    assert not small.room
    large.push(records(one.key, 0, AHEAD_BYTES), one, (0, 1))
    assert not large.room
    large.take(1)
    assert large.room
    assert (large.held, large.events) == (0, 0)
    origin = Origin("log", one.key)
    damage = Damage(Outcome.BAD_FRAME, "", 1, bytes(AHEAD_BYTES), AHEAD_BYTES, origin)
    bad.push(Records("{}", "", b"", 0, 0.0, origin, damage), one, (0, 1))
    assert (bad.room, bad.events) == (False, 1)


def test_what_is_taken_together_is_no_more_than_asked_for():
    """As many pieces as fit, one at the least; the position is behind the last of them."""
    one = describe("event_type=t/f.avro", 10, 0.0)
    lane = Lane(Position(), Position())
    for n in range(7):
        lane.push(records(one.key, n), one, (0, n + 1))
    taken = []
    for most in (3, 0, 2, 9):
        read = lane.take(most)
        assert (one.key, 0, (taken := taken + [each.origin.record for each in read.records])[-1] + 1) == read.position.reading
        assert lane.taken == read.position
        assert len(taken) == {3: 3, 0: 4, 2: 6, 9: 7}[most]
    assert list(range(7)) == taken
    assert lane.take(1) is None


def test_what_is_persisted_follows_what_was_taken():
    """Read ahead is private: until it is taken the position to persist stays; without anything ahead, closed hours move it."""
    one = describe("event_type=t/date=1970-01-05-04/f.avro", 10, 0.0)
    lane = Lane(Position(), Position())
    lane.list([one], 110)
    assert one.hour == lane.settled.floor
    lane.next()
    before = lane.settled
    lane.push(records(one.key, 0), one, None)
    assert Position() == lane.settled
    assert before.floor == one.hour
    lane.take(1)
    assert lane.settled.floor == 110


def test_the_object_being_read_comes_first_after_a_restart():
    """A late object of an earlier hour waits until the one that was begun is finished; nothing is closed over its head meanwhile."""
    begun, late = describe("event_type=t/date=1970-01-05-05/f.avro", 10, 0.0), describe("event_type=t/date=1970-01-05-04/g.avro", 10, 0.0)
    lane = Lane(position := Position(floor=90).at(begun.key, 0, 2), position)
    lane.list([late, begun], 120)
    assert lane.position.floor == 90
    assert [late] == lane.todo
    lane.current = begun
    lane.push(records(begun.key, 2), begun, None)
    assert late.hour == lane.position.floor
    assert late == lane.next()


def test_what_is_unread_is_estimated_by_what_was_read_whole():
    """By its bytes, and only what came before the time in question; an object whose beginning another run read says nothing of its size."""
    first = begin("earliest", late=LATE, now=0.0)
    lane = Lane(first, first)
    old, older, new = (describe(f"{name}.avro", size, at) for name, size, at in (("a", 400, 10.0), ("b", 100, 5.0), ("c", 200, 20.0)))
    lane.list([older, old, new], 0)
    assert Unread(3, 700, None) == unread([lane], 20.0)
    lane.next()
    lane.push(records(older.key, 0), older, (0, 1))
    lane.push(records(older.key, 1), older, None)
    assert (2, 100) == lane.whole
    assert Unread(2, 600, 12) == unread([lane], 20.0)
    assert Unread(1, 400, 8) == unread([lane], 15.0)
    assert Unread(0, 0, 0) == unread([lane], 5.0)
    lane.current = lane.todo.pop()  # as one that was begun by an earlier run
    lane.push(records(old.key, 7), old, None)
    assert (2, 100) == lane.whole
