"""Where dead letters go: a folder, a bucket or a topic."""

import pytest
import yaml

from currents_segment.flows.config import KafkaLetters, SecretRef, load
from currents_segment.flows.errors import ConfigError

LEAST = {"bootstrap": "one:9092", "topic": "letters"}


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """`dead_letters` of a file."""
    monkeypatch.setenv("TEST_KEY", "sk-live-123")

    def of(letters, source=None):
        connector = {"write_key": "env:TEST_KEY", "region": "eu", "events": ["*"], "start": "now"}
        workspace = {"sources": {"currents": source or {"url": "s3://b/p"}}, "connectors": {"shop": connector}}
        path = tmp_path / "c.yaml"
        path.write_text(yaml.safe_dump({"dead_letters": letters, "workspaces": {"acme": workspace}}))
        return load(path).dead_letters

    return of


def test_a_topic_has_what_a_source_has(loaded):
    """Brokers, security and options by the same names, secrets by reference."""
    sasl = {"mechanism": "PLAIN", "username": "us", "password": "env:TEST_KEY"}
    found = loaded({"kafka": {**LEAST, "tls": {}, "sasl": sasl, "options": {"linger.ms": 5}}})
    assert isinstance(found, KafkaLetters)
    assert ("one:9092", "letters", {"linger.ms": "5"}) == (found.kafka.bootstrap, found.kafka.topic, found.kafka.options)
    assert found.kafka.sasl is not None
    assert isinstance(found.kafka.sasl.password, SecretRef)


def test_a_folder_or_bucket_is_a_url(loaded, tmp_path):
    """As before there were topics."""
    assert [f"file://{tmp_path}/dead", "s3://b/dead"] == [loaded("./dead"), loaded("s3://b/dead")]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ({}, "dead_letters.kafka: is missing: A topic of a Kafka cluster."),
        ({"url": "s3://b"}, "dead_letters.url: is not a setting: known here are kafka"),
        ({"kafka": {"bootstrap": "one:9092"}}, "dead_letters.kafka.topic: is missing: "),
        ({"kafka": {**LEAST, "topics": ["x"]}}, "dead_letters.kafka.topics: is not a setting: did you mean topic?"),
        ({"kafka": {**LEAST, "topic": "^l.*"}}, 'dead_letters.kafka.topic: "^l.*" is a pattern: write one topic\'s name'),
        ({"kafka": {**LEAST, "topic": "a b"}}, 'dead_letters.kafka.topic: "a b" is not a topic\'s name: '),
        ({"kafka": {**LEAST, "bootstrap": "one"}}, 'dead_letters.kafka.bootstrap: "one" is not a broker: '),
        (
            {"kafka": {**LEAST, "options": {"acks": "1"}}},
            "dead_letters.kafka.options.acks: cannot be passed through: a dead letter is written when all replicas in sync have it, and is let go then",
        ),
        (
            {"kafka": {**LEAST, "options": {"retry.backoff.ms": "soon"}}},
            'dead_letters.kafka.options["retry.backoff.ms"]: is refused by librdkafka: Invalid value for configuration property "retry.backoff.ms"',
        ),
        (
            {"kafka": {**LEAST, "options": {"ssl.key.pem": "secret"}}},
            'dead_letters.kafka.options["ssl.key.pem"]: is a secret: write env:NAME or file:PATH, never the secret itself',
        ),
        (7, "dead_letters: 7 is not a place: "),
        (["s3://b"], "dead_letters: "),
    ],
)
def test_a_mistake_is_a_sentence(loaded, letters, expected):
    """Each says what is wrong and what to write instead; without what is missing, there would be two of them."""
    with pytest.raises(ConfigError) as caught:
        loaded(letters)
    assert any(expected in line for line in caught.value.mistakes), caught.value.mistakes


@pytest.mark.parametrize("topics", [["letters"], ["x", "^let.*"]])
def test_letters_are_not_read_as_events(loaded, topics):
    """A topic that a source of the same cluster reads would breed letters of letters."""
    source = {"kafka": {"bootstrap": "one:9092", "topics": topics}}
    with pytest.raises(ConfigError) as caught:
        loaded({"kafka": LEAST}, source)
    (line,) = caught.value.mistakes
    assert line.endswith(
        f"dead_letters.kafka.topic: is read by workspaces.acme.sources.currents.kafka.topics.{len(topics) - 1}: "
        "its letters would be read as events; write another topic"
    )
    assert loaded({"kafka": {**LEAST, "bootstrap": "other:9092"}}, source)
