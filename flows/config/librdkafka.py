"""Which settings of librdkafka a configuration may pass through: all that it knows, but for those that would break a guarantee."""

from collections.abc import Mapping
from typing import Final

_KEPT: Final = "positions are kept with the state"
_BY_SLOT: Final = "partitions are assigned by slot, not by a group"
_PROGRAMS: Final = "it belongs to programs"
REFUSED: Final = {  # settings of librdkafka that would break a guarantee, or that have a place of their own
    "allow.auto.create.topics": "a topic whose name is misspelt would be created, and read as an empty one",
    "auto.commit.enable": _KEPT,
    "auto.offset.reset": "events would be skipped in silence when the log no longer has a position; see on_loss",
    "bootstrap.servers": "set bootstrap",
    "default.topic.config": _PROGRAMS,
    "enable.auto.commit": "positions are kept with the state and committed after each snapshot",
    "enable.auto.offset.store": _KEPT,
    "enable.partition.eof": "the end of a partition must be told",
    "enable.ssl.certificate.verification": "whoever answers would be taken for the brokers; set ca in the section tls",
    "enabled_events": _PROGRAMS,
    "group.id": "set group",
    "group.instance.id": _BY_SLOT,
    "group.protocol": _BY_SLOT,
    "group.remote.assignor": _BY_SLOT,
    "isolation.level": "events of aborted transactions would be sent",
    "log.queue": _PROGRAMS,
    "logger": _PROGRAMS,
    "metadata.broker.list": "set bootstrap",
    "offset.store.method": _KEPT,
    "offset.store.path": _KEPT,
    "partition.assignment.strategy": _BY_SLOT,
    "plugin.library.paths": "it loads foreign code into the process",
    "sasl.mechanism": "set sasl.mechanism in the section sasl",
    "sasl.mechanisms": "set sasl.mechanism in the section sasl",
    "sasl.oauthbearer.client.id": "set client_id in the section sasl",
    "sasl.oauthbearer.client.secret": "set client_secret in the section sasl",
    "sasl.oauthbearer.config": "tokens come from token_url; it is for tokens that nobody signed",
    "sasl.oauthbearer.method": "tokens come from token_url in the section sasl",
    "sasl.oauthbearer.scope": "set scope in the section sasl",
    "sasl.oauthbearer.token.endpoint.url": "set token_url in the section sasl",
    "sasl.password": "set password in the section sasl",
    "sasl.username": "set username in the section sasl",
    "security.protocol": "it follows from the sections tls and sasl",
    "ssl.ca.location": "set ca in the section tls",
    "ssl.certificate.location": "set certificate in the section tls",
    "ssl.key.location": "set key in the section tls",
    "ssl.key.password": "set key_password in the section tls",
    "test.mock.num.brokers": "events would be read from a made-up cluster",
    "topic.blacklist": "topics that a pattern matches would be left out in silence; say what to read in topics",
}
_ACKED: Final = "a dead letter is written when all replicas in sync have it, and is let go then"
_BOUNDED: Final = "a letter that is not taken must be told in time; it is tried again for ever"
_SIZED: Final = "the largest letter must find room, and a batch must not be larger than a letter may be"
OF_LETTERS: Final = {  # the same for the topic of dead letters, which is also written
    **REFUSED,
    **dict.fromkeys(("acks", "request.required.acks", "enable.idempotence", "transactional.id", "delivery.report.only.error"), _ACKED),
    **dict.fromkeys(("message.timeout.ms", "delivery.timeout.ms", "topic.metadata.propagation.max.ms"), _BOUNDED),
    **dict.fromkeys(("message.max.bytes", "batch.size"), _SIZED),
    **dict.fromkeys(("group.id", "group.instance.id", "group.protocol"), "letters are read by partition, not by a group"),
    "allow.auto.create.topics": "a misspelt name must be told",
}
FOR_ITSELF: Final = {"group.id": "-", "log_level": 0}  # a consumer without brokers: it connects to nothing


def refusal(name: str, value: str | None, refused: Mapping[str, str] = REFUSED) -> str | None:
    """Why a setting cannot be passed through, or None.

    Args:
        name: as librdkafka calls it.
        value: None where it is a secret that is not read now.
        refused: the reason of each that cannot.
    """
    if name in refused:
        return f"cannot be passed through: {refused[name]}"
    if name.endswith("_cb"):
        return "cannot be passed through: it belongs to programs"
    from confluent_kafka import Consumer, KafkaException  # noqa: PLC0415 - only who passes options on needs it, and its import costs 50 ms

    try:
        Consumer({**FOR_ITSELF, name: "" if value is None else value}).close()
    except KafkaException as fault:
        why = fault.args[0].str().strip()
        if "No such configuration property" in why:
            return "is not a setting of librdkafka"
        return None if value is None else f"is refused by librdkafka: {why}"
    return None
