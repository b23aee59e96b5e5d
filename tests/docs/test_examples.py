"""The example configurations are right, and `full.yaml` mentions every setting."""

from pathlib import Path

import pytest

from currents_segment.flows.config import load
from currents_segment.flows.config.document import read
from currents_segment.flows.config.schema import described, settings

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"


def places(data, place=()):
    """Every place in a file, with `*` where a user names things."""
    if not isinstance(data, dict):
        return
    names = "patternProperties" in described(place)
    for key, inner in data.items():
        here = (*place, "*" if names else key)
        yield here
        yield from places(inner, here)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_examples_are_right(path):
    """Every example is a configuration as it stands, but for its secrets."""
    assert load(path, secrets=False).connectors


def test_the_full_example_mentions_every_setting():
    """A setting that is added to the models must be explained there; what letters in Kafka have beyond a source in Kafka, in the example of these."""
    mentioned = {*places(read(EXAMPLES / "full.yaml").data), *places(read(EXAMPLES / "kafka.yaml").data)}
    source = ("workspaces", "*", "sources", "*", "kafka")
    mentioned |= {("dead_letters", "kafka", *place[len(source) :]) for place in mentioned if place[: len(source)] == source}
    assert [] == [".".join(place) for place in settings() if place not in mentioned]


def test_the_minimal_example_is_minimal():
    """Nothing can be left out of it: every setting in it is required."""
    mentioned = {place for place in places(read(EXAMPLES / "minimal.yaml").data) if place[-1] != "*"}
    assert [] == [place for place in mentioned if place[-1] not in described(place[:-1])["required"]]


def test_defaults_are_as_the_full_example_says():
    """Where the full example says "default", the value beside it is the default."""
    full, minimal = load(EXAMPLES / "full.yaml", secrets=False), load(EXAMPLES / "minimal.yaml", secrets=False)
    one, other = full.connectors["shop-to-segment"], minimal.connectors["shop-to-segment"]
    assert (minimal.http, minimal.dedup, minimal.epoch, minimal.state) == (full.http, full.dedup, full.epoch, full.state)
    assert other.limits == one.limits
    for name in ("anonymous_users", "expire_after", "message_id", "unknown_fields"):
        assert getattr(other, name) == getattr(one, name)
    assert other.names.preset == one.names.preset
    source, plain = full.workspaces["shop"].sources["currents"], minimal.workspaces["shop"].sources["currents"]
    assert (plain.poll, plain.late) == (source.poll, source.late)
