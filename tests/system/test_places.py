"""Places that are taken or full: a run says so, or waits; it never works twice on one state and never loses a dead letter."""

import socket


def test_two_runs_on_one_state(job, double, currents):
    """The second run names the holder and ends with exit code 2; the first is not disturbed."""
    double.fault(do="pass", delay=0.2)
    main = job(currents.folder, {"shop": {"limits": {"batch_events": 100, "in_flight": 1}}})
    first = main.start("--once")
    main.until_kept(100)
    second = main.start("--once")
    assert 2 == second.end(), second.text()
    (line,) = second.text().splitlines()
    assert f"in use by process {first.process.pid} on " in line
    double.clear()
    assert 0 == first.end(), first.text()
    main.proved(currents)
    assert 0 == sum(double.summary()["duplicates"].values())


def test_dead_letters_that_cannot_be_written_are_held(job, double, currents):
    """While their place is in the way of itself, events that are to be kept stay in the state, also over a restart; then each is written once."""
    main = job(currents.folder)
    main.dead_letters.write_text("a file where a folder must be")
    run = main.start()
    main.until_kept(currents.due() / 2)
    main.until(lambda: main.connector()["letters_pending"], "letters that wait")
    run.stop()
    assert main.dead_letters.is_file()
    run = main.start()
    main.until(lambda: "dead_letters" in run.text(), "the fault to be said")
    main.dead_letters.unlink()
    main.until_kept(currents.due())
    main.until(lambda: main.connector()["lag"]["objects"] == 0 == main.connector()["letters_pending"], "all letters to be written")
    run.stop()
    main.proved(currents)
    assert 0 == sum(double.summary()["duplicates"].values())


def test_a_port_that_is_taken(job, currents):
    """The run ends before it sends anything, with one line that names the address, and its state is as free as before."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        main = job(currents.folder, http={"port": taken.getsockname()[1]})
        run = main.start("--once")
        assert 2 == run.end(), run.text()
        assert f"127.0.0.1:{main.settings['http']['port']}" in run.text().splitlines()[-1]
        assert "Traceback" not in run.text()
    main.once()
    main.proved(currents)
