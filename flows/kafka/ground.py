"""What the doctor finds in a Kafka source for one connector: how much lies ahead, and whether its offsets are still there. Reads no message."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from currents_segment.flows.config import Connector, KafkaSource
from currents_segment.flows.kafka.log import ALL, first_offset
from currents_segment.flows.kafka.survey import KafkaSurvey, look, seen
from currents_segment.flows.preflight import Finding, kafka
from currents_segment.flows.slots import Key, Unit


@dataclass(slots=True)
class KafkaGround:
    """One source as one connector would find it.

    Attributes:
        survey: what there is, whoever reads it.
        on_loss: what a start does about deleted messages.
        ahead: messages to be read, control records and gaps included.
        lost: messages that were deleted before they were read, by partition.
        beyond: partitions that end before the position.
        anew: topics that were deleted and created again since.
        gone: topics that the state has offsets in and that are not among the source's any more.
    """

    survey: KafkaSurvey
    on_loss: str
    ahead: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    beyond: list[str] = field(default_factory=list)
    anew: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


def ground(connector: Connector, source: KafkaSource, kept: Mapping[Key, Any], *, clock: Callable[[], float]) -> KafkaGround:
    """Ask the cluster and the registry, and hold what they say against the positions.

    Args:
        connector: whose positions they are.
        source: where.
        kept: the committed positions of all slots.
        clock: s since the epoch.

    Raises:
        FailedError: the cluster does not answer, or refuses us.
    """
    view = look(source, [connector.start], clock=clock)
    found = KafkaGround(seen(source, connector, view), source.kafka.on_loss)
    first: Mapping[str, int] = kept.get((connector.name, source.name, ALL), {})
    for name, topic in view.topics.items():
        for number, latest in topic.latest.items():
            unit, earliest, place = Unit(connector.name, f"{source.name}/{name}", number), topic.earliest[number], f"{name} [{number}]"
            start = connector.start if not first or number < first.get(name, 0) else "earliest"
            identity, offset, _ = kept.get((unit.connector, unit.log, number)) or (topic.id, first_offset(start, topic, number), 0)
            if identity != topic.id:
                found.anew += [name] if name not in found.anew else []
                offset = earliest
            elif offset < earliest:
                found.lost[place] = earliest - offset
            elif offset > latest:
                found.beyond.append(place)
            found.ahead += latest - min(max(offset, earliest), latest)
    mine = {log.partition("/")[2] for name, log, number in kept if name == connector.name and log.startswith(f"{source.name}/")}
    found.gone = sorted(mine - view.topics.keys() - {name.partition(" [")[0] for name in view.missing})
    return found


def findings(connector: Connector, source: str, found: KafkaGround) -> Iterator[Finding]:
    """What of it needs somebody."""
    about = f"{connector.name}, source {source}"
    yield from kafka(about, found.survey, connector)
    goes_on = found.on_loss == "continue"
    then = "a start goes on with the earliest that are left"
    if not goes_on:
        then = f"a start stops there; to go on: on_loss: continue, or connectors rewind {connector.name} --to earliest"
    level: Literal["fault", "warning"] = "warning" if goes_on else "fault"
    if found.lost:
        places = ", ".join(found.lost)
        yield Finding(level, about, f"{sum(found.lost.values()):,} messages were deleted before they were read ({places}): {then}")
    if found.anew:
        yield Finding(level, about, f"deleted and created again: {', '.join(found.anew)}; what was not read of the old is gone: {then}")
    if found.beyond:
        places = ", ".join(found.beyond)
        yield Finding(level, about, f"ends before the position: {places}; its log was cut off, as after an unclean election: {then}")
    if found.gone:
        text = f"the state has offsets in topics that are not there any more, or that no setting names: {', '.join(found.gone)}"
        yield Finding("warning", about, f"{text}; what was not read of them is gone, or waits until they are read again")
