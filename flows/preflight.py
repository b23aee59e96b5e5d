"""What a start would meet, found out without sending an event or changing anything: for `check`.

Every part is looked at, whatever the others say; what is wrong becomes a `Finding`.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, Literal

import httpx

from currents_segment.codecs import catalogue
from currents_segment.flows import machine
from currents_segment.flows.bucket import Survey, survey
from currents_segment.flows.config import Config, Connector, KafkaSource, Source
from currents_segment.flows.config.model import ENDPOINTS
from currents_segment.flows.errors import UserError
from currents_segment.sinks.dead_letters import opened
from currents_segment.sinks.segment.client import trusting

if TYPE_CHECKING:
    from currents_segment.flows.kafka.survey import KafkaSurvey

AT_A_TIME: Final = 8  # listings and requests; they wait for the network
TIMEOUT: Final = 10.0  # s, for the endpoint's answer
SKEW: Final = 60.0  # s between our clock and the endpoint's that are worth a word
HOUR: Final = 3600.0  # s
ID_ON_DISK: Final = 8  # bytes of a known id in the recovery store
LITTLE: Final = 10_000_000  # bytes: an epoch may need as much
SPARE: Final = 1_000_000_000  # bytes for dead letters and for the store's growth between two clean-ups


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should know before the start.

    Attributes:
        level: a `fault` keeps events from arriving, a `warning` may be meant so.
        about: the part of the configuration.
        text: what, and what to do.
    """

    level: Literal["fault", "warning"]
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """How an endpoint answered a GET without a key.

    Attributes:
        status: of HTTP; any is right, the way is open.
        seconds: from the look-up of the name to the answer.
        ahead: seconds that our clock is ahead of the endpoint's, which tells whole ones; None where it tells no time.
    """

    status: int
    seconds: float
    ahead: float | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """One connector, and what it would read and reach.

    Attributes:
        connector: its configuration.
        sources: by name, what lies in each source of its workspace; what went wrong, as text, where it could not be listed.
        answer: of its endpoint; what went wrong, as text, where there was none.
    """

    connector: Connector
    sources: Mapping[str, "Survey | KafkaSurvey | str"]
    answer: Answer | str


@dataclass(frozen=True, slots=True)
class Preflight:
    """Everything found.

    Attributes:
        resumes: the state folder holds positions: a start goes on there, and `start` is not looked at.
        free: bytes free for state.
        outlooks: by connector, in the order of the file.
        findings: faults first.
    """

    resumes: bool
    free: int
    outlooks: Mapping[str, Outlook]
    findings: tuple[Finding, ...]


def inspect(config: Config, *, clock: Callable[[], float]) -> Preflight:
    """Look at everything that the configuration names; takes as long as the slowest listing."""
    sources = {name: config.workspaces[connector.workspace].sources.values() for name, connector in config.connectors.items()}
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        asked = {endpoint: pool.submit(ask, endpoint, clock) for endpoint in {one.endpoint for one in config.connectors.values()}}
        listed = {
            name: {source.name: pool.submit(_listed, config.connectors[name], source, clock) for source in sources[name]}
            for name in sources
        }
    outlooks = {
        name: Outlook(connector, {key: future.result() for key, future in listed[name].items()}, asked[connector.endpoint].result())
        for name, connector in config.connectors.items()
    }
    findings = [*state_folder(config), *dead_letters_place(config), *_port(config)]
    for outlook in outlooks.values():
        findings += [*_endpoint(outlook), *_sources(outlook), *_start(outlook.connector, clock())]
    return Preflight(
        resumes=any((config.state / "recovery").glob("*.sqlite3")),
        free=machine.free(config.state),
        outlooks=outlooks,
        findings=tuple(sorted(findings, key=lambda finding: finding.level)),
    )


def ask(endpoint: str, clock: Callable[[], float]) -> Answer | str:
    """Whether something answers there: a GET without key and events, which no tracking endpoint takes for one."""
    before = clock()
    try:
        with httpx.Client(timeout=TIMEOUT, trust_env=False, verify=trusting(os.environ)) as client:  # as the run does: no proxy
            response = client.get(endpoint)
    except httpx.HTTPError as fault:
        return f"{endpoint} does not answer: {str(fault) or type(fault).__name__}; check name, network, proxy and TLS certificates"
    after = clock()
    told = _date(response.headers.get("date", ""))
    return Answer(response.status_code, after - before, None if told is None else after - told.timestamp())


def _date(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header)
    except ValueError:
        return None


