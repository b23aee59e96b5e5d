"""SASL OAUTHBEARER with client credentials: a real broker that checks signature, audience and time of each token, and a provider that gives them."""

import pytest
from tests.system.kafka.broker import Broker
from tests.system.kafka.publishing import Topic
from tests.system.kafka.tokens import Provider

SECRET = "t0ken-s3cret"


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    """Who gives tokens."""
    provider = Provider(tmp_path_factory.mktemp("provider"), {"segment": SECRET})
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def trusting(tmp_path_factory, provider):
    """A broker that trusts the provider, and ends what is not authenticated anew when its token expires."""
    module = "org.apache.kafka.common.security.oauthbearer"
    broker = Broker(
        tmp_path_factory.mktemp("trusting") / "broker",
        listeners={"TOKENS": "SASL_PLAINTEXT"},
        settings={
            "listener.name.tokens.sasl.enabled.mechanisms": "OAUTHBEARER",
            "listener.name.tokens.oauthbearer.sasl.jaas.config": f"{module}.OAuthBearerLoginModule required;",
            "listener.name.tokens.oauthbearer.sasl.server.callback.handler.class": f"{module}.OAuthBearerValidatorCallbackHandler",
            "listener.name.tokens.oauthbearer.connections.max.reauth.ms": "60000",
            "sasl.oauthbearer.jwks.endpoint.url": provider.keys.as_uri(),
            "sasl.oauthbearer.expected.audience": "kafka",
        },
        java_options=(f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={provider.keys.as_uri()}",),
    )
    yield broker
    broker.close()


@pytest.fixture
def topic(trusting, registry, request):
    """A topic with three messages."""
    made = Topic(trusting, registry, request.node.name)
    trusting.create(made.name, 1)
    made.put(3)
    return made


@pytest.fixture
def source(trusting, provider, topic, tmp_path):
    """Settings of a source that reads the topic with tokens."""
    (tmp_path / "secret").write_text(SECRET)
    sasl = {
        "mechanism": "OAUTHBEARER",
        "token_url": provider.url,
        "client_id": "segment",
        "client_secret": f"file:{tmp_path / 'secret'}",
        "scope": "kafka",
    }
    return topic.source(bootstrap=trusting.address("TOKENS"), sasl=sasl)


def test_tokens_are_renewed_before_they_expire(provider, topic, source, reading):
    """The broker ends a connection whose token has expired: everything goes on, through several tokens."""
    provider.lifetime = 8.0
    log = reading(source)
    log.until_got(topic.name, 0, [0, 1, 2])
    for number in (3, 4):
        given = provider.answers[200]
        log.until(lambda: provider.answers[200] >= given + 2, "new tokens for both clients")  # noqa: B023 - called at once
        topic.put(1)
        log.until_got(topic.name, 0, list(range(number + 1)))
    log.until(lambda: log.log.error is None, "nothing to be wrong")
    assert {"kafka"} == set(provider.scopes)
    provider.lifetime = 3600.0


def test_a_wrong_secret_is_named_and_a_new_one_taken_up(topic, source, reading, tmp_path):
    """It is the provider that refuses it: its address is named, the secret is not; one that is mended needs no restart."""
    (tmp_path / "secret").write_text("wr0ng-one")
    log = reading(source)
    log.until(lambda: "no token is given" in (log.log.error or ""), "the fault")
    assert "check token_url, client_id and client_secret" in log.log.error
    assert "wr0ng-one" not in log.log.error
    (tmp_path / "secret").write_text(SECRET)
    log.until_got(topic.name, 0, [0, 1, 2])
    log.until(lambda: log.log.error is None, "the end of the fault")


def test_a_token_that_the_brokers_do_not_take_is_named(provider, topic, source, reading):
    """As one that has expired when it comes."""
    provider.lifetime = -30.0
    log = reading(source)
    log.until(lambda: log.log.error, "the fault")
    assert "token" in log.log.error
    provider.lifetime = 3600.0
    log.until_got(topic.name, 0, [0, 1, 2])
