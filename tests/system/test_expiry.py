"""Forty-eight hours by a clock that the test moves: nothing expires before, everything that is due does after, and nothing is lost uncounted."""

import json
import re
import time
from collections import Counter

import pytest
from tests.system.exports import export, put
from tests.system.jobs import OFFSET_FILE
from tests.system.rig import command

from currents_segment.codecs.outcome import KEPT, Outcome
from currents_segment.flows.committed import SLOTS, committed

HOUR = 3600.0  # s
LIMIT = 48 * HOUR
MINUTE = 60.0


@pytest.fixture
def moved(tmp_path):
    """Moves the clock of all processes: by time that passes, and by a wall clock that is set. What their environment needs is `env`."""
    file = tmp_path / "offset"
    file.write_text("0")

    def move(hours, step=0.0):
        part = file.with_suffix(".part")
        part.write_text(f"{hours * HOUR} {step * HOUR}")
        part.rename(file)

    move.env = {OFFSET_FILE: str(file)}
    return move


def tried_after(job, hours, began):
    """The connector tried, and failed, since the clock was moved there, and says so in a status from then."""

    def look():
        document, connector = job.status(), job.connector()
        moved = document is not None and document["at"] >= began + hours * HOUR
        return (
            moved
            and connector["health"] == "failing"
            and connector["requests"].get("503", 0) > 0
            and connector["in_flight"] > 0
            and connector
        )

    return job.until(look, f"a failed attempt at {hours} h")


def tried_again(job, double, before):
    """Of everything that a process could decide since, it has: another request was refused after so many."""
    job.until(lambda: double.answers()["503"] > before, "another attempt")


def ended(job):
    """The ledger, and how many letters of it are not yet written, as of one moment."""
    connector = job.connector()
    return connector["outcomes"], connector["letters_pending"]


def kept_since(job):
    """Since when the connector fails, by the committed state, once each."""
    with committed(job.state) as now:
        return sorted({at for row in now.rows(SLOTS).values() for at, *_ in row["health"].values()} - {None})


def expired(job):
    """Events expired by the ledger, as of now."""
    return job.connector()["outcomes"].get("expired", 0)


def test_nothing_expires_in_47_hours(job, double, moved, tmp_path):
    """An endpoint that is down for 47 h costs nothing, not even with a crash and another number of processes in between; status counts down, the log warns once a step."""
    made = export(tmp_path / "export", count=3_000)
    down = double.fault(do="status", status=503)
    main = job(made.folder)
    began = time.time()
    run = main.start(env=moved.env)
    seen = [tried_after(main, 0, began)]
    moved(20)
    seen.append(tried_after(main, 20, began))
    assert [20] == warned(run)
    run.kill()
    moved(35)
    run = main.start(processes=2, env=moved.env)
    seen.append(tried_after(main, 35, began))
    main.until(lambda: [35, 35] == warned(run), "a warning of each process")
    moved(47)
    seen.append(tried_after(main, 47, began))
    main.until(lambda: [35, 35, 47, 47] == warned(run), "another warning of each process")
    assert [48, 28, 13, 1] == [round(connector["time_to_loss"] / HOUR) for connector in seen]
    safe = [[loss["within"] / HOUR for loss in connector["losses"] if not loss["events"]] for connector in seen]
    assert [[1, 6, 24], [1, 6, 24], [1, 6], []] == safe
    said = command("status", main.config, code=1).stdout
    assert "the first event expires in" in said
    assert re.search(r"lost unless it recovers: (about )?[1-9][\d,]* events", said), said
    run.kill()
    double.clear(name=down)
    main.once(env=moved.env)
    main.proved(made)


def test_what_is_set_back_after_an_outage_has_its_full_time(job, double, moved, tmp_path):
    """All expired in 49 h; set back to the beginning, all is read again, and one more failure, which is nothing unusual, expires none of it."""
    made = export(tmp_path / "export", count=600)
    down = double.fault(do="status", status=503)
    main = job(made.folder)
    began = time.time()
    run = main.start(env=moved.env)
    due = tried_after(main, 0, began)["in_flight"]
    moved(49)
    main.until(lambda: expired(main) == due, "all to expire")
    run.stop()
    double.clear(name=down)
    command("connectors", "rewind", main.config, "shop", "--to", "earliest", "--yes")
    double.fault(do="status", status=503, count=1)
    main.once(env=moved.env)
    assert 1 == main.connector()["requests"]["503"]
    assert (due, due) == (expired(main), double.kept("shop"))


def warned(run):
    """Of each warning that it goes on failing: after how many hours."""
    return [round(line["failed_for"] / HOUR) for line in run.events() if line["event"] == "connector.still_failing"]


