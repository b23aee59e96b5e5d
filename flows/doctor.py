"""What a start would go on from, and what it would mean to start now: state, sources, dead letters, clock, disk. For `doctor`; it changes nothing.

Whether endpoints and secrets are right is `check`'s to find out.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from currents_segment.flows import doctor_letters, doctor_source, doctor_store, lock, machine, recovery
from currents_segment.flows.bucket import CLASSES
from currents_segment.flows.config import Config, Connector, KafkaSource, Source
from currents_segment.flows.doctor_letters import Letters
from currents_segment.flows.doctor_source import Ground
from currents_segment.flows.doctor_store import Store
from currents_segment.flows.errors import FailedError
from currents_segment.flows.holdings import Holding
from currents_segment.flows.preflight import AT_A_TIME, SKEW, Finding, state_folder
from currents_segment.flows.rewind import stands
from currents_segment.flows.slots import Unit

if TYPE_CHECKING:
    from currents_segment.flows.kafka.ground import KafkaGround

LOOKS: Final = 5  # at a store that a run takes or leaves meanwhile


@dataclass(frozen=True, slots=True)
class Report:
    """Everything found.

    Attributes:
        at: when, seconds since the epoch.
        holder: who has the state, in words; None when nobody has.
        free: bytes free for state.
        store: the recovery store.
        grounds: by connector and source, what lies there; what went wrong, as text, where it could not be listed. Empty when nobody looked.
        letters: the dead letters; None when nobody looked.
        findings: what needs somebody, faults first.
    """

    at: float
    holder: str | None
    free: int
    store: Store
    grounds: "Mapping[str, Mapping[str, Ground | KafkaGround | str]]"
    letters: Letters | None
    findings: tuple[Finding, ...]


def inspect(config: Config, *, clock: Callable[[], float], offline: bool) -> Report:
    """Look at everything; takes as long as the slowest listing, or only at the state folder when `offline`.

    Raises:
        OSError: the state's lock cannot be read.
    """
    now = clock()
    file = recovery.lock_file(config.state)
    for _ in range(LOOKS):  # until nobody came or went while we looked
        holder = lock.holder(file)
        store = doctor_store.look(config.state, held=holder is not None)
        if lock.holder(file) == holder:
            break
    grounds = {} if offline else _grounds(config, store, now)
    letters = None if offline else doctor_letters.look(config)
    findings = [*state_folder(config), *store.findings, *_connectors(config, store, now), *_clock(store, now)]
    for name, sources in grounds.items():
        for source, found in sources.items():
            if isinstance(found, str):
                findings.append(Finding("fault", f"{name}, source {source}", found))
            elif not isinstance(found, Ground):
                from currents_segment.flows.kafka import ground as kafka  # noqa: PLC0415 - who has no Kafka does not pay for its client

                findings += kafka.findings(config.connectors[name], source, found)
            else:
                findings += [
                    *doctor_source.findings(name, source, found, now),
                    *_expiring(config.connectors[name], store, source, found, now),
                ]
    findings += letters.findings if letters else []
    return Report(
        at=now,
        holder=holder,
        free=machine.free(config.state),
        store=store,
        grounds=grounds,
        letters=letters,
        findings=tuple(sorted(dict.fromkeys(findings), key=lambda finding: finding.level)),
    )


def _grounds(config: Config, store: Store, now: float) -> "dict[str, dict[str, Ground | KafkaGround | str]]":
    asked: dict[str, dict[str, Future[Ground | KafkaGround | str]]] = {}
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for name, connector in config.connectors.items():
            sources = config.workspaces[connector.workspace].sources.values()
            asked[name] = {source.name: pool.submit(_ground, connector, source, store, now) for source in sources}
    return {name: {source: future.result() for source, future in sources.items()} for name, sources in asked.items()}


def _ground(connector: Connector, source: Source | KafkaSource, store: Store, now: float) -> "Ground | KafkaGround | str":
    try:
        return _of_kafka(connector, source, store, now) if isinstance(source, KafkaSource) else _of_bucket(connector, source, store, now)
    except FailedError as error:
        return str(error)


def _of_kafka(connector: Connector, source: KafkaSource, store: Store, now: float) -> "KafkaGround":
    from currents_segment.flows.kafka import ground as kafka  # noqa: PLC0415 - who has no Kafka does not pay for its client

    kept = {key: packed for row in store.rows.values() for key, packed in row["positions"].items()}
    return kafka.ground(connector, source, kept, clock=lambda: now)


def _of_bucket(connector: Connector, source: Source, store: Store, now: float) -> Ground:
    units = [Unit(connector.name, source.name, partition) for partition in range(CLASSES)]
    whole = len(store.rows) > 0
    positions = {unit.partition: stands(store.rows, unit) if whole else None for unit in units}
    made = moment(store.since) if store.since else now
    since = max(made, store.holdings.get(connector.name, Holding()).rewound or made)
    return doctor_source.ground(connector, source, positions, since=since, now=now)


def moment(text: str) -> float:
    """Seconds since the epoch of a time as SQLite writes it."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def told(at: float) -> str:
    """A time for a person."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _connectors(config: Config, store: Store, now: float) -> Iterator[Finding]:
    for name, holding in store.holdings.items():
        connector = config.connectors.get(name)
        if connector is None:
            keeps = f"its positions and {holding.unacked + holding.dead:,} events" if holding.unacked + holding.dead else "its positions"
            text = (
                f"not configured: the state keeps {keeps} until it is again; one that was renamed needs its old name, or it sends all again"
            )
            yield Finding("warning", name, text)
            continue
        sources = config.workspaces[connector.workspace].sources
        if strange := sorted(set(holding.stood) - set(sources)):
            text = (
                f"its positions in {', '.join(strange)} wait for a source of that name; one that was renamed would be read from `start` on"
            )
            yield Finding("warning", name, text)
        if holding.failing_since is None:
            continue
        due = holding.failing_since + connector.expire_after
        then = f"begin to expire at {told(due)}" if due > now else "that have waited so long expire with the next attempt that fails"
        text = f"every attempt has failed since {told(holding.failing_since)}: its events {then}; mend its endpoint or key before (status says why)"
        yield Finding("warning", name, text)
        waited = sum(
            count for arrival, count in holding.arrivals.items() if max(arrival, holding.failing_since) + connector.expire_after < now
        )
        if waited:
            yield Finding(
                "warning",
                name,
                f"{waited:,} un-acked events become dead letters if the first attempt fails: dead-letters replay sends them",
            )


def _expiring(connector: Connector, store: Store, source: str, found: Ground, now: float) -> Iterator[Finding]:
    failing = store.holdings.get(connector.name, Holding()).failing_since
    if found.old and failing is not None and failing + connector.expire_after < now:
        yield Finding(
            "warning",
            f"{connector.name}, source {source}",
            f"the events of {found.old:,} unread files become dead letters if the first attempt fails: dead-letters replay sends them",
        )


def _clock(store: Store, now: float) -> Iterator[Finding]:
    """Times that lie ahead: the clock was set back since, or another machine's is ahead."""
    times = [at for one in store.holdings.values() for at in (one.failing_since, one.last_ok, one.rewound) if at is not None]
    times += [moment(at) for at in (store.since, store.begun) if at]
    ahead = max(times, default=now) - now
    if ahead > SKEW:
        yield Finding(
            "warning",
            "clock",
            f"the state knows of a time {ahead:,.0f} s from now: this machine's clock was set back, or is wrong; set it by NTP",
        )
