import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from currents_segment.codecs.chunk import Messages, Origin
from currents_segment.flows import dedup
from currents_segment.flows.errors import UserError
from currents_segment.flows.items import Chunk, Complete, Forgotten, Ids, Learned, Row, Tick, Verdict
from currents_segment.flows.known import Window

WINDOW = Window(length=60.0, max_ids=1 << 20)


def chunk(ids, slot=5):
    messages = Messages(b"", np.zeros(len(ids), np.int64), np.array(ids, np.uint64), len(ids), {}, ())
    return Chunk(slot, "a", len(ids), messages, 0.0, Origin("log", "object"), None)


def part(*ids, slot=5, number=0):
    return Ids(slot, number, 0, np.array(ids, np.uint64).tobytes())


def shard(state=None, now=1e9, window=WINDOW):
    return dedup.ShardLogic(state, window=window, clock=lambda: now, watch=lambda known: None)


def verdict(*drop, slot=5, number=0):
    return Verdict(slot, number, 0, np.array(drop, np.uint32).tobytes())


def verdicts(answers):
    return [answer for answer in answers if isinstance(answer, Verdict)]


def row(time_slot, *ids):
    return Row(time_slot, np.array(ids, np.uint64))


@given(st.lists(st.lists(st.integers(1, 2**64 - 1), max_size=100), min_size=1, max_size=4))
def test_every_id_of_a_load_goes_to_exactly_one_shard_which_is_asked_once(ids):
    """And the load knows the place of each, over all its chunks."""
    load = dedup.gathered(7, tuple(chunk(each) for each in ids))
    parts = list(dedup.by_shard([load]))
    assert len(parts) == len({key for key, _ in parts})
    back = {}
    for key, item in parts:
        places = load.order[load.starts[item.shard] : load.starts[item.shard + 1]]
        for place, id_ in zip(places.tolist(), np.frombuffer(item.ids, np.uint64).tolist(), strict=True):
            assert int(key) == item.shard == id_ >> 60
            back[place] = id_
    assert dict(enumerate(id_ for each in ids for id_ in each)) == back


def test_a_tick_wakes_the_shard_of_its_slots_number():
    """A shard that slept through an epoch would get the row of a crashed epoch of the same number as its state."""
    assert [("09", Tick(9, 4))] == list(dedup.by_shard([Tick(9, 4)]))


def test_a_shard_answers_every_part_once_with_the_positions_to_drop():
    """A second copy is dropped wherever it comes from."""
    answers, discard = shard().on_batch([part(11, 12, 11, slot=3), part(12, 13, slot=4, number=8)])
    assert not discard
    assert [verdict(2, slot=3), verdict(0, slot=4, number=8)] == verdicts(answers)


def test_what_a_shard_learns_goes_to_its_files_by_position_and_what_it_knew_does_not():
    """So a snapshot costs what is new. Positions go on after a restart."""
    one = shard()
    first, _ = one.on_batch([part(11, 12, 11), part(12, 13)])
    second, _ = shard(one.snapshot()).on_batch([row(1, 11, 12, 13), part(13, 14)])
    keyed = [("09", answer) for answer in [*first, *second]]
    written = [(name, item.time_slot, item.at, np.frombuffer(item.ids, np.uint64).tolist()) for name, item in _values(keyed)]
    assert [("09", 1, 0, [11, 12]), ("09", 1, 2, [13]), ("09", 1, 3, [14])] == written


def _values(keyed):
    return [value for _, value in dedup.to_files(keyed)]


def test_a_shard_holds_its_answers_until_all_its_known_ids_are_back():
    """Otherwise a copy of a known event would pass in the first epoch after a restart."""
    first = shard(now=1e9)
    first.on_batch([part(11)])
    second = shard(first.snapshot(), now=1e9 + 2)
    second.on_batch([row(1, 11), part(12)])
    again = shard(second.snapshot(), now=1e9 + 3)
    assert ([], False) == again.on_batch([part(11, 12, 13)])
    assert ([], False) == again.on_batch([row(2, 12)])
    assert [verdict(0, 1)] == verdicts(again.on_batch([row(1, 11)])[0])


