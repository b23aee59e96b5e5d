"""Which settings of librdkafka a configuration may pass through: all that it knows, but for those that would break a guarantee."""

from collections.abc import Mapping
from typing import Final

REFUSED: Final = {  # settings of librdkafka that would break a guarantee, or that have a place of their own
    "auto.offset.reset": "events would be skipped in silence when the log no longer has a position; see on_loss",
    "bootstrap.servers": "set bootstrap",
    "enable.auto.commit": "positions are kept with the state and committed after each snapshot",
    "enable.auto.offset.store": "positions are kept with the state",
    "enable.partition.eof": "the end of a partition must be told",
    "group.id": "set group",
    "group.instance.id": "partitions are assigned by slot, not by a group",
    "group.protocol": "partitions are assigned by slot, not by a group",
    "group.remote.assignor": "partitions are assigned by slot, not by a group",
    "isolation.level": "events of aborted transactions would be sent",
    "metadata.broker.list": "set bootstrap",
    "partition.assignment.strategy": "partitions are assigned by slot, not by a group",
    "plugin.library.paths": "it loads foreign code into the process",
    "sasl.mechanism": "set sasl.mechanism in the section sasl",
    "sasl.mechanisms": "set sasl.mechanism in the section sasl",
    "sasl.password": "set password in the section sasl",
    "sasl.username": "set username in the section sasl",
    "security.protocol": "it follows from the sections tls and sasl",
    "ssl.ca.location": "set ca in the section tls",
    "ssl.certificate.location": "set certificate in the section tls",
    "ssl.key.location": "set key in the section tls",
    "ssl.key.password": "set key_password in the section tls",
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
