"""One broker for all tests, with topics of their own; a registry; exports made once."""

import re

import pytest
from tests.flows.kafka.registry import RegistryDouble
from tests.system.kafka.broker import Broker
from tests.system.kafka.publishing import Topic, readable
from tests.system.kafka.reading import Reading


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """A broker that serves when a test begins."""
    broker = Broker(tmp_path_factory.mktemp("broker"))
    yield broker
    broker.close()


@pytest.fixture(scope="session")
def registry():
    """A schema registry."""
    with RegistryDouble().serving() as double:
        yield double


@pytest.fixture
def kafka(broker, registry, request):
    """A topic of this test's own, where events are published and from where they are read."""
    return Topic(broker, registry, re.sub(r"[^A-Za-z0-9._-]", ".", request.node.name))


@pytest.fixture(scope="session")
def events(tmp_path_factory):
    """An untidy export for one connector, `shop`, whose events can all be read: 6,000."""
    return readable(tmp_path_factory.mktemp("events"))


@pytest.fixture
def reading(tmp_path):
    """Makes readings of a source; those not closed end with the test."""
    made = []

    def make(source, **how):
        made.append(Reading(tmp_path / f"reading-{len(made)}", source, **how))
        return made[-1]

    yield make
    for each in made:
        each.close()
