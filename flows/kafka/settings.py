"""A source's configuration in librdkafka's words; secrets are read at each call."""

from typing import Any, Final

from currents_segment.flows.config import Access, Kafka, SecretRef

CLIENT: Final = {
    "client.id": "currents-segment",
    "log_level": 0,  # what it has to say comes by its callbacks; its log would be lines of prose on stderr
    "reconnect.backoff.ms": 250,  # the default tries twenty times a second
    "reconnect.backoff.max.ms": 2000,  # a broker that comes back is found within 2 s
    "socket.keepalive.enable": True,
}
ADMIN: Final = {
    "topic.metadata.refresh.interval.ms": 10_000,  # else a broker that is gone is asked for five minutes more
    "socket.timeout.ms": 10_000,  # a broker that says nothing is not asked again, since others answer
    "statistics.interval.ms": 5_000,  # only they tell which broker says nothing
}
CONSUMER: Final = {
    "auto.offset.reset": "error",  # anything else skips events in silence
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,  # tells the end, behind control records and gaps that no message fills
    "isolation.level": "read_committed",
    "fetch.queue.backoff.ms": 10,  # the default of 1,000 makes a backlog 7 to 40 times slower
    "fetch.wait.max.ms": 250,  # an idle consumer asks a broker four times a second; a message is answered at once
    "fetch.max.bytes": 4 << 20,  # of an answer: 64 partitions would bring 50 MB at once
    "queued.max.messages.kbytes": 4096,  # read ahead by librdkafka, for each consumer
}


def client(kafka: Access) -> dict[str, Any]:
    """Where the brokers are, whom we trust and who we are.

    Raises:
        UserError: a secret is gone.
    """
    found: dict[str, Any] = {**CLIENT, "bootstrap.servers": kafka.bootstrap, "security.protocol": _protocol(kafka)}
    if (tls := kafka.tls) is not None:
        found |= {
            key: str(path)
            for key, path in (("ssl.ca.location", tls.ca), ("ssl.certificate.location", tls.certificate), ("ssl.key.location", tls.key))
            if path is not None
        }
        if tls.key_password is not None:
            found["ssl.key.password"] = tls.key_password.read()
    if (sasl := kafka.sasl) is not None:
        found["sasl.mechanism"] = sasl.mechanism
        named = {"sasl.username": sasl.username, "sasl.password": sasl.password}
        if sasl.mechanism == "OAUTHBEARER":
            named = {"sasl.oauthbearer.client.id": sasl.client_id, "sasl.oauthbearer.client.secret": sasl.client_secret}
            found |= {"sasl.oauthbearer.method": "oidc", "sasl.oauthbearer.token.endpoint.url": sasl.token_url}
            found |= {"sasl.oauthbearer.scope": sasl.scope} if sasl.scope is not None else {}
        found |= {key: _text(value) for key, value in named.items()}
    return found | {key: _text(value) for key, value in kafka.options.items()}


def admin(kafka: Access) -> dict[str, Any]:
    """The same for a client that asks what the cluster has."""
    return {**ADMIN, **client(kafka)}


def consumer(kafka: Access, group: str) -> dict[str, Any]:
    """The same for a consumer, which needs the name of a group and never joins it."""
    return {**CONSUMER, **client(kafka), "group.id": group}


def group(kafka: Kafka, connector: str) -> str:
    """The group that a connector's positions are committed to, if they are."""
    return f"{kafka.group or 'currents-segment'}.{connector}"


def _protocol(kafka: Access) -> str:
    if kafka.sasl is not None:
        return "SASL_PLAINTEXT" if kafka.tls is None else "SASL_SSL"
    return "PLAINTEXT" if kafka.tls is None else "SSL"


def _text(value: str | SecretRef | None) -> str:
    return value.read() if isinstance(value, SecretRef) else value or ""
