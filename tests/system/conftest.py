"""One double for all system tests, forgetful between them; jobs that end with their test; exports made once."""

import pytest
from tests.system.double import Double
from tests.system.exports import export
from tests.system.jobs import Job


@pytest.fixture(scope="session")
def segment(tmp_path_factory):
    """The double, whatever it remembers."""
    double = Double(tmp_path_factory.mktemp("double"))
    yield double
    double.close()


@pytest.fixture
def double(segment):
    """The double, with nothing sent yet and nothing failing."""
    segment.reset()
    yield segment
    segment.clear()


@pytest.fixture
def job(tmp_path, double):
    """Makes jobs that send to the double, one after the other; they end with the test."""
    made = []

    def make(source, connectors=None, **settings):
        made.append(Job(tmp_path / f"job-{len(made)}", double, source, connectors, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="session")
def currents(tmp_path_factory):
    """An untidy export of all types for one connector, `shop`: 6,000 events in 150 files or so."""
    return export(tmp_path_factory.mktemp("currents"))
