import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.codecs.chunk import Messages, Origin
from currents_segment.flows.dedup import gathered
from currents_segment.flows.items import Chunk, Verdict
from currents_segment.sinks.segment.loads import Loads


class Slot:
    """Remembers what it was given."""

    def __init__(self):
        self.kept = []

    def take(self, chunk, keep):
        ids = chunk.messages.ids
        self.kept.append((ids if keep is None else ids[keep]).tolist())


def chunk(ids, slot=0, connector="a"):
    messages = Messages(b"", np.zeros(len(ids), np.int64), np.array(ids, np.uint64), len(ids), {}, ())
    return Chunk(slot, connector, len(ids), messages, 0.0, Origin("log", "object"), None)


def verdicts(load, drop=()):
    """What the shards say when these ids are duplicates."""
    found = []
    for part in load.parts:
        places = [place for place, id_ in enumerate(np.frombuffer(part.ids, np.uint64).tolist()) if id_ in drop]
        found.append(Verdict(part.slot, part.number, part.shard, np.array(places, np.uint32).tobytes()))
    return found


IDS = st.lists(st.lists(st.integers(1, 2**64 - 1), max_size=20), min_size=1, max_size=4)


@given(st.lists(IDS, min_size=1, max_size=4), st.data())
def test_whatever_comes_first_chunks_go_in_the_order_in_which_they_were_read_without_their_duplicates(loads, data):
    """A load goes when it and all its verdicts are there, and those before it are gone."""
    made = [gathered(number, tuple(chunk(ids) for ids in chunks)) for number, chunks in enumerate(loads)]
    drop = data.draw(st.sets(st.sampled_from([0, *(id_ for chunks in loads for ids in chunks for id_ in ids)])))
    one = Loads()
    one.slots[0] = slot = Slot()
    for item in data.draw(st.permutations([*made, *(verdict for load in made for verdict in verdicts(load, drop))])):
        one.add(item)
        one.release()
    assert [[id_ for id_ in ids if id_ not in drop] for chunks in loads for ids in chunks] == slot.kept
    assert 0 == len(one)


def test_each_chunk_goes_to_its_own_slot_and_whose_they_were_is_told():
    """One slot takes a load in for all slots of its process."""
    one = Loads()
    one.slots |= {3: Slot(), 5: Slot()}
    load = gathered(0, (chunk([1], slot=3), chunk([2], slot=5, connector="b"), chunk([], slot=5)))
    one.add(load)
    assert set() == one.release()
    for verdict in verdicts(load):
        one.add(verdict)
    assert {"a", "b"} == one.release()
    assert ([[1]], [[2], []]) == (one.slots[3].kept, one.slots[5].kept)


def test_a_load_waits_for_a_slot_that_is_not_up_yet():
    """In the first epoch of a process the slots come up one after the other, each with its tick."""
    one = Loads()
    one.slots[3] = Slot()
    load = gathered(0, (chunk([1], slot=3), chunk([2], slot=5)))
    for item in [load, *verdicts(load)]:
        one.add(item)
    assert set() == one.release()
    assert 1 == len(one)
    one.slots[5] = Slot()
    assert {"a"} == one.release()
    assert ([[1]], [[2]]) == (one.slots[3].kept, one.slots[5].kept)
