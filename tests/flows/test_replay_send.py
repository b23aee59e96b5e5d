"""Sending letters again to a double of Segment over a socket."""

import asyncio
import time
from itertools import pairwise

import pytest
from tests.flows.replaying import KEY, configured, datum, kept, letter, letters, lying, profile, unread

from currents_segment.codecs import catalogue
from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.config import load
from currents_segment.flows.replay import Judge, Plan, cases
from currents_segment.flows.replay_send import Replay, Result
from currents_segment.flows.simulate.segment import Double
from currents_segment.sinks.dead_letters import Marks, opened
from currents_segment.sinks.segment.client import Client
from currents_segment.sinks.segment.keys import Key


@pytest.fixture
def double():
    """A double that has seen nothing."""
    return Double({"shop": KEY})


def _unreadable(name, what):
    raise AssertionError(name, what)


def _replay(double, folder, given, *, marks=None, stop_after=None, patience=30.0, **settings):
    """How one replay of these letters ends, and what came of it; `stop_after` so many requests it is asked to stop."""
    result, told = Result(), []
    marks = marks or Marks(opened(str(folder / "dead")), unreadable=_unreadable)

    async def main(url):
        connector = load(configured(folder, url, **settings)).connectors["shop"]
        client = Client(endpoint=connector.endpoint, key=Key(connector.write_key), timeout=connector.limits.timeout)
        stop = asyncio.Event()

        def look():
            told.append(result.sent)
            if len(told) == stop_after:
                stop.set()

        replay = Replay(
            connector,
            client,
            marks=marks,
            letters=opened(str(folder / "dead")),
            clock=time.time,
            random=lambda: 0.0,
            patience=patience,
            stop=stop,
            result=result,
            told=look,
        )
        judges = {"shop": Judge(profile(), catalogue.load())}
        try:
            return await replay.run(cases(given, judges, marks, Plan()))
        finally:
            await client.close()

    with double.serving() as url:
        return asyncio.run(main(url)), result


def test_everything_is_sent_once(double, tmp_path):
    """In order, in batches of the connector's size; a second replay sends nothing."""
    given = letters(25)
    assert ("done", Result(sent=25)) == _replay(double, tmp_path, given)
    assert [one.id for one in given] == kept(double)
    assert [10, 10, 5] == [request["events"] for request in double.requests()]
    assert ("done", Result()) == _replay(double, tmp_path, given)
    assert 3 == len(double.requests())


def test_bytes_of_a_request(double, tmp_path):
    """A batch is closed by its size, too."""
    given = letters(4, fields={"properties": {"text": "x" * 15_000}})
    _replay(double, tmp_path, given, limits={"batch_size": "40KB"})
    assert [2, 2] == [request["events"] for request in double.requests()]
    assert all(request["bytes"] <= 40_000 for request in double.requests())


@pytest.mark.parametrize("status", [400, 413])
def test_poison_is_isolated(double, tmp_path, status):
    """What Segment refuses alone is reported with its status and not marked; its neighbours are sent."""
    double.script({"do": "status", "status": status, "match": {"messageId": "m-3"}})
    given = letters(10)
    assert ("done", Result(sent=9, refused=[("m-3", status)])) == _replay(double, tmp_path, given)
    assert {f"m-{n}" for n in range(10)} - {"m-3"} == set(kept(double))
    double.clear()
    assert ("done", Result(sent=1)) == _replay(double, tmp_path, given)
    assert "m-3" == kept(double)[-1]


def test_an_endpoint_that_blinks(double, tmp_path):
    """Failures are retried with the main job's backoff and counted in X-Retry-Count; nothing is sent twice."""
    double.script({"do": "status", "status": 503, "count": 2})
    assert ("done", Result(sent=20)) == _replay(double, tmp_path, letters(20))
    requests = double.requests()
    assert ["503", "503", "200", "200"] == [request["status"] for request in requests]
    assert [None, 1, 2, None] == [request["retry_count"] for request in requests]
    waits = [later["at"] - earlier["at"] for earlier, later in pairwise(requests[:3])]
    assert waits[0] >= 0.5
    assert waits[1] >= 1.0


