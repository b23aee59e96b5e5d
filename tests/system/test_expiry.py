"""Forty-eight hours by a clock that the test moves: nothing expires before, everything that is due does after, and nothing is lost uncounted."""

import json
import time
from collections import Counter

import pytest
from tests.system.exports import export, put
from tests.system.jobs import OFFSET_FILE
from tests.system.rig import command

from currents_segment.codecs.outcome import KEPT, Outcome

HOUR = 3600.0  # s
LIMIT = 48 * HOUR


@pytest.fixture
def moved(tmp_path):
    """Moves the clock of all processes: the file with its offset, and what their environment needs."""
    file = tmp_path / "offset"
    file.write_text("0")

    def move(hours):
        part = file.with_suffix(".part")
        part.write_text(str(hours * HOUR))
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


def test_nothing_expires_in_47_hours(job, double, moved, tmp_path):
    """An endpoint that is down for 47 h costs nothing, not even with a crash and another number of processes in between; status counts down."""
    made = export(tmp_path / "export", count=3_000)
    down = double.fault(do="status", status=503)
    main = job(made.folder)
    began = time.time()
    run = main.start(env=moved.env)
    left = [tried_after(main, 0, began)["time_to_loss"]]
    moved(20)
    left.append(tried_after(main, 20, began)["time_to_loss"])
    run.kill()
    moved(35)
    run = main.start(processes=2, env=moved.env)
    left.append(tried_after(main, 35, began)["time_to_loss"])
    moved(47)
    left.append(tried_after(main, 47, began)["time_to_loss"])
    assert [48, 28, 13, 1] == [round(seconds / HOUR) for seconds in left]
    assert "the first event expires in" in command("status", main.config, code=1).stdout
    run.kill()
    double.clear(name=down)
    main.once(env=moved.env)
    main.proved(made)


def test_after_48_hours_everything_rolls_out_as_expired(job, double, moved, tmp_path):
    """What is held expires, which opens the gate to what is still unread, which expires too; what comes after the recovery is delivered."""
    old, new = export(tmp_path / "old", count=4_000), export(tmp_path / "new", "--base-time", stamp(49 * HOUR), count=500, seed=2)
    inbox = tmp_path / "inbox"
    put(old, inbox)
    down = double.fault(do="status", status=503)
    main = job(inbox)
    began = time.time()
    run = main.start(env=moved.env)
    held = tried_after(main, 0, began)
    assert 0 < held["in_flight"] + held["lag"]["objects"]
    moved(49)
    expired = old.due()
    main.until(lambda: main.connector()["outcomes"].get("expired") == expired, f"{expired} events to expire")
    main.until(lambda: main.letter_counts()["shop", "expired"] == expired, "their dead letters")
    assert 0 == double.kept()
    double.clear(name=down)
    put(new, inbox, at=began + 49 * HOUR)
    main.until_kept(new.due())
    run.stop()
    messages = main.compare(new, code=1).splitlines()[0]
    assert "missing=0 spurious=0 corrupted=0 repeated=0" in messages
    wanted = Counter(old.ledgers["shop"]["outcomes"]) + Counter(new.ledgers["shop"]["outcomes"])
    wanted["expired"], wanted["delivered"] = old.due(), new.due()
    assert dict(wanted) == main.outcomes()
    assert {outcome: count for outcome, count in wanted.items() if Outcome(outcome).state in KEPT} == {
        outcome: count for (_, outcome), count in main.letter_counts().items()
    }


def test_a_crash_while_events_expire(job, double, moved, tmp_path):
    """No event is both delivered and kept as expired: it is written only when the commit that decided it is known to be there."""
    made = export(tmp_path / "export", "--tidy", count=20_000)  # more than is held while nothing succeeds
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


def test_a_clock_that_is_set_back_stops_nothing(job, double, moved, tmp_path):
    """A wait that was begun before the clock was set back by three hours does not last three hours longer."""
    made = export(tmp_path / "export", "--tidy", count=500)
    down = double.fault(do="status", status=503)
    main = job(made.folder)
    moved(3)
    began = time.time()
    run = main.start(env=moved.env)
    tried_after(main, 3, began)
    moved(0)
    double.clear(name=down)
    main.until_kept(made.due())
    run.stop()
    main.proved(made)


def stamp(later):
    """A time of the moved clock as an option takes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + later))
