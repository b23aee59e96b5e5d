import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from currents_segment.flows import process
from currents_segment.flows.config import load
from currents_segment.flows.errors import FailedError
from currents_segment.flows.slots import Place

CONFIG = """
state: ./state
workspaces:
  acme:
    sources: {{currents: {{url: "{folder}"}}}}
    connectors:
      shop: {{write_key: env:KEY, region: us, events: ["*"], start: earliest, integration_name: n, contact_email: d@example.com}}
"""


class PanicException(BaseException):
    """What Bytewax raises when a thread of its Rust half panics."""


@pytest.fixture
def one(tmp_path, monkeypatch):
    """A process of a cluster, whose peer is gone once it has begun; what is given is done before."""
    (tmp_path / "bucket").mkdir()
    (tmp_path / "segment.yaml").write_text(CONFIG.format(folder=tmp_path / "bucket"))
    monkeypatch.setenv("KEY", "w3r1te-k3y")
    config = load(tmp_path / "segment.yaml")
    made = process.Process(config, place=Place(0, 2), addresses=["127.0.0.1:1", "127.0.0.1:2"], once=True, environ={})

    def begins(before=lambda: None):
        def run(*_, **__):
            before()
            raise PanicException("Send thread panic: Any { .. }")

        monkeypatch.setattr(process, "cli_main", run)
        return made

    return begins


def ended(made):
    """What it returned or raised, in a thread of its own, whose settings end with it."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(made.run).result()


def test_a_process_that_was_stopped_before_it_began_ends_well_without_its_peers(one):
    """It has read nothing, so nothing is missing: who is through first, of those that are stopped together, is chance."""
    made = one()
    made.stop.request()
    assert "stopped" == ended(made)["phase"]


def test_a_peer_that_is_gone_is_a_fault_for_who_has_begun(one):
    """A stop too: what it has read was not committed."""

    def begin():
        made.stop.running = True
        made.stop.request()

    made = one(begin)
    with pytest.raises(FailedError, match="another process of the cluster is gone"):
        ended(made)


def test_a_disk_that_was_full_a_moment_ago_is_the_reason(one, monkeypatch):
    """There may be room again when the run has ended; and of what could not be written each process only says that another is gone."""
    free, noticed = iter([0]), threading.Event()

    def usage(_):
        left = next(free, None)
        if left is None:
            noticed.set()
        return SimpleNamespace(free=10**12 if left is None else left)

    monkeypatch.setattr(process, "SAVE_EVERY", 0.001)
    monkeypatch.setattr(process.shutil, "disk_usage", usage)
    made = one(noticed.wait)
    with pytest.raises(FailedError, match=r"its disk was full, 1000000.0 MB are free"):
        ended(made)
