"""A real broker that encrypts, asks who we are and what we may: each way in, each fault by its name, and the grants that are enough."""

import json
import time
from datetime import timedelta

import pytest
from confluent_kafka.admin import AclOperation, ResourceType
from tests.authority import Authority
from tests.system.kafka.publishing import Topic
from tests.system.kafka.security import PASSWORD, Secured
from tests.system.rig import command

READ, DESCRIBE, CONFIGS = AclOperation.READ, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """A broker with users and grants."""
    broker = Secured(tmp_path_factory.mktemp("secured") / "broker")
    yield broker
    broker.close()


@pytest.fixture
def topic(secured, registry, request, tmp_path):
    """A topic with three messages; nobody may read it yet."""
    made = Topic(secured, registry, f"topic-{abs(hash(request.node.name))}")
    secured.create(made.name, 1)
    made.put(3)
    (tmp_path / "password").write_text(PASSWORD)
    return made


@pytest.fixture
def source(secured, topic, tmp_path):
    """Settings of a source that reads the topic through the secure listener."""

    def make(listener="SECURE", *, mechanism="SCRAM-SHA-512", ca=None, **settings):
        sasl = {"mechanism": mechanism, "username": "segment", "password": f"file:{tmp_path / 'password'}"}
        secure = {"tls": {"ca": str(ca or secured.authority.ca)}} | ({"sasl": sasl} if listener == "SECURE" else {})
        return topic.source(**{"bootstrap": secured.address(listener), **secure, **settings})

    return make


def enough(secured, topic, user="segment"):
    """The grants of docs/kafka.md."""
    secured.grant(user, ResourceType.TOPIC, topic.name, READ, DESCRIBE, CONFIGS)
    secured.grant(user, ResourceType.GROUP, "currents-segment.shop", READ)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_least_grants(secured, topic, source, reading, mechanism):
    """With the grants that the documentation lists, and no others, events are read, retention is known and positions are published."""
    enough(secured, topic)
    log = reading(source(mechanism=mechanism))
    log.until_got(topic.name, 0, [0, 1, 2])
    assert 7 * 86400 == log.log.lag()["retention"]
    assert None is log.log.error
    log.until(lambda: log.kept() and secured.committed("currents-segment.shop", topic.name, 0) == 3, "the position to be published")


def test_certificates_on_both_sides(secured, topic, source, reading):
    """Mutual TLS, with a key that has a password."""
    certificate, key = secured.authority.issue("segment", password=PASSWORD)
    enough(secured, topic, "CN=segment")
    tls = {
        "ca": str(secured.authority.ca),
        "certificate": str(certificate),
        "key": str(key),
        "key_password": f"file:{key.parent / 'password'}",
    }
    (key.parent / "password").write_text(PASSWORD)
    log = reading(source("MUTUAL", tls=tls))
    log.until_got(topic.name, 0, [0, 1, 2])


def test_a_wrong_password_is_named_and_a_new_one_taken_up(secured, topic, source, reading, tmp_path):
    """Librdkafka itself says nothing and tries for ever; a password that is mended needs no restart."""
    enough(secured, topic)
    (tmp_path / "password").write_text("wrong")
    log = reading(source())
    log.until(lambda: "the brokers refuse who we are: check mechanism, name and password" in (log.log.error or ""), "the fault")
    assert "wrong" not in log.log.error
    (tmp_path / "password").write_text(PASSWORD)
    log.until_got(topic.name, 0, [0, 1, 2])
    log.until(lambda: log.log.error is None, "the end of the fault")


def test_tls_faults_are_named(secured, source, reading, tmp_path):
    """An authority that did not sign the brokers' certificate, and a TLS port that is spoken to in the clear."""
    foreign = reading(source(ca=Authority.new(tmp_path).ca))
    foreign.until(lambda: "TLS does not come about" in (foreign.log.error or ""), "the fault of the authority")
    clear = reading(source("MUTUAL", tls=None))
    clear.until(lambda: "check bootstrap, network, and whether the port wants TLS" in (clear.log.error or ""), "the fault of the port")


