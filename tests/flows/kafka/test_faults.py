import json

import pytest
from confluent_kafka import KafkaError

from currents_segment.flows.kafka.faults import sentence, silent


def statistics(**brokers):
    """Librdkafka's statistics of some brokers: state, unanswered requests, µs since the last answer."""
    names = ("state", "waitresp_cnt", "rxidle")
    return json.dumps({"brokers": {name: dict(zip(names, values, strict=True)) for name, values in brokers.items()}})


@pytest.mark.parametrize(
    ("words", "brokers"),
    [
        ("", {}),
        ("", {"a:1/1": ("UP", 0, 60_000_000), "b:2/bootstrap": ("INIT", 0, -1), ":0/internal": ("CONNECT", 0, -1)}),
        ("", {"a:1/1": ("UP", 1, 1_000)}),
        ("a:1 says nothing", {"a:1/1": ("UP", 1, 9_000_000), "b:2/2": ("UP", 0, 9_000_000)}),
        ("a:1 says nothing", {"a:1/bootstrap": ("APIVERSION_QUERY", 1, -1), "a:1/1": ("UP", 2, -1)}),
        ("a:1 says nothing", {"sasl_ssl://a:1/bootstrap": ("APIVERSION_QUERY", 1, -1)}),
        ("a:1 cannot be connected to, b:2 says nothing", {"b:2/2": ("AUTH_HANDSHAKE", 1, -1), "a:1/bootstrap": ("CONNECT", 0, -1)}),
    ],
)
def test_brokers_that_are_waited_for_are_named(words, brokers):
    """Those that took a question and do not answer, and those that take none; not those that nothing is wanted from."""
    assert words == silent(statistics(**brokers))


def test_without_statistics_nobody_is_named():
    """They come some seconds after the start."""
    assert "" == silent("")


def test_a_sentence_says_what_to_do_and_who_it_is():
    """One line, with what librdkafka said."""
    assert "the brokers do not answer in time (Local: Timed out; a:1 says nothing)" == sentence(
        KafkaError(KafkaError._TIMED_OUT), "a:1 says nothing"
    )


@pytest.mark.parametrize(
    ("kept", "answer"),
    [
        ("invalid_client", '{"error": "invalid_client", "error_description": "s3cret is wrong"}'),
        ("Failed to acquire SASL OAUTHBEARER token:", "<html>s3cret</html>"),
        ("Failed to acquire SASL OAUTHBEARER token: Could not resolve host", "Could not resolve host"),
    ],
)
def test_of_the_answer_of_who_gives_tokens_only_the_reason_is_repeated(kept, answer):
    """The rest may hold anything, what we sent included."""
    fault = KafkaError(KafkaError._AUTHENTICATION, f"Failed to acquire SASL OAUTHBEARER token: {answer}")
    assert f"no token is given: check token_url, client_id and client_secret ({kept})" == sentence(fault)
