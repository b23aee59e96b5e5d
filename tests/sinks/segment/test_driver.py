import asyncio
from datetime import UTC, datetime

import pytest
import structlog
from tests.sinks.segment.world import PATIENCE, chunk, until, world

from currents_segment.sinks.segment.driver import NAMES, OTHERS

HOURS = 3600.0


def down(one, **more):
    one.double.script({"do": "status", "status": 503, "source": "shop"} | more)


def failing(one):
    until(lambda: not one.driver.health.working and one.driver.flying == 0)


def test_a_batch_that_fails_is_sent_again_until_it_is_delivered(tmp_path):
    """In the same order, counted once."""
    with world(tmp_path) as one:
        down(one, count=1)
        one.epoch(chunk("a", "b"))
        until(lambda: one.counts == {"delivered": 2})
        assert ["a", "b"] == one.delivered()
        assert {"503": 1, "200": 1} == dict(one.driver.results)
        retried = one.double.requests("shop")[-1]
        assert 1 == retried["retry_count"]
        assert one.driver.health.working


def test_a_connector_that_fails_lets_one_probe_out_at_a_time(tmp_path):
    """And nothing before the end of its wait."""
    with world(tmp_path, limits={"batch_events": 1}) as one:
        down(one)
        one.epoch(chunk(*"abcdef"))
        failing(one)
        until(lambda: one.driver.health.wait_until > one.now)
        sent = len(one.requests)
        assert sent <= one.connector.limits.in_flight + 1
        for probe in range(1, 4):
            one.now = max(one.now, one.driver.health.wait_until + 1)
            until(lambda probe=probe: len(one.requests) == sent + probe and not one.driver.flying)
            assert one.driver.health.wait_until > one.now
        assert [] == one.delivered()


def test_a_429_makes_the_whole_connector_wait_as_long_as_it_asks_and_uses_up_no_attempt(tmp_path):
    """A retry after it carries no X-Retry-Count."""
    with world(tmp_path) as one:
        one.double.script({"do": "status", "status": 429, "retry_after": 120, "retry_after_form": "date", "count": 1})
        one.epoch(chunk("a"))
        until(lambda: one.driver.health.wait_until > one.now + 100)
        one.epoch(chunk("b"))
        one.now += 100
        assert [] == one.delivered()
        one.now += 60
        until(lambda: one.counts == {"delivered": 2})
        assert [None] * 2 == [request["retry_count"] for request in one.double.requests("shop")[:2]]


@pytest.mark.parametrize("status", [400, 413, 409, 422, 451])
def test_one_event_that_is_refused_does_not_take_its_batch_with_it(tmp_path, status):
    """The batch is halved until the event stands alone; it becomes a dead letter with Segment's status."""
    with world(tmp_path) as one:
        one.double.script({"do": "status", "status": status, "match": {"messageId": "e"}})
        one.epoch(chunk(*"abcdefghij"))
        until(lambda: one.counts == {"delivered": 9, "rejected/refused": 1})
        one.settle()
        assert sorted("abcdfghij") == sorted(one.delivered())
        [letter] = one.letters()
        assert ("e", status) == (letter.id, letter.status)


@pytest.mark.parametrize("poisoned", [0, 1, 3, 64])
def test_what_isolating_costs_is_bounded(tmp_path, poisoned):
    """A batch of n events takes 2n - 1 requests at the most, when all are refused; a few of them about 2 log2 n each."""
    names = [f"{'bad' if i < poisoned else 'good'}-{i}" for i in range(64)]
    with world(tmp_path, limits={"requests_per_second": 1000}) as one:
        for name in names[:poisoned]:
            one.double.script({"do": "status", "status": 400, "match": {"messageId": name}})
        one.epoch(chunk(*names))
        until(lambda: sum(one.counts.values()) == len(names))
        assert sorted(names[poisoned:]) == sorted(one.delivered())
        assert len(one.requests) <= min(2 * len(names) - 1, 1 + 2 * poisoned * 6)


def test_a_batch_that_is_refused_becomes_dead_letters(tmp_path):
    """501 means never."""
    with world(tmp_path) as one:
        one.double.script({"do": "status", "status": 501, "count": 1})
        one.epoch(chunk("a", "b"))
        until(lambda: one.counts == {"rejected/refused": 2})
        one.settle()
        assert [("a", 501), ("b", 501)] == sorted((letter.id, letter.status) for letter in one.letters())


