import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.codecs.chunk import Messages, Origin
from currents_segment.flows import dedup
from currents_segment.flows.items import Chunk, Ids, Row, Tick, Verdict
from currents_segment.flows.known import Window

WINDOW = Window(length=60.0, max_ids=1 << 20)


def chunk(ids, slot=5, seq=0):
    ids = np.array(ids, np.uint64)
    messages = Messages(b"", np.zeros(len(ids), np.int64), ids, len(ids), {}, ())
    chunk = Chunk(slot, "a", seq, len(ids), messages, 0.0, Origin("log", "object"), 0, None)
    return chunk._replace(shards=dedup.shards_of(chunk))


def part(*ids, slot=5, seq=0, time_slot=100):
    return Ids(slot, "a", seq, time_slot, np.arange(len(ids), dtype=np.uint32).tobytes(), np.array(ids, np.uint64).tobytes())


def shard(state=None):
    return dedup.ShardLogic(state, WINDOW, lambda known: None)


@given(st.lists(st.integers(1, 2**64 - 1), max_size=200))
def test_every_id_goes_to_exactly_one_shard_with_its_position(ids):
    """As many parts leave as the chunk says that verdicts will come back."""
    one = chunk(ids)
    parts = list(dedup.by_shard([one], 7))
    assert one.shards == len(parts)
    back = {}
    for key, item in parts:
        for position, id_ in zip(np.frombuffer(item.positions, np.uint32), np.frombuffer(item.ids, np.uint64), strict=True):
            assert int(key) == int(id_) >> 60
            back[int(position)] = int(id_)
    assert dict(enumerate(ids)) == back


def test_a_tick_wakes_the_shard_of_its_slots_number():
    """A shard that slept through an epoch would get the row of a crashed epoch of the same number as its state."""
    assert [("09", Tick(9, 4))] == list(dedup.by_shard([Tick(9, 4)], 7))


def test_the_first_tick_of_a_process_wakes_every_row_of_the_ring_and_no_later_one_does():
    """So that all rows of a crashed epoch are overwritten before the first commit."""
    assert WINDOW.rows == len({key for key, row in dedup.to_rows([("09", Tick(9, 1))], WINDOW) if row is None})
    assert [] == list(dedup.to_rows([("09", Tick(9, 2))], WINDOW))


def test_a_row_gives_back_what_was_committed_and_not_what_came_since():
    """Its new ids would make the shard drop the events themselves."""
    row = dedup.RowLogic((100, b"old-ids-"))
    assert ([], False) == row.on_batch([Row(100, b"new-ids-")])
    assert ([Row(100, b"old-ids-")], False) == row.on_batch([None])
    assert ([], False) == row.on_batch([None])
    assert (100, b"old-ids-new-ids-") == row.snapshot()


def test_a_row_starts_anew_when_the_ring_comes_round():
    """And takes nothing that is older than itself."""
    row = dedup.RowLogic((100, b"old-ids-"))
    row.on_batch([Row(100 + WINDOW.rows, b"new-ids-")])
    row.on_batch([Row(100, b"too-late")])
    assert (100 + WINDOW.rows, b"new-ids-") == row.snapshot()


def test_an_empty_row_is_discarded():
    """That overwrites what a crashed epoch left."""
    assert ([], True) == dedup.RowLogic(None).on_batch([None])


def test_a_shard_answers_every_part_once_with_the_positions_to_drop():
    """A second copy is dropped wherever it comes from."""
    one = shard()
    answers, discard = one.on_batch([part(11, 12, 11, slot=3), part(12, 13, slot=4, seq=8)])
    assert not discard
    assert [Verdict(3, "a", 0, np.array([2], np.uint32).tobytes()), Verdict(4, "a", 8, np.array([0], np.uint32).tobytes())] == answers


def test_a_shard_holds_its_answers_until_all_its_known_ids_are_back():
    """Otherwise a copy of a known event would pass in the first epoch after a restart."""
    first = shard()
    first.on_batch([part(11, time_slot=100), part(12, time_slot=101)])
    again = shard(first.snapshot())
    assert ([], False) == again.on_batch([part(11, 12, 13, time_slot=102)])
    assert ([], False) == again.on_batch([Row(101, np.array([12], np.uint64).tobytes())])
    answers, _ = again.on_batch([Row(100, np.array([11], np.uint64).tobytes())])
    assert [Verdict(5, "a", 0, np.array([0, 1], np.uint32).tobytes())] == answers


def test_an_epoch_that_closes_before_the_known_ids_are_back_is_a_bug():
    """It is raised, not passed over."""
    one = shard((100,))
    one.on_batch([part(11)])
    with pytest.raises(RuntimeError, match="1 time slots are missing"):
        one.snapshot()
