"""`run` without --once: what appears is picked up, late files too, and nothing twice; `start: now` leaves out what was there before."""

import time

from tests.system.exports import export, put


def test_files_that_appear_are_delivered_once(job, double, tmp_path):
    """New files, late ones for the hour before, and ones that come after a restart are each delivered once; dead letters are exact."""
    first = export(tmp_path / "first", count=1_000, seed=1)
    late = export(tmp_path / "late", "--base-time", stamp(-3600), count=1_000, seed=2)
    third = export(tmp_path / "third", count=1_000, seed=3)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    main = job(inbox)
    run = main.start()
    main.until(lambda: listed(main), "the first listing")
    put(first, inbox)
    main.until_kept(first.due())
    put(late, inbox)
    main.until_kept(first.due() + late.due())
    run.stop()
    run = main.start(processes=2)
    put(third, inbox)
    main.until_kept(first.due() + late.due() + third.due())
    main.until(
        lambda: main.connector()["received"] == sum(each.ledgers["shop"]["received"] for each in (first, late, third)), "all to be read"
    )
    run.stop()
    main.proved(first, late, third)
    assert 0 == sum(double.summary()["duplicates"].values())


def test_start_now_begins_at_the_first_start(job, double, tmp_path):
    """What was there before the very first start is left out; what comes while the process is stopped is not, even if nothing was read before."""
    before, after = export(tmp_path / "before", count=300, seed=1), export(tmp_path / "after", count=300, seed=2)
    inbox = tmp_path / "inbox"
    put(before, inbox, at=time.time() - 60)
    main = job(inbox, {"shop": {"start": "now"}})
    run = main.start()
    main.until(lambda: listed(main), "the first listing")
    run.stop()
    assert {} == main.outcomes()
    put(after, inbox)
    main.once()
    main.proved(after)
    assert 0 == sum(double.summary()["duplicates"].values())


def test_start_at_a_time_begins_with_its_hour(job, tmp_path):
    """A `start` in the form of a time takes the hour in which it falls, and leaves out those before."""
    base = "2026-01-02T03:00:00Z"
    old, new = (
        export(tmp_path / "old", "--base-time", "2026-01-02T02:00:00Z", count=300, seed=1),
        export(tmp_path / "new", "--base-time", base, count=300, seed=2),
    )
    inbox = tmp_path / "inbox"
    put(old, inbox)
    put(new, inbox)
    main = job(inbox, {"shop": {"start": "2026-01-02T02:30:00Z"}})
    main.once()
    main.proved(new)


def listed(job):
    """The folder was looked through once by the run that runs."""
    return job.connector()["lag"]["listed_at"] is not None


def stamp(later):
    """A time as an option takes it, so many seconds from now."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + later))
