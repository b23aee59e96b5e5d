import pytest

from currents_segment.flows.errors import FailedError, UserError
from currents_segment.flows.simulate.currents import Export, Simulator, spread
from currents_segment.flows.simulate.currents_mess import TIDY
from currents_segment.flows.simulate.currents_publish import opened, publish
from currents_segment.flows.simulate.currents_types import load
from currents_segment.flows.simulate.expected import Expectation

FILES = list(Simulator(Export(tuple(load().values())[:3], events_per_file=10, mess=TIDY)).files(spread(60, 2, 1767322800.0)))


def published(wait, put):
    return publish(FILES, put, wait, Expectation([]), list)


def test_every_file_waits_for_its_time():
    """A file is written after its time has come, in the order of the export."""
    log = []
    published(lambda at: log.append(at) or True, lambda key, _: log.append(key))
    assert [step for file in FILES for step in (file.at, file.key)] == log


def test_it_ends_between_two_files():
    """When it is told to end, what was written is counted and nothing else."""
    put = {}
    written = published(lambda _: len(put) < 2, put.__setitem__)
    assert (2, 2) == (len(put), written.files)
    assert (sum(len(file.records) for file in FILES[:2]), sum(map(len, put.values()))) == (written.events, written.size)


def test_a_folder_is_made_and_filled(tmp_path):
    """The keys become paths below it."""
    put = opened((tmp_path / "new folder").as_uri(), {})
    put("event_type=a/b.avro", b"data")
    assert b"data" == (tmp_path / "new folder" / "event_type=a" / "b.avro").read_bytes()


def test_a_place_that_cannot_be_opened_is_a_mistake(tmp_path):
    """It is named, in one line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--out file://.*/file/below: cannot be opened"):
        opened((tmp_path / "file" / "below").as_uri(), {})


def test_a_file_that_cannot_be_written_is_a_failure(tmp_path):
    """The place and the key are named."""
    put = opened(tmp_path.as_uri(), {})
    (tmp_path / "taken").write_text("")
    with pytest.raises(FailedError, match=r"taken/x\.avro cannot be written"):
        put("taken/x.avro", b"data")
