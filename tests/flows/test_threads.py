import ctypes
import threading
from collections import defaultdict

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.run import cli_main
from bytewax.testing import TestingSink

from currents_segment.flows import threads

PR_GET_TIMERSLACK = 30
PARTS = ["0", "1"]


class Counting(StatefulSourcePartition):
    """Counts its calls in Python's state of the thread, five times."""

    def __init__(self, part, local, seen):
        self._part, self._local, self._seen = part, local, seen

    def next_batch(self):
        self._local.calls = getattr(self._local, "calls", 0) + 1
        self._seen[self._part].append(self._local.calls)
        if len(self._seen[self._part]) == 5:
            raise StopIteration
        return []

    def snapshot(self):
        return None


class Counters(FixedPartitionedSource):
    """One of them for each worker."""

    def __init__(self, prepare):
        self._prepare, self._local, self.seen = prepare, threading.local(), defaultdict(list)

    def list_parts(self):
        return PARTS

    def build_part(self, step_id, for_part, resume_state):
        self._prepare()
        return Counting(for_part, self._local, self.seen)


def counted(prepare):
    """What two workers in threads of Bytewax counted."""
    source, flow = Counters(prepare), Dataflow("flow")
    op.output("out", op.input("in", flow, source), TestingSink([]))
    cli_main(flow, workers_per_process=2)
    return dict(source.seen)


@pytest.mark.parametrize(("prepare", "expected"), [(threads.keep_state, [1, 2, 3, 4, 5]), (lambda: None, [1, 1, 1, 1, 1])])
def test_the_state_of_a_thread_is_made_once_and_not_for_each_call(prepare, expected):
    """Without it a worker's thread is a new one to Python whenever Bytewax calls a step."""
    assert dict.fromkeys(PARTS, expected) == counted(prepare)


def test_a_thread_and_those_that_it_starts_are_woken_together():
    """The others, such as the sender's, are woken when they asked for it."""
    slacks = {}

    def look(name):
        slacks[name] = ctypes.CDLL(None).prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0)

    def work():
        threads.wake_together()
        look("self")
        child = threading.Thread(target=look, args=("started",))
        child.start()
        child.join()

    look("before")
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    look("after")
    assert (threads.LATE, threads.LATE) == (slacks["self"], slacks["started"])
    assert slacks["before"] == slacks["after"] < threads.LATE