@pytest.mark.parametrize(
    ("why", "fault"),
    [
        ("503", {"do": "status", "status": 503}),
        ("429", {"do": "status", "status": 429, "retry_after": 300}),
        ("401", {"do": "status", "status": 401}),
        ("redirect", {"do": "redirect"}),
    ],
)
def test_an_endpoint_that_does_not_take_it(double, tmp_path, why, fault):
    """After the patience, and without waiting beyond it, the endpoint is given up, with its last answer; what was sent before stays sent."""
    double.script({"skip": 1, **fault})
    assert ("done", Result(sent=10, failed={"shop": why})) == _replay(double, tmp_path, letters(30), patience=1.0)
    double.clear()
    assert ("done", Result(sent=20)) == _replay(double, tmp_path, letters(30))
    assert [one.id for one in letters(30)] == kept(double)
    assert 0 == sum(double.summary()["total"]["duplicates"].values())


def test_an_answer_that_never_came(double, tmp_path):
    """Where it is not known whether a batch arrived it is sent again, by the same messageIds, and nothing else is."""
    double.script({"do": "reset", "kept": True, "count": 1})
    assert ("done", Result(sent=30)) == _replay(double, tmp_path, letters(30))
    assert [one.id for one in letters(30)] == kept(double)
    assert 10 == sum(double.summary()["total"]["duplicates"].values())


def test_a_stop(double, tmp_path):
    """The answer under way is marked, and nothing more is sent; the next replay goes on there."""
    assert ("stopped", Result(sent=10)) == _replay(double, tmp_path, letters(25), stop_after=1)
    assert ("done", Result(sent=15)) == _replay(double, tmp_path, letters(25))
    assert [one.id for one in letters(25)] == kept(double)
    assert 0 == sum(double.summary()["total"]["duplicates"].values())


def test_a_stop_does_not_wait_for_a_backoff(double, tmp_path):
    """It ends while the endpoint has asked for minutes."""
    double.script({"do": "status", "status": 429, "retry_after": 300})
    began = time.monotonic()
    assert ("stopped", Result()) == _replay(double, tmp_path, letters(5), stop_after=1, patience=1000.0)
    assert time.monotonic() - began < 30


def test_what_cannot_be_marked_stops_the_replay(double, tmp_path):
    """Otherwise the same batches would go out again and again: one at the most does."""
    marks = Marks(opened(str(tmp_path / "dead")), unreadable=_unreadable)
    (tmp_path / "dead").mkdir()
    (tmp_path / "dead/replayed").write_text("a file where a folder must be")
    with pytest.raises(OSError, match="replayed"):
        _replay(double, tmp_path, letters(30), marks=marks)
    assert 10 == len(kept(double))
    (tmp_path / "dead/replayed").unlink()
    assert ("done", Result(sent=30)) == _replay(double, tmp_path, letters(30))
    assert 30 == len(kept(double))
    assert 10 == sum(double.summary()["total"]["duplicates"].values())


def test_the_order_of_things(double, tmp_path):
    """A batch is marked before the next one is sent."""
    marks = Marks(opened(str(tmp_path / "dead")), unreadable=_unreadable)
    seen, write = [], marks.write

    def look(new, at):
        seen.append((len(kept(double)), sum(map(marks.replayed, letters(25)))))
        write(new, at)

    marks.write = look
    _replay(double, tmp_path, letters(25), marks=marks)
    assert [(10, 0), (20, 10), (25, 20)] == seen


def test_bytes_are_marked_when_all_of_them_are_sent(double, tmp_path):
    """What still cannot be sent is a letter before the old one is marked; a replay between knows what was sent."""
    one = unread(*(datum(f"e-{n}") for n in range(14)), b"\xff")
    assert ("stopped", Result(sent=10)) == _replay(double, tmp_path, [one], stop_after=1)
    assert not Marks(opened(str(tmp_path / "dead")), unreadable=_unreadable).replayed(one)
    assert [] == lying(tmp_path / "dead")
    assert ("done", Result(sent=4)) == _replay(double, tmp_path, [one])
    assert Marks(opened(str(tmp_path / "dead")), unreadable=_unreadable).replayed(one)
    assert [(Outcome.BAD_DATUM, 1)] == [(new.outcome, new.count) for new in lying(tmp_path / "dead")]
    assert 14 == len(kept(double))
    assert ("done", Result()) == _replay(double, tmp_path, [one])


def test_letters_of_one_message_are_sent_once(double, tmp_path):
    """A second letter of a message that was sent is replayed with it."""
    first = letter("m-0")
    again = letter("m-0", Outcome.REFUSED)
    assert ("done", Result(sent=11)) == _replay(double, tmp_path, [first, *letters(10, "n"), again])
    assert Marks(opened(str(tmp_path / "dead")), unreadable=_unreadable).replayed(again)
    assert 11 == len(kept(double))
