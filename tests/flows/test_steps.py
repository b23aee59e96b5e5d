from itertools import groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from currents_segment.codecs.chunk import Messages, Origin, Records
from currents_segment.flows.items import Raw, Tick, emitted
from currents_segment.flows.steps import Decode, anew

IDS = st.sets(st.integers(1, 2**64 - 1), min_size=1)


@given(IDS, st.integers(1, 1000))
def test_ids_read_anew_are_as_different_as_before_and_never_0(ids, rewinds):
    """Also the one id that would become 0, which means empty in hash tables."""
    mask = xxh3_64_intdigest(rewinds.to_bytes(8, "little"))
    before = np.array(sorted(ids | {mask}), np.uint64)
    after = anew(before, rewinds)
    assert len(before) == len(np.unique(after))
    assert after.all()


@given(IDS, st.integers(1, 1000), st.integers(1, 1000))
def test_each_rewind_forgets_all_others(ids, one, other):
    """An id is the same in each reading, and another after each rewind."""
    before = np.array(sorted(ids), np.uint64)
    assert (anew(before, one) == anew(before, one)).all()
    assert not (anew(before, one) == before).any()
    assert (one == other) == bool((anew(before, one) == anew(before, other)).all())


class Echo:
    """A decoder whose messages are as many as the records."""

    def together(self, objects):
        return [self._one(sum(records.count for records in each)) for each in objects]

    def _one(self, count):
        return Messages(b"", np.zeros(count, np.int64), np.arange(1, count + 1, dtype=np.uint64), count, {}, ())


def raw(slot, count, connector="a"):
    return Raw(slot, connector, (Records("{}", "", b"", count, 0.0, Origin("log", "object")),))


def test_what_the_slots_read_in_one_turn_becomes_one_load():
    """So a shard is asked once for all of them; ticks go ahead, and a turn that read nothing makes none. Loads are numbered without a gap."""
    decode = Decode({"a": Echo(), "b": Echo()}, None)
    first = list(decode([Tick(3, 1), raw(3, 2), Tick(4, 1), raw(4, 5, "b")]))
    assert [Tick(3, 1), Tick(4, 1)] == first[:-1]
    assert [Tick(3, 2)] == list(decode([Tick(3, 2)]))
    (second,) = decode([raw(4, 0)])
    assert [(3, 0), (4, 1)] == [(load.slot, load.number) for load in (first[-1], second)]
    assert [(3, "a", 2), (4, "b", 5)] == [(chunk.slot, chunk.connector, chunk.messages.received) for chunk in first[-1].chunks]
    assert () == second.parts


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.floats(0, 1e9)), min_size=1, max_size=9))
def test_each_object_has_its_own_arrival_and_place(parts):
    """Files flow together, and yet what is said of an event, and of its letter, is its own file's: none may expire before its time, or be said to have come later."""
    records = tuple(Records("{}", "", b"", count, arrival, Origin("log", name, nth)) for nth, (name, count, arrival) in enumerate(parts))
    (load,) = Decode({"a": Echo()}, None)([Raw(0, "a", records)])
    each = [tuple(of_one) for _, of_one in groupby(records, key=lambda one: one.origin.object)]
    assert [max(one.arrival for one in of_one) for of_one in each] == [chunk.arrival for chunk in load.chunks]
    assert [of_one[0].origin for of_one in each] == [chunk.origin for chunk in load.chunks]
    assert [sum(one.count for one in of_one) for of_one in each] == [chunk.messages.received for chunk in load.chunks]
    assert emitted(records) == sum(chunk.emitted for chunk in load.chunks)
