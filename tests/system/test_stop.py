"""SIGTERM and Ctrl-C: a drain, exit code 0, and the next run, of any number of processes, goes on exactly there."""

import signal

from tests.system.rig import STOPPING

LIMITS = {"shop": {"limits": {"batch_events": 100, "in_flight": 4}}}


def test_any_number_of_processes_goes_on_where_another_stopped(job, double, currents):
    """1, 2, 3 and again 1 processes, stopped by SIGTERM and by Ctrl-C, deliver everything once: not even Segment's deduplication has anything to do."""
    double.fault(do="pass", delay=0.2)
    main = job(currents.folder, LIMITS)
    for part, processes, number in ((0.15, 1, signal.SIGTERM), (0.3, 2, signal.SIGINT), (0.45, 3, signal.SIGTERM)):
        run = main.start("--once", processes=processes)
        main.until_kept(part * currents.due())
        run.stop(number)
        assert double.kept() < currents.due()
    double.clear()
    main.once()
    main.proved(currents)
    assert {"answered": 0, "ambiguous": 0, "same_request": 0} == double.summary()["duplicates"]


def test_a_second_sigterm_changes_nothing(job, double, currents):
    """An orchestrator that asks twice gets the same drain: exit code 0, and nothing is sent twice."""
    double.fault(do="pass", delay=0.5)
    main = job(currents.folder, LIMITS)
    run = main.start()
    main.until_kept(1)
    run.send(signal.SIGTERM)
    main.until(lambda: "run.stopping" in run.text(), "the stop to begin")
    run.send(signal.SIGTERM)
    assert 0 == run.end(STOPPING), run.text()
    double.clear()
    main.once()
    main.proved(currents)
    assert 0 == sum(double.summary()["duplicates"].values())


def test_an_impatient_second_ctrl_c_loses_nothing(job, double, currents):
    """While requests hang, a second Ctrl-C ends at once with 130; what was under way is sent again."""
    hanging = double.fault(do="hang", skip=10)
    main = job(currents.folder, LIMITS)
    run = main.start()
    main.until(
        lambda: double.requests("shop") and double.kept() > 0 and double.summary()["requests"].get("200", 0) >= 10, "requests to hang"
    )
    run.send(signal.SIGINT)
    main.until(lambda: "run.stopping" in run.text(), "the stop to begin")
    run.send(signal.SIGINT)
    assert 130 == run.end(STOPPING), run.text()
    double.clear(name=hanging)
    main.once()
    main.proved(currents)
