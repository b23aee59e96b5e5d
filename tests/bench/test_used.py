import os
import sys

import pytest
from tests.bench import used

CHILD = "x = b'1' * 100_000_000; n = sum(range(10_000_000)); import sys; sys.stdin.readline()"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}], input=b'', check=True)"


def test_what_its_processes_use_counts_too(tmp_path):
    """A child's CPU and memory are its parent's, who waits for it."""
    alone = used.run([sys.executable, "-c", "pass"], tmp_path / "log", within=60)
    both = used.run([sys.executable, "-c", PARENT], tmp_path / "log", within=60)
    assert both.cpu > alone.cpu + 0.05
    assert both.memory > 100_000_000 + alone.memory / 2
    assert both.seconds >= 0.05


def test_one_that_fails_says_why(tmp_path):
    """It is no measurement."""
    with pytest.raises(AssertionError, match=r"exit code 3 after(.|\n)*the reason"):
        used.run([sys.executable, "-c", "print('the reason'); raise SystemExit(3)"], tmp_path / "log", within=60)


def test_one_that_hangs_is_ended(tmp_path):
    """As one that failed."""
    with pytest.raises(AssertionError, match="exit code -9"):
        used.run([sys.executable, "-c", "import time; time.sleep(600)"], tmp_path / "log", within=0.2)


def test_a_process_that_is_gone_uses_nothing():
    """Between two looks it may have ended."""
    gone = 2**22 + 1  # beyond the system's largest
    assert (0, 0, 0.0, [gone]) == (used.peak(gone), used.resident(gone), used.cpu(gone), list(used.tree(gone)))
    assert used.peak(os.getpid()) >= used.resident(os.getpid()) - 1_000_000 > 0
