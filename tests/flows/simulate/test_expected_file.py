from collections import Counter

import pytest

from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.errors import UserError
from currents_segment.flows.simulate.expected import Due
from currents_segment.flows.simulate.expected_file import Writer, ledgers, read_due, read_ledgers, total

COUNTS = {"shop": Counter({Outcome.DELIVERED: 2, Outcome.NOT_SELECTED: 3, Outcome.DUPLICATE: 0}), "idle": Counter()}
DUE = [Due(("shop", "app"), b'{"event":"\xc3\xbc","n":1}'), Due(("app",), b'{"event":"b"}')]


def saved(path):
    with Writer(path) as writer:
        writer.write(DUE[:1])
        writer.write(DUE[1:])
        writer.finish(COUNTS)
    return path


def test_what_is_written_is_read_again(tmp_path):
    """The counts in the shape of a status document, and every message as it was."""
    path = saved(tmp_path / "new" / "expected.gz")
    assert {
        "shop": {"received": 5, "outcomes": {"delivered": 2, "filtered/not_selected": 3}},
        "idle": {"received": 0, "outcomes": {}},
    } == read_ledgers(path)
    assert list(read_due(path)) == DUE


def test_the_same_outcome_gives_the_same_bytes(tmp_path):
    """Nothing in the file tells when it was written."""
    assert saved(tmp_path / "one").read_bytes() == saved(tmp_path / "two").read_bytes()


def test_the_file_appears_whole_or_not_at_all(tmp_path):
    """An export that does not come to its end leaves nothing that looks like an expected outcome."""
    with Writer(tmp_path / "expected.gz") as writer:
        writer.write(DUE)
    assert [] == list(tmp_path.iterdir())


def test_without_a_path_nothing_is_kept(tmp_path, monkeypatch):
    """Without a configuration there is nothing to expect."""
    monkeypatch.chdir(tmp_path)
    saved(None)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("data", [b"", b"not gzip", b"\x1f\x8b\x08\x00broken"])
def test_another_file_is_a_mistake_that_says_so(tmp_path, data):
    """The mistake names the file and the command that writes the right one."""
    path = tmp_path / "wrong"
    path.write_bytes(data)
    with pytest.raises(UserError, match="wrong: not an expected outcome"):
        read_ledgers(path)
    with pytest.raises(UserError, match="absent: not an expected outcome"):
        read_ledgers(tmp_path / "absent")


def test_several_files_add_up():
    """Two exports that the same connectors read, and connectors of only one of them."""
    one = ledgers(COUNTS)
    other = ledgers({"shop": Counter({Outcome.DELIVERED: 1}), "app": Counter({Outcome.DUPLICATE: 4})})
    assert {"received": 6, "outcomes": {"delivered": 3, "filtered/not_selected": 3}} == total([one, other])["shop"]
    assert {"received": 4, "outcomes": {"duplicate": 4}} == total([one, other])["app"]
