import pytest
import yaml

from currents_segment.flows.config import SecretRef, load
from currents_segment.flows.config.librdkafka import REFUSED, refusal
from currents_segment.flows.errors import ConfigError

LEAST = {"bootstrap": "one:9092", "topics": ["currents"]}
UNLISTED = {"default.topic.config", "logger", "plugin.library.paths"}  # of the client for Python, and of builds with plugins
SCRAM = {"mechanism": "SCRAM-SHA-512", "username": "us", "password": "env:TEST_KEY"}


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """The Kafka part of a file, with settings beside the least that are right."""
    monkeypatch.setenv("TEST_KEY", "sk-live-123")

    def of(beside=None, **settings):
        connector = {"write_key": "env:TEST_KEY", "region": "eu", "events": ["*"], "start": "now"}
        source = {"kafka": {**LEAST, **settings}, **(beside or {})}
        path = tmp_path / "c.yaml"
        path.write_text(yaml.safe_dump({"workspaces": {"shop": {"sources": {"currents": source}, "connectors": {"shop": connector}}}}))
        return load(path).workspaces["shop"].kafkas["currents"].kafka

    return of


@pytest.fixture
def told(loaded):
    """The mistakes of such a file, without where they stand."""

    def of(beside=None, **settings):
        with pytest.raises(ConfigError) as caught:
            loaded(beside, **settings)
        return [line.partition("sources.currents.")[2] for line in caught.value.mistakes]

    return of


def test_brokers_and_topics_are_enough(loaded):
    """What is left out has a default that serves."""
    kafka = loaded(bootstrap="one:9092, two:9093")
    assert ("one:9092,two:9093", ("currents",), "auto", "schema", "currents-segment", "stop", 10.0) == (
        kafka.bootstrap,
        kafka.topics,
        kafka.format,
        kafka.type,
        kafka.group,
        kafka.on_loss,
        kafka.poll,
    )
    assert (None, None, None) == (kafka.tls, kafka.sasl, kafka.registry)


def test_secrets_are_references(loaded):
    """Names may stand in the file; passwords may not, nor secrets among the options."""
    kafka = loaded(sasl=SCRAM, options={"ssl.key.pem": "env:TEST_KEY", "socket.keepalive.enable": False})
    assert isinstance(kafka.sasl.password, SecretRef)
    assert {"ssl.key.pem": SecretRef, "socket.keepalive.enable": str} == {key: type(value) for key, value in kafka.options.items()}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"bootstrap": "kafka://one"}, 'kafka.bootstrap: "kafka://one" is not a broker: write host:port, without a scheme'),
        ({"bootstrap": ""}, 'kafka.bootstrap: "" names no broker: write host:port, several separated by commas'),
        ({"topics": []}, "kafka.topics: is empty: write at least one"),
        (
            {"topics": ["a b"]},
            'kafka.topics[0]: "a b" is not a topic\'s name: only letters, digits, dots, hyphens and underscores; a pattern begins with ^',
        ),
        ({"topics": ["^("]}, 'kafka.topics[0]: "^(" is not a pattern: missing ), unterminated subpattern at position 1'),
        ({"type": "key"}, 'kafka.type: "key" is no place of a type: write schema, topic, or header:NAME'),
        (
            {"format": "bare"},
            "kafka: format bare needs bare_schema: the file with the schema that the messages were written with",
        ),
        (
            {"types": {"currents": "users.messages.email.Click"}},
            "kafka: has types by topic, but does not take the type from the topic: set type to topic, or remove types",
        ),
        ({"sasl": {"mechanism": "PLAIN"}}, "kafka.sasl: PLAIN needs username and password"),
        (
            {"sasl": {**SCRAM, "scope": "x"}},
            "kafka.sasl: SCRAM-SHA-512 has no use for scope: remove it, or choose another mechanism",
        ),
        (
            {"sasl": {**SCRAM, "password": "sk-live-123"}},
            "kafka.sasl.password: is not a reference: write env:NAME or file:PATH, never the secret itself",
        ),
        ({"tls": {"key_password": "env:TEST_KEY"}}, "kafka.tls: has key_password and no key: write certificate and key, or leave it out"),
        (
            {"registry": {"url": "http://us:pw@one"}},
            "kafka.registry.url: has a user in its URL: put it into username and password",
        ),
        ({"registry": {"url": "one:8081"}}, 'kafka.registry.url: "one:8081" is not an http or https URL: write http(s)://HOST:PORT'),
        (
            {"registry": {"url": "http://one", "username": "us"}},
            "kafka.registry: has one of username and password: write both, or none",
        ),
        ({"pol": "1s"}, "kafka.pol: is not a setting: did you mean poll?"),
        (
            {"options": {"auto.offset.reset": "latest"}},
            'kafka.options["auto.offset.reset"]: cannot be passed through: events would be skipped in silence when the log no longer has a position; see on_loss',
        ),
        ({"options": {"fetch.wait": 1}}, 'kafka.options["fetch.wait"]: is not a setting of librdkafka'),
        (
            {"options": {"fetch.wait.max.ms": "soon"}},
            'kafka.options["fetch.wait.max.ms"]: is refused by librdkafka: Invalid value for configuration property "fetch.wait.max.ms"',
        ),
        (
            {"options": {"ssl.key.pem": "secret"}},
            'kafka.options["ssl.key.pem"]: is a secret: write env:NAME or file:PATH, never the secret itself',
        ),
    ],
)
def test_a_mistake_is_a_sentence(told, settings, expected):
    """Each says what is wrong and what to write instead."""
    assert [expected] == told(**settings)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_would_break_a_guarantee_is_refused_with_the_reason(told, name):
    """Each by the name that librdkafka, or its client, has for it: a name of nothing would refuse nothing."""
    assert f"cannot be passed through: {REFUSED[name]}" in [mistake.partition(": ")[2] for mistake in told(options={name: "x"})]
    assert name in UNLISTED or refusal(name, "x", {}) != "is not a setting of librdkafka"


def test_a_source_is_one_of_two_kinds(told):
    """Settings of a bucket beside Kafka would have no effect."""
    expected = "does not go with what stands beside it: a source is a bucket (url, poll, late, options) or Kafka (kafka)"
    assert [f"late: {expected}", f"url: {expected}"] == sorted(told({"url": "./in", "late": "1h"}))


def test_files_must_be_there(told, tmp_path):
    """A schema or a certificate that is missing is found before the start."""
    assert [f"kafka.bare_schema: there is no file {tmp_path}/x.avsc: put it there, or write another path"] == told(bare_schema="./x.avsc")