def _listed(connector: Connector, source: Source | KafkaSource, clock: Callable[[], float]) -> "Survey | KafkaSurvey | str":
    try:
        if isinstance(source, Source):
            return survey(source, selected=connector.selected, everything=connector.everything, start=connector.start, now=clock())
        from currents_segment.flows.kafka.survey import survey as ask_kafka  # noqa: PLC0415 - who has no Kafka does not pay for its client

        return ask_kafka(source, connector, clock=clock)
    except UserError as fault:
        return str(fault)


def state_folder(config: Config) -> Iterator[Finding]:
    """What is wrong with the state folder and its disk."""
    if why := machine.unwritable(config.state):
        yield Finding("fault", "state", f"{why}: give the folder to the user that runs this, or set `state`")
        return
    if kind := machine.shared_by_network(config.state):
        yield Finding("fault", "state", f"{config.state} is on {kind}, where SQLite's locks do not hold: use a local disk or block storage")
    need = config.dedup.max_ids * ID_ON_DISK + SPARE
    if (free := machine.free(config.state)) < LITTLE:
        yield Finding("fault", "state", f"{free / 1e6:.1f} MB free in {config.state}: not enough for a single snapshot; make room")
    elif free < need:
        yield Finding(
            "warning", "state", f"{free / 1e9:.1f} GB free in {config.state}: max_ids may need {need / 1e9:.1f} GB; lower it or make room"
        )


def dead_letters_place(config: Config) -> Iterator[Finding]:
    """What is wrong with the place of dead letters, as far as it can be told without writing."""
    return (Finding(level, "dead_letters", text) for level, text in opened(config.dead_letters).concerns())


def _port(config: Config) -> Iterator[Finding]:
    if config.http is not None and (why := machine.taken(config.http.host, config.http.port)):
        where = f"{config.http.host}:{config.http.port}"
        yield Finding("warning", "http", f"cannot listen on {where}: {why}; does another run use it? Otherwise set `http.port`")


def _endpoint(outlook: Outlook) -> Iterator[Finding]:
    connector, answer = outlook.connector, outlook.answer
    if connector.endpoint != ENDPOINTS[connector.region]:
        yield Finding("warning", connector.name, f"sends to {connector.endpoint}, not to Segment: remove `endpoint` outside tests")
    if isinstance(answer, str):
        yield Finding("fault", connector.name, answer)
    elif answer.ahead is not None and abs(answer.ahead) > SKEW:
        way = "ahead of" if answer.ahead > 0 else "behind"
        yield Finding("warning", connector.name, f"this machine's clock is {abs(answer.ahead):.0f} s {way} the endpoint's: set it by NTP")


def _sources(outlook: Outlook) -> Iterator[Finding]:
    for name, found in outlook.sources.items():
        about = f"{outlook.connector.name}, source {name}"
        if isinstance(found, str):
            yield Finding("fault", about, found)
        elif isinstance(found, Survey):
            yield from _bucket(about, found)
        else:
            yield from kafka(about, found, outlook.connector)


def _bucket(about: str, found: Survey) -> Iterator[Finding]:
    known = catalogue.load()
    if not found.objects:
        there = f"{len(found.unselected)} types are there, but not selected" if found.unselected else "does Braze write there already?"
        yield Finding("warning", about, f"{found.url} holds nothing to send: {there}")
    elif strange := [kind for kind in found.types if kind and known.resolve(kind) is None]:
        yield Finding("warning", about, f"types that the catalogue does not know are counted and not sent: {', '.join(strange)}")


def kafka(about: str, found: "KafkaSurvey", connector: Connector) -> Iterator[Finding]:
    """What of a Kafka source needs somebody."""
    for topic, why in found.missing.items():
        yield Finding("fault", about, f"topic {topic}: {why}")
    if found.registry is not None:
        yield Finding("fault", about, found.registry)
    if not found.topics and not found.missing:
        yield Finding("warning", about, f"no topic at {found.brokers} matches: mend the pattern, or grant DESCRIBE on the topics")
    for topic, seen in found.topics.items():
        if seen.retention is not None and (short := connector.expire_after - seen.retention) > 0:
            text = f"topic {topic} keeps messages for {seen.retention / HOUR:g} h, {short / HOUR:g} h less than events may have to wait (expire_after)"
            yield Finding("warning", about, f"{text}: raise its retention.ms, or a long outage loses events")


def _start(connector: Connector, now: float) -> Iterator[Finding]:
    if isinstance(connector.start, float) and connector.start > now:
        yield Finding("warning", connector.name, "its start lies in the future: files of earlier hours are left out for good")
