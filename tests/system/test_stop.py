"""SIGTERM and Ctrl-C: a drain, exit code 0 (130 before the end of --once), and the next run, of any number of processes, goes on exactly there."""

import signal

import pytest
from tests.system.exports import export
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


def test_requests_that_hang_do_not_keep_it(job, double, currents):
    """A stop waits a little for what is under way and then leaves it; a second Ctrl-C ends at once with 130. Either way it is sent again, and kept once."""
    double.fault(do="hang", skip=10)
    main = job(currents.folder, LIMITS)
    run = main.start()
    main.until(lambda: double.answers()["200"] >= 10, "requests to hang")
    run.stop()
    run = main.start()
    main.until(lambda: "run.start" in run.text() and main.connector()["requests_in_flight"] > 0, "requests to hang again")
    run.send(signal.SIGINT)
    main.until(lambda: "run.stopping" in run.text(), "the stop to begin")
    run.send(signal.SIGINT)
    assert 130 == run.end(STOPPING), run.text()
    double.clear()
    main.once()
    main.proved(currents)


@pytest.mark.parametrize("processes", [1, 3])
def test_a_stop_while_it_starts(job, double, currents, processes):
    """A stop that comes while processes start is a stop like any other, and the next run is none the worse."""
    main = job(currents.folder)
    run = main.start("--once", processes=processes)
    main.until(lambda: "run.start" in run.text(), "the start")
    run.stop()
    main.once(processes)
    main.proved(currents)
    assert 0 == sum(double.summary()["duplicates"].values())


def test_a_connector_that_is_left_out_for_a_while_goes_on_where_it_was(job, double, tmp_path):
    """Its position, what it held and its ledger are kept while the configuration is without it; the other connector does not notice."""
    made = export(tmp_path / "export", connectors=("news", "shop"), count=3_000)
    down = double.fault(source="shop", do="status", status=503, skip=5)
    main = job(made.folder, {"news": {}, "shop": {}})
    run = main.start()
    main.until_kept(made.due("news"), "news")
    main.until(lambda: main.connector()["health"] == "failing", "the other to fail")
    run.stop()
    shop = main.connectors.pop("shop")
    main.configure()
    main.once(processes=2)
    double.clear(name=down)
    main.connectors["shop"] = shop
    main.configure()
    main.once()
    main.proved(made)
    assert 0 == sum(double.summary()["duplicates"].values())
