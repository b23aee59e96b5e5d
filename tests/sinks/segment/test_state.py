import pickle

import pytest
from tests.sinks.segment.world import chunk, until, world

from currents_segment.flows.errors import UserError
from currents_segment.sinks.segment.batch import unpack
from currents_segment.sinks.segment.state import VERSION, migrated

HOUR = 3600.0


def plain(state):
    """What version 1 would have kept: bodies as they are, no word of the clock or of warnings."""
    lanes = {name: [(unpack(bodies), *rest) for bodies, *rest in pieces] for name, pieces in state["lanes"].items()}
    dead = tuple((*one[:3], (*one[3][:3], unpack(one[3][3]), *one[3][4:]), *one[4:]) for one in state["dead"])
    kept = {name: value for name, value in state.items() if name not in {"ahead", "taken", "warned"}}
    return pickle.loads(pickle.dumps(kept | {"version": 1, "lanes": lanes, "dead": dead}))


def test_an_older_state_is_gone_on_with(tmp_path):
    """What version 1 left un-acked is delivered, and its dead letters are written."""
    with world(tmp_path, threads=False) as one:
        state = plain(one.epoch(chunk("a", "b", letters=["x"])))
        assert b'"messageId":"a"' in state["lanes"]["shop"][0][0]
    with world(tmp_path, state) as again:
        until(lambda: again.counts == {"delivered": 2, "rejected/no_identity": 1})
        again.settle()
        assert ["a", "b"] == again.delivered()
        assert ["x"] == [letter.id for letter in again.letters()]


def test_a_newer_state_is_refused():
    """What is read wrongly would be lost."""
    with pytest.raises(UserError, match=f"version {VERSION + 1}"):
        migrated({"version": VERSION + 1})


def test_bodies_are_kept_packed(tmp_path):
    """What is held while nothing can be delivered is written again in every epoch: it takes a fraction of its size, and no processor time while nothing moves."""
    with world(tmp_path, threads=False) as one:
        state = one.epoch(chunk(*(f"message-{number}" for number in range(500))))
        [(bodies, *_)] = state["lanes"]["shop"]
        assert len(bodies) * 5 < len(unpack(bodies))
        assert bodies is one.epoch()["lanes"]["shop"][0][0]


@pytest.mark.parametrize("stepped", [-30 * HOUR, 30 * HOUR])
def test_a_step_of_the_wall_clock_is_no_time_of_failing_over_a_restart_either(tmp_path, stepped):
    """The next process begins with the wall clock as it is; what the last one has counted moves along with it."""
    with world(tmp_path) as one:
        one.double.script({"do": "status", "status": 503})
        one.epoch(chunk("a", arrival=one.now))
        until(lambda: not one.driver.health.working and one.driver.flying == 0)
        one.now += 10 * HOUR
        one.stepped = stepped
        state = pickle.loads(pickle.dumps(one.epoch()))
        failing = one.now - one.driver.health.failing_since
    with world(tmp_path, state, threads=False, offset=10 * HOUR + stepped) as again:
        assert failing == pytest.approx(again.now - again.driver.health.failing_since, abs=60)


def kept(**more):
    """A state whose connector has failed for 60 s, a batch of it alone for 50 s, and which waits for another 30 s."""
    lanes = {"shop": [(b"", b"", 500.0, 9_010.0, ("log", "object", 0, 0))]}
    return {"version": VERSION, "lanes": lanes, "dead": (), "health": {"shop": (9_000.0, 8_900.0, 9_090.0)}, "ahead": 7.0, **more}


@pytest.mark.parametrize("back", [-500, 0, 40, 5_000])
def test_a_snapshot_that_lies_in_the_future_was_taken_now(back):
    """However far the wall clock was set back while nothing ran, what had failed for 60 s has failed for 60 s, and of a wait no more is left than there was."""
    found = migrated(kept(taken=9_060.0), 9_067.0 - back)
    moved = 7.0 - max(0, back)
    assert (9_000 + moved, 8_900 + moved, 9_090 + moved) == found["health"]["shop"]
    assert (500, 9_010 + moved) == found["lanes"]["shop"][0][2:4]


def test_a_state_that_does_not_say_when_it_was_taken():
    """It was taken after the last thing that it tells of: no failure lies in the future."""
    assert (5_000.0, 4_900.0, 5_090.0) == migrated(kept(), 5_000.0)["health"]["shop"]


def test_no_wait_grows_while_nothing_runs(tmp_path):
    """Set back by four minutes between two runs, the wall clock makes no minutes of the second that the endpoint asked for."""
    with world(tmp_path) as one:
        one.double.script({"do": "status", "status": 429, "retry_after": 1})
        one.epoch(chunk("a"))
        until(lambda: one.driver.asked_until)
        state = one.epoch()
    with world(tmp_path, state, offset=-240) as again:
        until(lambda: again.counts == {"delivered": 1})
