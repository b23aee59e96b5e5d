import pickle

import pytest
from tests.sinks.segment.world import SLOT, chunk, until, verdict, world

from currents_segment.codecs.outcome import Outcome


def test_a_load_is_delivered_when_its_bodies_and_all_its_verdicts_are_there(tmp_path):
    """Duplicates are dropped and counted."""
    with world(tmp_path) as one:
        one.accept(verdict(1), one.load(chunk("a", "b", "c")))
        until(lambda: one.counts == {"delivered": 2, "duplicate": 1})
        assert ["a", "c"] == one.delivered()
        assert one.gate.idle(SLOT)


def test_a_load_that_is_split_over_an_epoch_boundary_is_a_bug(tmp_path):
    """Its ids would be committed and its bodies lost."""
    with world(tmp_path) as one, pytest.raises(RuntimeError, match="split over an epoch boundary"):
        one.epoch(one.load(chunk("a")))


def test_what_is_un_acked_is_in_the_snapshot_and_is_sent_by_the_next_run(tmp_path):
    """The log is behind it already, so the snapshot must hold it."""
    with world(tmp_path, threads=False) as one:
        state = pickle.loads(pickle.dumps(one.epoch(chunk("a", "b", tally={Outcome.ANONYMOUS_USER: 3}))))
        assert 2 == one.slot.in_flight("shop")
    with world(tmp_path, state) as again:
        until(lambda: again.counts == {"delivered": 2, "filtered/anonymous_user": 3})
        assert ["a", "b"] == again.delivered()
        assert 0 == again.slot.accounts["shop"].balance(0)


def test_a_dead_letter_is_written_only_after_the_commit_of_the_snapshot_that_holds_it(tmp_path):
    """Otherwise a crash in between would send what is already a dead letter. That `accept` is called again proves the commit."""
    with world(tmp_path) as one:
        state = one.epoch(chunk("a", letters=["x"]))
        until(lambda: one.counts.get("delivered") == 1)
        assert 1 == len(state["dead"])
        assert [] == one.letters()
        assert not one.gate.idle(SLOT)
        one.epoch()
        until(lambda: one.gate.idle(SLOT))
        assert ["x"] == [letter.id for letter in one.letters()]
        assert () == one.epoch()["dead"]


def test_a_dead_letter_that_a_crash_left_unwritten_is_written_by_the_next_run(tmp_path):
    """And counted once: it was counted when it was decided."""
    with world(tmp_path, threads=False) as one:
        state = pickle.loads(pickle.dumps(one.epoch(chunk(letters=["x", "y"]))))
    with world(tmp_path, state) as again:
        again.epoch()
        until(lambda: again.gate.idle(SLOT))
        assert {"rejected/no_identity": 2} == again.counts
        assert ["x", "y"] == sorted(letter.id for letter in again.letters())
        letter = again.letters()[0]
        assert ("shop", "workspace", Outcome.NO_IDENTITY, "neither id") == (
            letter.connector,
            letter.workspace,
            letter.outcome,
            letter.detail,
        )


def test_dead_letters_that_cannot_be_written_hold_their_connector_and_are_written_later(tmp_path, monkeypatch):
    """A full disk loses nothing: events stay in the slot's state."""
    monkeypatch.setattr("currents_segment.sinks.keeper.RETRY", 0.01)
    with world(tmp_path) as one:
        (tmp_path / "dead-letters").write_text("a file where the folder should be")
        one.epoch(chunk(letters=["x"]))
        one.epoch()
        until(lambda: one.keeper.error)
        assert 1 == len(one.epoch()["dead"])
        assert not one.gate.idle(SLOT)
        (tmp_path / "dead-letters").unlink()
        until(lambda: one.gate.idle(SLOT))
        assert ["x"] == [letter.id for letter in one.letters()]
        assert one.keeper.error is None


def test_a_bug_in_the_sender_is_raised_in_the_dataflow(tmp_path):
    """The process must die and resume from the last commit, not stand still."""
    with world(tmp_path) as one:
        one.driver.lane = None
        one.sender.wake(["shop"])
        until(lambda: one.sender.bug)
        with pytest.raises(RuntimeError, match="the sender thread died"):
            one.accept()


def test_what_belongs_to_a_connector_that_is_not_configured_is_kept_as_it_is(tmp_path):
    """Taken out of the configuration and put back, it goes on with what it held."""
    with world(tmp_path, threads=False) as one:
        state = one.epoch(chunk("a", "b"))
    renamed = pickle.loads(pickle.dumps(state).replace(b"shop", b"gone"))
    with world(tmp_path, renamed) as other:
        kept = other.epoch()
        assert renamed["lanes"] == kept["lanes"]
        assert renamed["ledger"] == kept["ledger"]
        assert 2 == other.slot.in_flight("gone")