def test_what_a_crashed_epoch_wrote_is_not_known():
    """It stands behind what was committed, or in a time slot that never was: taken for known, its events would be dropped as copies of themselves."""
    first = shard()
    first.on_batch([part(11)])
    again = shard(first.snapshot())
    answers, _ = again.on_batch([row(1, 11, 12), row(2, 13), part(11, 12, 13)])
    assert [verdict(0)] == verdicts(answers)


def test_a_time_slot_is_forgotten_once_and_then_its_file_may_go():
    """Also one that was too old already when the run began, or that no run knows."""
    first = shard(now=1e9)
    first.on_batch([part(11)])
    later = shard(first.snapshot(), now=1e9 + 100)
    answers, _ = later.on_batch([row(0, 9), row(1, 11), Tick(5, 1)])
    assert [Forgotten(0), Forgotten(1)] == answers
    assert [verdict()] == verdicts(shard(first.snapshot(), now=1e9 + 100).on_batch([part(11)])[0])  # nor is it waited for
    now = [1e9]
    moving = dedup.ShardLogic(None, window=WINDOW, clock=lambda: now[0], watch=lambda known: None)
    moving.on_batch([part(11)])
    now[0] += 100
    assert [Forgotten(1)] == moving.on_batch([Tick(5, 2)])[0]
    assert [] == moving.on_batch([Tick(5, 3)])[0]


def test_a_cap_that_was_lowered_does_not_make_a_shard_wait_for_what_it_must_forget():
    """Ids of time slots that do not fit any more need not come back."""
    first = shard()
    first.on_batch([part(*range(1_000))])
    second = shard(first.snapshot(), now=1e9 + 2)
    second.on_batch([row(1, *range(1_000)), part(*range(2_000, 2_500))])
    less = shard(second.snapshot(), now=1e9 + 3, window=Window(length=60.0, max_ids=16))
    answers, _ = less.on_batch([row(2, *range(2_000, 2_500)), part(7)])
    assert [verdict()] == verdicts(answers)
    assert Forgotten(1) in answers


@pytest.mark.parametrize("there", [[], [row(1, 11)], [row(2, 11, 12)], [row(1, 11, 99)]])
def test_ids_that_do_not_come_back_as_they_were_are_forgotten(there):
    """A file that is missing, too short or another one's: a copy passes, and nothing that was never delivered is taken for one. It is told."""
    first = shard()
    first.on_batch([part(11, 12)])
    one = shard(first.snapshot())
    assert ([], False) == one.on_batch([*there, part(11, 99)])
    with capture_logs() as told:
        answers, _ = one.on_batch([Complete(len(there))])
    assert [verdict()] == verdicts(answers)
    assert [("known.lost", 2)] == [(line["event"], line["ids"]) for line in told]
    learned = [answer for answer in answers if isinstance(answer, Learned)]
    again = shard(one.snapshot())
    assert [verdict(0, 1)] == verdicts(again.on_batch([row(learned[0].time_slot, 11, 99), Complete(1), part(11, 99)])[0])
    assert 0 == learned[0].at


def test_an_epoch_does_not_close_before_the_known_ids_are_back():
    """They come in the first one, whole."""
    first = shard()
    first.on_batch([part(11)])
    with pytest.raises(RuntimeError, match="1 time slots are missing"):
        shard(first.snapshot()).snapshot()


@pytest.mark.parametrize(("state", "version"), [((3, 4), 1), ({"version": 3}, 3)])
def test_a_state_of_another_version_is_refused_with_the_way_out(state, version):
    """It is not taken for one that knows nothing."""
    with pytest.raises(UserError, match=f"known ids of version {version}, this program knows version 2; "):
        shard(state)