def test_every_event_expires_within_a_minute_of_its_clock(job, double, moved, tmp_path):
    """48 h after the first failure, or after it came if that was later, whatever restarts come between; unread events roll out after the held ones.

    What comes after the recovery is delivered, however old it is.
    """
    old, later = (export(tmp_path / str(seed), count=count, seed=seed) for seed, count in ((1, 4_000), (2, 500)))
    new, ancient = (export(tmp_path / str(seed), "--base-time", stamp(59 * HOUR), count=500, seed=seed) for seed in (3, 4))
    inbox = tmp_path / "inbox"
    put(old, inbox)
    down = double.fault(do="status", status=503)
    main = job(inbox)
    began = time.time()
    run = main.start(env=moved.env)
    since = tried_after(main, 0, began)["failing_since"]
    put(later, inbox, at=began + 10 * HOUR)
    main.until(lambda: kept_since(main) == [since], "the first failure to be committed")
    run.kill()
    moved(30)
    run = main.start(processes=2, env=moved.env)
    for due, over in ((since, old.due()), (began + 10 * HOUR, old.due() + later.due())):
        before, tries = over - (later.due() if due > since else old.due()), double.answers()["503"]
        moved((due + LIMIT - 10 * MINUTE - time.time()) / HOUR)
        tried_again(main, double, tries)
        assert before == expired(main)
        moved((due + LIMIT - time.time()) / HOUR)
        main.until(lambda over=over: over == expired(main), f"{over} events to expire")
    main.until(lambda: old.due() + later.due() == main.letter_counts()["shop", "expired"], "their dead letters")
    late = [letter.at - max(letter.arrival, since) - LIMIT for letter in main.letters() if letter.outcome is Outcome.EXPIRED]
    assert 0 <= min(late) <= max(late) <= MINUTE
    assert 0 == double.kept()
    double.clear(name=down)
    put(new, inbox, at=began + 59 * HOUR)
    main.until_kept(new.due())
    put(ancient, inbox, at=began - 100 * HOUR)
    main.until_kept(new.due() + ancient.due())
    wanted = sum((Counter(made.ledgers["shop"]["outcomes"]) for made in (old, later, new, ancient)), Counter())
    wanted["expired"], wanted["delivered"] = old.due() + later.due(), new.due() + ancient.due()
    main.until(lambda: ended(main) == (wanted, 0), "the last letters")
    run.stop()
    assert "missing=0 spurious=0 corrupted=0 repeated=0" in main.compare(new, ancient, code=1).splitlines()[0]
    assert dict(wanted) == main.outcomes()
    assert {outcome: count for outcome, count in wanted.items() if Outcome(outcome).state in KEPT} == {
        outcome: count for (_, outcome), count in main.letter_counts().items()
    }


def test_a_crash_while_events_expire(job, double, moved, tmp_path):
    """No event is both delivered and kept as expired: it is written only when the commit that decided it is known to be there."""
    made = export(tmp_path / "export", "--tidy", count=120_000)  # more than is held, what has expired included
    down = double.fault(do="status", status=503)
    main = job(made.folder)
    began = time.time()
    run = main.start(env=moved.env)
    tried_after(main, 0, began)
    moved(49)
    main.until(lambda: any(main.dead_letters.rglob("*.gz")), "the first dead letters")
    run.kill()
    double.clear(name=down)
    main.once(env=moved.env)
    expired = [letter.id for letter in main.letters() if letter.outcome == "expired"]
    delivered = [json.loads(line)["message"]["messageId"] for line in double.view().split(b"\n") if line]
    assert 0 < len(expired) < made.due()
    assert made.due() == len({*expired, *delivered}) == len(expired) + len(delivered)
    assert {"delivered": len(delivered), "expired": len(expired)} == {
        k: n for k, n in main.outcomes().items() if k in {"delivered", "expired"}
    }


def test_a_step_of_the_wall_clock_is_no_time_that_passes(job, double, moved, tmp_path):
    """Set forward by 60 h it expires nothing, set back it holds up no attempt, also over a restart; it is told in the log."""
    made = export(tmp_path / "export", "--tidy", count=500)
    down = double.fault(do="status", status=503)
    main = job(made.folder)
    began = time.time()
    run = main.start(env=moved.env)
    tried_after(main, 0, began)
    for passed, step, told in ((1, 60, [60]), (2, -60, [60, -120])):
        tries = double.answers()["503"]
        moved(passed, step)
        tried_again(main, double, tries)
        main.until(lambda told=told: told == stepped(run), "the step to be told")
        seen = tried_after(main, passed, began)
        assert (0, 48 - passed) == (expired(main), round(seen["time_to_loss"] / HOUR))
    run.stop()
    run = main.start(env=moved.env)
    seen = tried_after(main, passed + step, began)
    assert (0, 48 - passed) == (expired(main), round(seen["time_to_loss"] / HOUR))
    double.clear(name=down)
    main.until_kept(made.due())
    run.stop()
    main.proved(made)


def stepped(run):
    """By how many hours the log says that the wall clock was set, each time."""
    return [round(line["by"] / HOUR) for line in run.events() if line["event"] == "clock.stepped"]


def stamp(later):
    """A time of the moved clock as an option takes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + later))