def test_an_expired_key_holds_everything_and_a_replaced_one_resumes_at_once(tmp_path):
    """Without a restart, and without waiting for the next probe."""
    with structlog.testing.capture_logs() as lines, world(tmp_path) as one:
        one.double.set_key("shop", expired=True)
        one.epoch(chunk("a"))
        until(lambda: one.driver.health.fault)
        assert {} == one.counts
        one.double.set_key("shop", key="another-write-key")
        (tmp_path / "key").write_text("another-write-key")
        until(lambda: one.counts == {"delivered": 1})
        assert ["connector.held", "connector.key_replaced", "connector.recovered"] == [line["event"] for line in lines]
        assert "write-key" not in str(lines)


def test_a_key_that_cannot_be_read_holds_everything_until_it_can(tmp_path):
    """A file that is gone is a fault of the set-up, not the end of the process."""
    with world(tmp_path, threads=False) as one:
        (tmp_path / "key").unlink()
        one.sender.start()
        one.epoch(chunk("a"))
        until(lambda: one.driver.health.fault == "write key cannot be read")
        (tmp_path / "key").write_text("write-key-of-shop")
        until(lambda: one.counts == {"delivered": 1})


def test_events_expire_when_their_connector_has_failed_for_the_whole_time_since_they_came(tmp_path):
    """48 h from the first failure for what was there before it, from its arrival for what came later."""
    with world(tmp_path) as one:
        down(one)
        start = one.now
        one.epoch(chunk("before", arrival=start - 100 * HOURS))
        failing(one)
        since = one.driver.health.failing_since
        assert start <= since <= one.now
        one.epoch(chunk("later", arrival=start + 10 * HOURS))
        one.now = start + 48 * HOURS - 60
        assert 0 < one.driver.time_to_loss(one.now, None) <= 61
        assert {} == one.counts
        one.now += 120
        until(lambda: one.counts == {"expired": 1})
        one.now = start + 58 * HOURS - 60
        until(lambda: one.epoch() and [letter.id for letter in one.letters()] == ["before"])
        assert {"expired": 1} == one.counts
        one.now += 120
        until(lambda: one.counts == {"expired": 2})


def test_nothing_expires_while_its_connector_works(tmp_path):
    """Old events are sent, however old they are."""
    with world(tmp_path) as one:
        one.epoch(chunk("a", arrival=one.now - 1000 * HOURS))
        until(lambda: one.counts == {"delivered": 1})


def test_after_a_downtime_of_ours_the_endpoint_gets_its_chance_first(tmp_path):
    """Three days without us: what was failing before is tried before anything expires."""
    with world(tmp_path) as one:
        down(one)
        one.epoch(chunk("a", arrival=one.now))
        failing(one)
        state = one.epoch()
    with world(tmp_path, state, threads=False) as again:
        again.now += 72 * HOURS
        again.sender.start()
        until(lambda: again.counts == {"delivered": 1})


def test_a_restart_does_not_start_the_time_to_expiry_again(tmp_path):
    """When the first failure was is part of the state."""
    with world(tmp_path) as one:
        down(one)
        one.epoch(chunk("a", arrival=one.now))
        failing(one)
        since, state = one.driver.health.failing_since, one.epoch()
    with world(tmp_path, state, threads=False) as again:
        down(again)
        again.now = since + 48 * HOURS + 1
        again.sender.start()
        again.keeper.start()
        until(lambda: again.counts == {"expired": 1})
        assert since == pytest.approx(again.driver.health.failing_since, abs=0.1)


@pytest.mark.parametrize("hours", [-60, -1, 1, 60])
def test_a_step_of_the_wall_clock_neither_expires_nor_holds_up_anything(tmp_path, hours):
    """48 h are counted in seconds that pass, and waits too."""
    with world(tmp_path) as one:
        down(one)
        start = one.now
        one.epoch(chunk("a", arrival=start))
        failing(one)
        one.stepped = hours * HOURS
        one.now = start + 48 * HOURS - 120
        sent = one.driver.results["503"]
        until(lambda: one.driver.results["503"] > sent)
        assert {} == one.counts
        one.now = start + 48 * HOURS + 120
        until(lambda: one.counts == {"expired": 1})


