import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, threading, time
from currents_segment.flows.stop import Stop, hold_signals

hold_signals()
stop = Stop()
stop.running = True

def work():
    threading.Thread(target=signal.sigwait, args=([signal.SIGUSR1],), daemon=True).start()
    if {to_every_thread}:
        for thread in threading.enumerate():
            if thread is not threading.main_thread():
                signal.pthread_kill(thread.ident, signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
    print("working", flush=True)
    while not (stop.requested and {drains}):
        time.sleep(0.01)
    if {raises}:
        raise KeyError("a bug")
    return "drained"

print(stop.apart(work, lambda: print("stopping", flush=True), deadline={deadline}), flush=True)
"""


def run(*signals, to_every_thread=False, drains=True, raises=False, deadline=20.0):
    program = PROGRAM.format(to_every_thread=to_every_thread, drains=drains, raises=raises, deadline=deadline)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [process.stdout.readline()]
    while "working" not in lines[-1]:
        lines.append(process.stdout.readline())
    for number in signals:
        process.send_signal(number)
        if number == signals[0]:
            lines.append(process.stdout.readline())
    out, errors = process.communicate(timeout=60)
    return process.returncode, "".join(lines) + out, errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_for_a_drain(number):
    """And what the work returns is returned."""
    code, out, _ = run(number)
    assert (0, "working\nstopping\ndrained\n") == (code, out)


def test_a_signal_to_a_thread_of_the_work_does_not_reach_it():
    """One that met a network thread of Bytewax broke the cluster."""
    code, out, _ = run(to_every_thread=True)
    assert 0 == code
    assert "drained" in out


def test_a_second_sigterm_changes_nothing():
    """An orchestrator may ask twice."""
    code, out, _ = run(signal.SIGTERM, signal.SIGTERM, deadline=0.5, drains=False)
    assert 3 == code
    assert 1 == out.count("stopping")


def test_a_second_ctrl_c_ends_at_once():
    """With the exit code of an interrupted program."""
    code, _, _ = run(signal.SIGINT, signal.SIGINT, drains=False)
    assert 130 == code


def test_what_does_not_drain_is_ended_hard_and_says_so():
    """As safe as SIGKILL: the last epoch is done again."""
    code, _, errors = run(signal.SIGTERM, drains=False, deadline=0.2)
    assert 3 == code
    assert "run.ended_hard" in errors + _


def test_what_the_work_raises_is_raised():
    """In the main thread, so that it becomes the exit code."""
    code, _, errors = run(signal.SIGTERM, raises=True)
    assert 1 == code
    assert "a bug" in errors


def test_signals_wait_for_who_listens():
    """A stop that comes while the program starts is not lost, and does not kill it."""
    hold = "from currents_segment.flows.stop import hold_signals; import os, signal; hold_signals(); os.kill(os.getpid(), signal.SIGTERM); print('alive')"
    done = subprocess.run([sys.executable, "-c", hold], capture_output=True, text=True, check=False, timeout=60, env=os.environ)
    assert (0, "alive\n") == (done.returncode, done.stdout)
