"""What setting a connector's offsets in Kafka back or forward means: the cluster says where each partition begins, ends, and stands at a time."""

from collections.abc import Callable, Mapping
from typing import Any

from currents_segment.flows.config import Connector, KafkaSource
from currents_segment.flows.errors import FailedError
from currents_segment.flows.kafka.log import ALL, first_offset
from currents_segment.flows.kafka.survey import look
from currents_segment.flows.rewind import Passage, Share, To
from currents_segment.flows.slots import Key, Unit


def passage(
    connector: Connector, source: KafkaSource, to: To, kept: Mapping[Key, Any], *, clock: Callable[[], float]
) -> tuple[Passage, dict[Key, list[Any]]]:
    """What becomes of one source's messages, and the new positions of all partitions that there are now.

    Partitions of topics that are gone keep theirs. What was deleted before it was read is counted, as a run would.

    Args:
        connector: whose.
        source: where.
        to: where it is set.
        kept: the committed positions of all slots.
        clock: s since the epoch.

    Raises:
        FailedError: the cluster does not say where every partition stands.
    """
    view = look(source, [to, connector.start], clock=clock)
    if view.missing:
        raise FailedError(f"source {source.name!r}: " + "; ".join(f"topic {name}: {why}" for name, why in view.missing.items()))
    first: Mapping[str, int] = kept.get((connector.name, source.name, ALL), {})
    again, ahead, skipped = Share(messages=0), Share(messages=0), Share(messages=0)
    changed: dict[Key, list[Any]] = {}
    begun = 0
    for name, topic in view.topics.items():
        for number, latest in topic.latest.items():
            unit, earliest = Unit(connector.name, f"{source.name}/{name}", number), topic.earliest[number]
            key = (unit.connector, unit.log, unit.partition)
            start = connector.start if not first or number < first.get(name, 0) else "earliest"
            identity, old, lost = kept.get(key) or (topic.id, first_offset(start, topic, number), 0)
            if identity == topic.id:
                lost += max(0, earliest - old)
                stands = min(max(old, earliest), latest)
            else:  # another topic of that name: nothing of this one was read
                stands = earliest
            new = first_offset(to, topic, number)
            again.messages += max(0, stands - new)
            ahead.messages += latest - max(stands, new)
            skipped.messages += max(0, new - stands)
            changed[key] = [topic.id, new, lost]
            begun += key in kept
    return Passage(source.name, None, again, ahead, skipped, partitions=begun), changed
