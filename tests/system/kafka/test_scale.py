"""A topic of 64 partitions, 10 connectors, 3 processes: what a start costs, and whether all advance alike. The long form is `make scale`."""

import os
from pathlib import Path

import pytest
from tests.bench import scale
from tests.bench.data import WAVES, currents
from tests.bench.logs import opened
from tests.bench.receiver import Endpoint
from tests.system.rig import PATIENCE

EVENTS = 24_000
CORES = 2  # of a small machine


@pytest.fixture
def endpoint():
    """One that takes everything."""
    endpoint = Endpoint(Path(os.devnull))
    yield endpoint
    endpoint.close()


def test_many_connectors_drain_a_backlog_alike(tmp_path, endpoint):
    """None waits for the others, each delivers what is due to it, and until all have begun no more is used than two cores have in ten seconds."""
    data = currents(tmp_path, EVENTS)
    with opened(tmp_path / "logs", data) as logs, scale.scaled(tmp_path / "run", scale.source(logs, WAVES), endpoint) as run:
        start = run.started(scale.delivered, "every connector to deliver something")
        drain = run.drained(EVENTS, 4 * PATIENCE)
        assert {data.truth().events} == {each["outcomes"]["delivered"] for each in run.connectors()}
    assert start.cpu < CORES * scale.SOON
    assert scale.EVEN <= drain.even
