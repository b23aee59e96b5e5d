import subprocess
import sys

from tests.flows.kafka.starting import starting

ASK = """
import sys
from currents_segment.flows.config import Access
from currents_segment.flows.kafka.cluster import Cluster
cluster = Cluster(Access.model_validate({"bootstrap": sys.argv[1]}))
cluster.connect()
cluster.ping()
print("answered")
"""


def test_a_broker_that_has_just_started_and_knows_nothing():
    """It is an answer like any other: librdkafka's own question for the cluster would end the process by an assertion."""
    with starting() as address:
        done = subprocess.run([sys.executable, "-c", ASK, address], capture_output=True, text=True, timeout=60, check=False)
    assert (0, "answered\n", "") == (done.returncode, done.stdout, done.stderr)
