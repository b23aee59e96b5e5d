import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.flows.items import Complete, Forgotten, Learned
from currents_segment.flows.known_files import ALL, Back, Files, Kept, KnownSink, KnownSource
from currents_segment.flows.slots import NAMES, Place


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "known"


def learned(time_slot, at, *ids):
    return Learned(time_slot, at, np.array(ids, np.uint64).tobytes())


def there(folder):
    return [(shard, row.time_slot, row.ids.tolist()) for shard, row in Files(folder).rows()]


@given(
    st.lists(
        st.tuples(st.sampled_from(["00", "07"]), st.integers(1, 3), st.integers(0, 5), st.lists(st.integers(0, 2**64 - 1))), max_size=30
    )
)
def test_what_is_written_by_position_comes_back(tmp_path_factory, writes):
    """As an array for each shard and time slot: what is written again replaces what a crashed epoch left."""
    folder, expected = tmp_path_factory.mktemp("files") / "known", {}
    files = Files(folder)
    for shard, time_slot, at, ids in writes:
        files.keep(shard, learned(time_slot, at, *ids))
        row = expected.setdefault((shard, time_slot), [])
        if ids:
            row += [0] * (at - len(row))
            row[at : at + len(ids)] = ids
    files.close()
    assert sorted((*name, row) for name, row in expected.items()) == there(folder)


def test_a_torn_id_at_the_end_is_not_taken_for_one(folder):
    """A crash may leave half of what it wrote."""
    files = Files(folder)
    files.keep("03", learned(1, 0, 5, 6))
    files.close()
    with files.file("03", 1).open("ab") as file:
        file.write(b"torn")
    assert [("03", 1, [5, 6])] == there(folder)


def test_what_is_forgotten_is_removed_when_that_is_committed(folder):
    """An epoch that is done again needs it again: it is committed when the next write follows a snapshot."""
    kept = Kept(Files(folder))
    kept.write_batch([("03", learned(1, 0, 5)), ("03", learned(2, 0, 6))])
    kept.snapshot()
    kept.write_batch([("03", Forgotten(1))])
    kept.write_batch([("03", learned(2, 1, 7))])
    kept.snapshot()
    assert [("03", 1, [5]), ("03", 2, [6, 7])] == there(folder)
    kept.write_batch([])
    assert [("03", 2, [6, 7])] == there(folder)
    kept.close()


def test_everything_comes_back_at_once_and_then_the_source_ends(folder):
    """With a word to each shard that this is all. In the first epoch, which cannot end before the shards have it."""
    files = Files(folder)
    for shard in ("00", "15"):
        files.keep(shard, learned(1, 0, 5))
    back = Back(files)
    given_back = back.next_batch()
    assert ["00", "15"] == [shard for shard, item in given_back if not isinstance(item, Complete)]
    assert [(shard, Complete(int(shard in {"00", "15"}))) for shard in NAMES] == given_back[2:]
    with pytest.raises(StopIteration):
        back.next_batch()
    files.close()


def test_a_first_start_has_no_folder(folder):
    """It is made with the first id; each shard is told that nothing comes."""
    assert [(shard, Complete(0)) for shard in NAMES] == Back(Files(folder)).next_batch()
    assert not folder.exists()


def test_process_0_has_the_files(folder):
    """It is the one with the volume."""
    for process, parts in ((0, [ALL]), (1, [])):
        place, files = Place(process, 2), Files(folder)
        assert parts == KnownSource(place, files).list_parts() == KnownSink(place, files).list_parts()
