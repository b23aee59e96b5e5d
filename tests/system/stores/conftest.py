"""One server of each kind for all tests, with buckets of their own, and a proxy that spoils what they answer."""

import pytest
from tests.system.exports import export
from tests.system.stores.proxy import Proxy
from tests.system.stores.servers import S3, Azure


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    """A server of S3's protocol."""
    server = S3(tmp_path_factory.mktemp("s3"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def azure(tmp_path_factory):
    """A server of Azure's protocol."""
    server = Azure(tmp_path_factory.mktemp("azure"))
    yield server
    server.close()


@pytest.fixture
def proxy(s3):
    """What stands between S3 and its client, and lets everything pass until it is told otherwise."""
    with Proxy(s3.port) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Many small objects of one folder: 1,200 with an event each, or so."""
    return export(tmp_path_factory.mktemp("small"), "--types", "users.messages.email.Click", "--events-per-file", 1, count=1_200)
