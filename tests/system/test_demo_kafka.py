"""The demo through a real Apache Kafka, as `make demo-kafka` runs it."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.system.rig import CLI, PATIENCE, STOPPING, wait

ROOT = Path(__file__).parents[2]


def command(folder):
    """It, with few events."""
    return [sys.executable, "-m", "deploy.broker.run", *CLI, "demo", "--folder", folder, "--events", "3000", "--brokers"]


def broker(said):
    """Where its broker listened."""
    host, port = re.search(r"format on (\S+):(\d+),", said).groups()
    return host, int(port)


def test_everything_arrives(tmp_path):
    """It ends by itself with the proof for each connector, and its broker has ended."""
    done = subprocess.run(command(tmp_path / "demo"), cwd=ROOT, capture_output=True, text=True, timeout=3 * PATIENCE, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert ["shop-to-segment", "shop-email", "app-to-segment"] == re.findall(
        r"^(\S+): expected=[1-9][\d,]* kept=[1-9][\d,]* missing=0 spurious=0 corrupted=0 repeated=0$", done.stdout, re.MULTILINE
    )
    assert "Everything is as it must be." in done.stdout
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(broker(done.stdout))


def test_ctrl_c_ends_all_of_it(tmp_path):
    """In the middle, within seconds: no process is left, and no folder of the broker's."""
    said = tmp_path / "said"
    (tmp_path / "tmp").mkdir()
    with said.open("wb") as out:
        demo = subprocess.Popen(
            command(tmp_path / "demo"),
            cwd=ROOT,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        )
    try:
        wait(lambda: demo.poll() is not None or "s  received" in said.read_text(), "the run")
        os.killpg(demo.pid, signal.SIGINT)
        assert 130 == demo.wait(2 * STOPPING), said.read_text()
        wait(lambda: not _group(demo.pid), "the end of its processes")
    finally:
        if _group(demo.pid):
            os.killpg(demo.pid, signal.SIGKILL)
        demo.wait()
    assert "Traceback" not in said.read_text()
    assert [] == list((tmp_path / "tmp").iterdir())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(broker(said.read_text()))


def _group(number):
    """Whether a process of the group is there."""
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True
