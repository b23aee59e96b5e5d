"""The oracle sees what it must: with any guard taken out of the pipeline it says so, and on the same schedule with all guards it finds nothing wrong."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.oracle.controls import sabotaged, trap
from tests.oracle.sources import SOURCES

ENOUGH = 60.0  # s for a run that comes to its end
NEVER = 12.0  # s after which one that does not is given up; a machine that is slower than that is only believed sooner
TRIES = 3

FOLDER, KAFKA = "folder", "kafka"
SEEN_AS = {
    "unacked_events_are_not_in_the_snapshot": ("missing", FOLDER, ENOUGH),
    "dead_letters_are_not_in_the_snapshot": ("missing", FOLDER, ENOUGH),
    "known_ids_are_not_kept": ("dedup_failures", FOLDER, ENOUGH),
    "copies_are_not_dropped": ("dedup_failures", FOLDER, ENOUGH),
    "no_tick_in_every_epoch": ("missing", FOLDER, NEVER),
    "positions_run_ahead": ("missing", FOLDER, ENOUGH),
    "dead_events_leave_before_their_letters_are_written": ("missing", FOLDER, ENOUGH),
    "letters_are_written_before_the_commit": ("spurious", FOLDER, ENOUGH),
    "a_restart_begins_the_time_to_expiry_anew": ("expired_late", FOLDER, NEVER),
    "offsets_run_ahead": ("missing", KAFKA, ENOUGH),
    "aborted_transactions_are_read": ("spurious", KAFKA, ENOUGH),
}
CRASHING = "letters_are_written_before_the_commit"


@pytest.fixture(scope="module")
def trapped(tmp_path_factory):
    """What became of the pipeline without each guard, two at a time: they mostly wait."""

    def without(guard):
        what, source, patience = SEEN_AS[guard]
        for seed in range(TRIES):
            home = tmp_path_factory.mktemp("control") / f"{guard}-{seed}"
            found, complaints = trap(
                home, seed, sabotaged(guard), SOURCES[source], crash_while_expiring=guard == CRASHING, patience=patience
            )
            if getattr(found, what):
                break
        return found, complaints

    with ThreadPoolExecutor(2) as pool:
        homes = {source: tmp_path_factory.mktemp("control") / source for source in (FOLDER, KAFKA)}
        whole = {
            source: pool.submit(trap, home, 0, sabotaged(""), SOURCES[source], crash_while_expiring=True, patience=ENOUGH)
            for source, home in homes.items()
        }
        yield whole | {guard: pool.submit(without, guard) for guard in SEEN_AS}


@pytest.mark.parametrize("source", [FOLDER, KAFKA])
def test_with_all_guards_nothing_is_wrong(trapped, source):
    """The schedule itself is one that the pipeline stands."""
    found, complaints = trapped[source].result()
    assert found.good, f"{found}\n{dict(found.examples)}"
    assert [] == complaints


@pytest.mark.parametrize("guard", SEEN_AS)
def test_a_guard_that_is_taken_out_is_missed(trapped, guard):
    """The oracle sees what the guard was there for; without it the pipeline runs as before, and says nothing."""
    found, complaints = trapped[guard].result()
    assert [] == complaints
    assert 0 < getattr(found, SEEN_AS[guard][0]), f"{found}\n{dict(found.examples)}"