@pytest.mark.parametrize("hours", [-3, 3])
def test_what_is_sent_bears_the_time_of_the_wall_clock(tmp_path, hours):
    """Segment moves every event by what `sentAt` is wrong, so it must not be the time of a process that was started before its machine's clock was put right."""
    with world(tmp_path) as one:
        one.stepped = hours * HOURS
        one.epoch(chunk("a"))
        until(lambda: one.counts == {"delivered": 1})
        [kept] = one.double.view("shop")
        moved = datetime.fromisoformat(kept["timestamp"]) - datetime(2026, 1, 1, tzinfo=UTC)
        assert -hours * HOURS == pytest.approx(moved.total_seconds(), abs=60)


def test_a_batch_that_fails_alone_has_a_clock_of_its_own_and_holds_nobody_up(tmp_path):
    """While others succeed the connector works; the batch is tried with its own backoff, then expires."""
    with world(tmp_path) as one:
        one.double.script({"do": "status", "status": 503, "match": {"messageId": "poison"}})
        one.epoch(chunk("poison", arrival=one.now - 100 * HOURS))
        until(lambda: one.driver.results["503"])
        first = one.now
        one.epoch(chunk("a"))
        until(lambda: one.counts == {"delivered": 1})
        one.now = first + 47 * HOURS
        until(lambda: one.driver.results["503"] >= 2)
        assert {"delivered": 1} == one.counts
        one.now = first + 49 * HOURS
        until(lambda: one.counts == {"delivered": 1, "expired": 1})


def test_a_stop_starts_no_new_request(tmp_path):
    """What is not sent stays un-acked, for the next run."""
    with world(tmp_path) as one:
        one.stopping = True
        state = one.epoch(chunk("a"))
        assert 1 == len(state["lanes"]["shop"])
        assert [] == one.requests


def test_an_end_that_comes_together_with_news_is_not_forgotten(tmp_path):
    """Otherwise the end of the process would wait for its sender in vain."""

    async def story(driver):
        looked = asyncio.Event()
        running = asyncio.create_task(driver.run(lambda: looked.set() or True))
        await looked.wait()
        driver.wake()
        running.cancel()
        done, _ = await asyncio.wait([running], timeout=PATIENCE)
        assert done

    with world(tmp_path, threads=False) as one:
        asyncio.run(story(one.driver))


@pytest.mark.parametrize(
    "fault", [{"do": "reset"}, {"do": "truncate"}, {"do": "html", "status": 502}, {"do": "unsuccessful"}, {"do": "redirect"}]
)
def test_every_kind_of_broken_answer_is_tried_again(tmp_path, fault):
    """And what it carried arrives."""
    with world(tmp_path) as one:
        one.double.script(fault | {"count": 1})
        one.epoch(chunk("a"))
        failing(one)
        until(lambda: one.counts == {"delivered": 1})


def test_requests_a_second_are_bounded(tmp_path):
    """However much waits: the limit is the connector's promise to the endpoint."""
    with world(tmp_path, limits={"batch_events": 1, "requests_per_second": 20.0}) as one:
        one.epoch(chunk(*"abcdefghijkl"))
        until(lambda: one.counts == {"delivered": 12})
        at = [request["at"] for request in one.double.requests("shop")]
        assert at[-1] - at[0] >= 11 / 20 * 0.9


def test_unknown_names_are_bounded(tmp_path):
    """A hostile file can name as many types as it likes: beyond a thousand they are counted together."""
    with world(tmp_path, threads=False) as one:
        one.driver.met({f"type-{number}": 1 for number in range(NAMES)})
        one.driver.met({"type-7": 2, "one more": 3})
        one.driver.met({"another": 4})
        assert NAMES + 1 == len(one.driver.unknown)
        assert (3, 7) == (one.driver.unknown["type-7"], one.driver.unknown[OTHERS])


def test_a_failure_that_an_earlier_run_saw_is_about_what_failed(tmp_path):
    """A process that has nothing of the connector and never tried does not go on failing; one that holds something of it, or tried, does."""
    with world(tmp_path) as one:
        down(one)
        one.epoch(chunk("a"))
        failing(one)
        one.driver.rest()
        assert not one.driver.health.working
        holding = one.slot.snapshot()
    with world(tmp_path, holding, threads=False) as other:
        other.driver.rest()
        assert holding["health"]["shop"][0] == pytest.approx(other.driver.health.failing_since, abs=0.01)
    with world(tmp_path, {**holding, "lanes": {}}) as other:
        other.driver.rest()
        assert other.driver.health.working
        down(other, count=1)
        other.epoch(chunk("b"))
        until(lambda: other.counts == {"delivered": 1})
