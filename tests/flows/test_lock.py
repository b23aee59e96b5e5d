import os
import socket
import threading

import pytest

from currents_segment.flows import lock
from currents_segment.flows.errors import UserError
from currents_segment.flows.lock import hold, holder


def test_who_has_it_is_said_and_looking_changes_nothing(tmp_path):
    """Free again once it is closed; a file that is not there is nobody's."""
    file = tmp_path / "lock"
    assert holder(file) is None
    with hold(file, ""):
        before = file.read_text()
        assert f"process {os.getpid()} on {socket.gethostname()} since " in holder(file)
        assert before == file.read_text()
    assert holder(file) is None


def test_the_second_is_refused_with_its_reason(tmp_path):
    """The place, the holder, what to do."""
    with (
        hold(tmp_path / "lock", "first"),
        pytest.raises(UserError, match=rf"{tmp_path}: in use by process {os.getpid()} on .*; wait for it"),
    ):
        hold(tmp_path / "lock", "wait for it")


def test_somebody_who_only_looks_keeps_nobody_out(tmp_path):
    """A run may start at the very moment at which its state is looked at."""
    file, ended = tmp_path / "lock", threading.Event()
    hold(file, "").close()

    def look():
        while not ended.is_set():
            holder(file)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(50):
            hold(file, "").close()
    finally:
        ended.set()
        looking.join()


def test_a_holder_that_is_not_seen_from_here_is_said_to_be_so(tmp_path, monkeypatch):
    """Numbers of processes mean nothing in another container, and what a process started may outlive it; another machine's are not looked for."""
    monkeypatch.setattr(lock, "PROCESSES", tmp_path)  # a machine on which none of them runs
    with hold(tmp_path / "lock", "") as held:
        assert "(not seen from here: in another container, or gone and survived by what it started)" in holder(tmp_path / "lock")
        held.truncate(0)
        held.write("process 7 on another-machine since 2026-01-31T00:00:00Z")
        held.flush()
        assert "process 7 on another-machine since 2026-01-31T00:00:00Z" == holder(tmp_path / "lock")