def test_a_certificate_of_the_brokers_that_has_expired_is_named(secured, source, reading):
    """Librdkafka only says that it could not be verified; with its time it is known who must do what."""
    log = reading(source("STALE"))
    log.until(lambda: "expired at" in (log.log.error or ""), "the fault")
    assert f"TLS does not come about: the certificate of {secured.address('STALE')} expired at 20" in log.log.error
    assert "who runs the brokers must renew it" in log.log.error


def test_a_certificate_of_ours_that_expires_is_named_and_a_new_one_taken_up(secured, topic, source, reading):
    """What is connected stays so; then no connection comes about, until the files are replaced. No restart."""
    certificate, key = secured.authority.issue("segment", lasts=timedelta(seconds=10))
    ends = time.time() + 11
    enough(secured, topic, "CN=segment")
    log = reading(source("MUTUAL", tls={"ca": str(secured.authority.ca), "certificate": str(certificate), "key": str(key)}))
    log.until_got(topic.name, 0, [0, 1, 2])
    log.until(lambda: time.time() > ends, "its end")
    secured.kill()
    secured.start()
    log.until(lambda: f"our certificate {certificate} expired at" in (log.log.error or ""), "the fault")
    secured.authority.issue("segment")
    topic.put(2)
    log.until_got(topic.name, 0, [0, 1, 2, 3, 4])
    log.until(lambda: log.log.error is None, "the end of the fault")


def test_a_denied_grant_is_named_and_holds_no_other_topic(secured, registry, topic, source, reading):
    """What may be read goes on; when the grant comes, and comes back after it was taken away, the rest goes on by itself."""
    other = Topic(secured, registry, f"{topic.name}-other")
    secured.create(other.name, 1)
    other.put(2)
    enough(secured, other)
    log = reading(source(topics=[topic.name, other.name]))
    log.until_got(other.name, 0, [0, 1])
    assert f"topic {topic.name}: we may not read it: grant READ and DESCRIBE on the topic" in log.log.error
    enough(secured, topic)
    log.until_got(topic.name, 0, [0, 1, 2])
    log.until(lambda: log.log.error is None, "the end of the fault")
    secured.revoke("segment", ResourceType.TOPIC, topic.name)
    log.until(lambda: "we may not read it" in (log.log.error or ""), "the fault")
    topic.put(2)
    enough(secured, topic)
    log.until(lambda: log.got[topic.name, 0] == [0, 1, 2, 3, 4], "the rest")


def test_check_tells_it_before_the_start(topic, source, secured, tmp_path):
    """`check` names what is missing with what to grant, then what a first start would read."""
    config = tmp_path / "segment.yaml"
    (tmp_path / "key").write_text("w3r1te-k3y")
    connector = {
        "write_key": f"file:{tmp_path / 'key'}",
        "region": "us",
        "events": ["*"],
        "start": "earliest",
        "endpoint": "http://127.0.0.1:1/x",
    }
    workspaces = {"acme": {"sources": {"currents": source()}, "connectors": {"shop": connector}}}
    config.write_text(json.dumps({"http": None, "dedup": {"max_ids": "1K"}, "workspaces": workspaces}))
    denied = command("check", config, code=1).stdout
    assert f"fault: shop, source currents: topic {topic.name}: we may not read it: grant READ and DESCRIBE on the topic" in denied
    secured.grant("segment", ResourceType.TOPIC, topic.name, DESCRIBE)
    assert f"topic {topic.name}: we may not read it" in command("check", config, code=1).stdout
    enough(secured, topic)
    assert "1 topic; 1 partition; 3 messages" in command("check", config, code=1).stdout  # nobody listens at the endpoint
    (tmp_path / "password").write_text("wrong")
    assert "the brokers refuse who we are: check mechanism, name and password" in command("check", config, code=1).stdout
