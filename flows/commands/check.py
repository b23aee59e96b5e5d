"""`check`: whether a configuration is right and what a start with it would meet, without sending anything."""

import dataclasses
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from currents_segment.flows.errors import FailedError

FEW = 5  # names in a line that a person reads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from currents_segment.flows.bucket import Survey
    from currents_segment.flows.config import Config
    from currents_segment.flows.kafka.survey import KafkaSurvey
    from currents_segment.flows.preflight import Outlook, Preflight


def check(
    config: Annotated[Path, typer.Argument(help="The configuration file.", show_default=False)],
    offline: Annotated[bool, typer.Option("--offline", help="Check the file alone: no secrets, no bucket, no endpoint.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Find out whether a configuration is right, and what a first start with it would send. Sends and changes nothing.

    Looks at the file, the secrets it refers to, each connector's sources (folders, types, objects, hours), Segment's endpoint, the state
    folder and its disk, the port, and the clock. A wrong write key does not show: Segment takes events with any key.

    \b
    currents-segment check segment.yaml
    currents-segment check segment.yaml --json | jq .findings
    currents-segment check segment.yaml --offline     in a pipeline without secrets

    Exit codes: 0 nothing stands in the way (there may be warnings); 1 a source, an endpoint or a folder cannot be used; 2 the file has
    mistakes, a line each.
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    from currents_segment.flows.config import load  # noqa: PLC0415 - keeps --help quick

    settings = load(config, secrets=not offline)
    if offline:
        typer.echo(json.dumps({"configuration": str(config), "right": True}) if as_json else f"{config} is right: {_contents(settings)}")
        return
    from currents_segment.flows.preflight import inspect  # noqa: PLC0415

    found = inspect(settings, clock=time.time)
    typer.echo(json.dumps(_document(settings, found), indent=2) if as_json else "\n".join(_lines(settings, found)))
    if faults := sum(finding.level == "fault" for finding in found.findings):
        raise FailedError(f"{_many(faults, 'fault')} in the way of events: mend them and check again")


def _contents(config: "Config") -> str:
    sources = sum(len(workspace.sources) for workspace in config.workspaces.values())
    return f"{_many(len(config.workspaces), 'workspace')}, {_many(sources, 'source')}, {_many(len(config.connectors), 'connector')}"


def _lines(config: "Config", found: "Preflight") -> "Iterator[str]":
    yield f"{config.path}: {_contents(config)}"
    start = "holds a recovery store: a start goes on there" if found.resumes else "holds no recovery store: this would be the first start"
    yield f"state {config.state}: {start}; {_size(found.free)} free"
    for name, outlook in found.outlooks.items():
        yield f"\n{name} (workspace {outlook.connector.workspace})"
        yield from (f"  {label:<9} {text}" for label, text in _rows(outlook, resumes=found.resumes))
    yield ""
    yield from (f"{finding.level}: {finding.about}: {finding.text}" for finding in found.findings)
    if not found.findings:
        yield "nothing stands in the way"


def _rows(outlook: "Outlook", *, resumes: bool) -> "Iterator[tuple[str, str]]":
    from currents_segment.codecs import catalogue  # noqa: PLC0415
    from currents_segment.flows.bucket import Survey  # noqa: PLC0415

    connector = outlook.connector
    anonymous = "with" if connector.anonymous_users else "without"
    yield "selects", f"{len(connector.selected)} of {len(catalogue.load().types)} known types, {anonymous} anonymous users"
    if not isinstance(outlook.answer, str):
        yield (
            "endpoint",
            f"{connector.endpoint} answers ({outlook.answer.status} in {outlook.answer.seconds * 1000:.0f} ms; nothing was sent)",
        )
    for name, survey in outlook.sources.items():
        if isinstance(survey, str):
            continue  # told among the findings
        if not isinstance(survey, Survey):
            yield from _topics(name, survey, resumes=resumes, start=_start(connector.start))
            continue
        yield "source", f"{name}: {survey.url}"
        yield "", _seen(survey)
        if survey.unselected:
            few = len(survey.unselected) <= FEW
            yield (
                "",
                f"not selected: {', '.join(survey.unselected) if few else f'{len(survey.unselected)} types there (--json names them)'}",
            )
        if not resumes:
            yield (
                "",
                f"a first start ({_start(connector.start)}) would read {_many(survey.first_objects, 'object')}, {_size(survey.first_bytes)}",
            )


def _topics(name: str, survey: "KafkaSurvey", *, resumes: bool, start: str) -> "Iterator[tuple[str, str]]":
    seen = survey.topics.values()
    partitions, messages, first = (sum(getattr(topic, what) for topic in seen) for what in ("partitions", "messages", "first"))
    yield "source", f"{name}: Kafka at {survey.brokers}"
    yield "", f"{_many(len(survey.topics), 'topic')}; {_many(partitions, 'partition')}; {_many(messages, 'message')}"
    if not resumes:
        yield "", f"a first start ({start}) would read {_many(first, 'message')}"


def _seen(survey: "Survey") -> str:
    integrations = len({folder.partition("event_type=")[0] for folder in survey.folders})
    types = len([kind for kind in survey.types if kind])
    parts = [_many(integrations, "integration folder"), _many(types, "type"), f"{_many(survey.objects, 'object')}, {_size(survey.bytes)}"]
    if survey.oldest is not None and survey.newest is not None:
        parts.append(f"hours {_hour(survey.oldest)} to {_hour(survey.newest)}")
    if survey.loose:
        parts.append(f"{survey.loose:,} outside event_type folders")
    return "; ".join(parts)


def _document(config: "Config", found: "Preflight") -> dict[str, Any]:
    return {
        "configuration": str(config.path),
        "state": {"folder": str(config.state), "resumes": found.resumes, "free_bytes": found.free},
        "connectors": {name: _connector(outlook) for name, outlook in found.outlooks.items()},
        "findings": [dataclasses.asdict(finding) for finding in found.findings],
    }


def _connector(outlook: "Outlook") -> dict[str, Any]:
    return {
        "workspace": outlook.connector.workspace,
        "start": outlook.connector.start,
        "selected": sorted(outlook.connector.selected),
        "endpoint": {"url": outlook.connector.endpoint, **_plain(outlook.answer)},
        "sources": {name: _plain(survey) for name, survey in outlook.sources.items()},
    }


def _plain(part: Any) -> dict[str, Any]:
    return {"error": part} if isinstance(part, str) else dataclasses.asdict(part)


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:  # noqa: PLR2004 - the unit's own factor
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _hour(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %Hh}"


def _start(start: float | str) -> str:
    return start if isinstance(start, str) else f"{datetime.fromtimestamp(start, UTC):%Y-%m-%dT%H:%M:%SZ}"
