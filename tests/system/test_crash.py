"""SIGKILL at any moment: what was under way is done again, nothing is lost, nothing appears twice to who looks at Segment."""

import os
import signal

import pytest

SLOW = {"do": "pass", "delay": 0.2}  # so that there is a middle in which to crash
LIMITS = {"shop": {"limits": {"batch_events": 100, "in_flight": 4}}}


@pytest.fixture
def slow(double):
    """The double takes its time."""
    double.fault(**SLOW)
    return double


@pytest.mark.parametrize("processes", [1, 2])
def test_killed_again_and_again(job, slow, currents, processes):
    """After each of three SIGKILLs the next run goes on from the last commit; at the end all is as if nothing had happened."""
    main = job(currents.folder, LIMITS)
    for part in (0.2, 0.4, 0.6):
        run = main.start("--once", processes=processes)
        main.until_kept(part * currents.due())
        run.kill()
        assert slow.kept() < currents.due()
    slow.clear()
    main.once(processes)
    main.proved(currents)


def test_one_process_of_a_cluster_is_killed(job, slow, currents):
    """The others end by themselves or are ended by the parent, which says what happened with exit code 1; nothing is lost."""
    main = job(currents.folder, LIMITS)
    run = main.start("--once", processes=3)
    main.until_kept(currents.due() / 3)
    victim = run.children()[1]
    os.kill(victim, signal.SIGKILL)
    assert 1 == run.end(20), run.text()
    assert "Nothing is lost: the next run goes on from the last commit" in run.text().splitlines()[-1]
    slow.clear()
    main.once()
    main.proved(currents)


def test_the_parent_of_a_cluster_is_killed(job, slow, currents):
    """Its processes end by themselves; as long as one is there the state is not given to another run, and then that one resumes."""
    main = job(currents.folder, LIMITS)
    run = main.start("--once", processes=2)
    main.until_kept(currents.due() / 3)
    children = run.children()
    assert 2 == len(children)
    for child in children:
        os.kill(child, signal.SIGSTOP)  # so that they are still there when the next run starts
    os.kill(run.process.pid, signal.SIGKILL)
    run.process.wait()
    early = main.start("--once")
    assert 2 == early.end(), early.text()
    assert "in use by" in early.text()
    for child in children:
        os.kill(child, signal.SIGCONT)
    run.end()
    slow.clear()
    main.once()
    main.proved(currents)


def test_the_parent_of_a_cluster_is_killed_while_it_starts(job, double, currents):
    """Processes that find no parent when they are up end, too: nobody would ever stop them."""
    main = job(currents.folder)
    run = main.start(processes=2)
    main.until(lambda: 2 == len(run.children()), "its processes")
    os.kill(run.process.pid, signal.SIGKILL)
    run.end()
    double.reset()
    main.once()
    main.proved(currents)
