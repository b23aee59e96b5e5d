import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.bench.limits import PERIOD, UnlimitedError, limited, parents

SPIN = "import time; end = time.monotonic() + 1\nwhile time.monotonic() < end: pass\nprint(time.process_time())"


def system(folder: Path, cgroup: str, mounts: str) -> Path:
    """What `/proc/self` says of control groups."""
    (folder / "cgroup").write_text(cgroup)
    (folder / "mounts").write_text(mounts)
    return folder


def test_the_first_version_limits_by_the_controller_of_cpu(tmp_path):
    """The group of this process first, then those above it; others' controllers are nobody's business."""
    mount = tmp_path / "cpu"
    (mount / "own" / "inner").mkdir(parents=True)
    mounts = f"none /nowhere cgroup rw,cpuset 0 0\nnone {mount} cgroup rw,cpu,cpuacct 0 0\n"
    proc = system(tmp_path, "4:memory:/other\n3:cpu,cpuacct:/own/inner\n", mounts)
    found = list(parents(proc, 50_000))
    assert [mount / "own" / "inner", mount / "own", mount] == [folder for folder, _ in found]
    assert {"cpu.cfs_period_us": str(PERIOD), "cpu.cfs_quota_us": "50000"} == found[0][1]


def test_the_second_version_limits_only_where_its_parent_hands_the_controller_on(tmp_path):
    """And the path of a host that is not mounted in a container leads to what is."""
    mount = tmp_path / "unified"
    (mount / "own").mkdir(parents=True)
    (mount / "own" / "cgroup.subtree_control").write_text("memory\n")
    (mount / "cgroup.subtree_control").write_text("cpu memory\n")
    proc = system(tmp_path, "0::/own/of/the/host\n", f"none {mount} cgroup2 rw 0 0\n")
    assert [(mount, {"cpu.max": f"50000 {PERIOD}"})] == list(parents(proc, 50_000))


def test_where_no_limit_can_be_set_it_says_why(tmp_path):
    """Nothing is mounted, or what is mounted is not to be written."""
    with pytest.raises(UnlimitedError, match="no control groups for CPU are mounted"), limited(0.5, proc=system(tmp_path, "", "")):
        raise AssertionError("there was a limit")
    proc = system(tmp_path, "3:cpu:/\n", "none /proc/self cgroup rw,cpu 0 0\n")
    with pytest.raises(UnlimitedError, match="no control group can be made in /proc/self: "), limited(0.5, proc=proc):
        raise AssertionError("there was a limit")


def test_a_command_gets_no_more_than_its_limit_where_one_can_be_set():
    """Elsewhere the reason is told; a limit that is none would be neither."""
    share, told = None, ""
    try:
        with limited(0.2) as words:
            began = time.monotonic()
            spent = subprocess.run([*words, sys.executable, "-c", SPIN], capture_output=True, text=True, check=True).stdout
            share = float(spent) / (time.monotonic() - began)
    except UnlimitedError as error:
        told = str(error)
    assert told if share is None else share <= 0.4
