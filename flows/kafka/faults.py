"""What brokers and librdkafka say is wrong, in one line for an operator: what, and what to do. Never holds a secret."""

import json
import re
from typing import Final

from confluent_kafka import KafkaError

_REMEDIES: Final = {
    KafkaError._AUTHENTICATION: "the brokers refuse who we are: check mechanism, name and password",
    KafkaError.SASL_AUTHENTICATION_FAILED: "the brokers refuse who we are: check mechanism, name and password",
    KafkaError._SSL: "TLS does not come about: check ca, certificate and key, and that this is the brokers' TLS port",
    KafkaError._TRANSPORT: "the brokers cannot be reached: check bootstrap, network, and whether the port wants TLS",
    KafkaError._RESOLVE: "the name is not known: check bootstrap and DNS",
    KafkaError._ALL_BROKERS_DOWN: "no broker can be reached: check bootstrap, network, and whether the port wants TLS",
    KafkaError._TIMED_OUT: "the brokers do not answer in time",
    KafkaError.REQUEST_TIMED_OUT: "the brokers do not answer in time",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "we may not read it: grant READ and DESCRIBE on the topic",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "we may not ask this: see the list of grants in docs/kafka.md",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "we may not commit to the group: grant READ on it, or set group: null",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "there is no such topic, or we may not see it: create it, or mend its name",
}
TELLING: Final = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._RESOLVE, KafkaError.SASL_AUTHENTICATION_FAILED})
"""Faults that say why: others that come with them (all brokers down, timed out) only say that."""


def sentence(error: KafkaError, who: str = "") -> str:
    """One line; with whose fault it is, where that is known."""
    words = " ".join(error.str().split())
    remedy = _REMEDIES.get(error.code())
    if TOKENS in words:
        words, remedy = _given_by_provider(words), "no token is given: check token_url, client_id and client_secret"
    said = "; ".join(filter(None, (words, who)))
    return f"{remedy} ({said})" if remedy else f"{error.name()}: {said}"


TOKENS: Final = "SASL OAUTHBEARER token"
REASON: Final = re.compile(r'"error"\s*:\s*"(\w{1,40})"')  # RFC 6749, 5.2


def _given_by_provider(words: str) -> str:
    """Librdkafka repeats the whole answer of who gives tokens, and that may repeat anything: only its code of an error is kept."""
    reason = REASON.search(words)
    return reason[1] if reason else re.split(r"[{<\[]", words)[0].strip()


TIMED_OUT: Final = frozenset({KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})
"""Answers that only say that there is none: what was said beside them says more."""
UNCONNECTED: Final = TIMED_OUT | {KafkaError._SSL}
"""After these a certificate may have expired."""
FORBIDDEN: Final = frozenset({KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED})
"""What a person must grant; waiting does not help."""
NOT_UP: Final = frozenset({"DOWN", "TRY_CONNECT", "CONNECT"})
SILENT: Final = 3_000_000  # µs: the administrator's client asks for nothing that takes long


def silent(statistics: str) -> str:
    """The brokers that librdkafka's statistics (STATISTICS.md) show waiting for: by name, with how far it came; "" when there are none."""
    names = []
    for name, broker in (json.loads(statistics)["brokers"] if statistics else {}).items():
        waits = broker["state"] == "UP" and broker["waitresp_cnt"] and not 0 <= broker["rxidle"] < SILENT
        if name.startswith(":") or broker["state"] == "INIT" or (broker["state"] == "UP" and not waits):
            continue
        address = name.rpartition("://")[2].partition("/")[0]
        names.append(address + (" cannot be connected to" if broker["state"] in NOT_UP else " says nothing"))
    return ", ".join(sorted(set(names)))
