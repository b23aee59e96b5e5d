"""Rules between parts of the file, checked on its plain data, so that they are reported together with mistakes in single values."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from currents_segment.flows.config import places
from currents_segment.flows.config.document import Mistake, Place
from currents_segment.flows.config.librdkafka import OF_LETTERS, REFUSED, refusal

_SECRET_OPTION: Final = re.compile(
    r"(secret|password|token|key\.pem$|(account|access|sas)_key$)(?!.*[._](file|path|uri|url|location|enabled?)$)", re.IGNORECASE
)


def broken(data: Any, folder: Path) -> Iterator[Mistake]:
    """Every rule between parts that the file breaks; parts of the wrong shape are passed over, the models report them."""
    yield from _names(data)
    yield from _sources(data, folder)
    yield from _topics(data)
    yield from _passed_through(data)
    yield from _outputs(data, folder)
    yield from _raw_ids(data)
    yield from _literal_secrets(data)


def _parts(data: Any, kind: str) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Sources or connectors with their places, in the order of the file."""
    for workspace, body in _items(data, "workspaces"):
        for name, part in _items(body, kind):
            if isinstance(part, Mapping):
                yield ("workspaces", workspace, kind, name), dict(part)


def _items(data: Any, key: str) -> Iterator[tuple[str, Any]]:
    inner = data.get(key) if isinstance(data, Mapping) else None
    return iter(inner.items() if isinstance(inner, Mapping) else ())


def _names(data: Any) -> Iterator[Mistake]:
    seen: dict[str, Place] = {}
    for place, _ in _parts(data, "connectors"):
        name = str(place[-1])
        if name in seen:
            yield Mistake(place, f"has the name of {_path(seen[name])}: give it another, metrics and state go by it")
        seen.setdefault(name, place)


def _sources(data: Any, folder: Path) -> Iterator[Mistake]:
    seen: list[tuple[str, str, Place]] = []
    for place, url, source in _placed(data, folder):
        server = next((str(value) for key, value in _items(source, "options") if "endpoint" in key), "")
        for other_url, other_server, other in seen:
            if server == other_server and places.overlap(url, other_url):
                reason = f"overlaps {_path(other)}: name the folder of one integration in each, or events are sent twice"
                yield Mistake(place, reason)
                break
        seen.append((url, server, place))


def _outputs(data: Any, folder: Path) -> Iterator[Mistake]:
    """What a run writes must not lie where it reads."""
    for key, default in (("state", "state"), ("dead_letters", None)):
        written = _url(data.get(key, default), folder) if isinstance(data, Mapping) else None
        for place, url, _ in _placed(data, folder):
            if written is not None and places.within(written, url):
                yield Mistake((key,), f"lies within {_path(place)}: its files would be read as events; choose a place beside it")
                break


def _placed(data: Any, folder: Path) -> Iterator[tuple[Place, str, Mapping[str, Any]]]:
    """Sources with the places of their URLs, and the URLs in normal form; those that have none are passed over."""
    for place, source in _parts(data, "sources"):
        if (url := _url(source.get("url"), folder)) is not None:
            yield (*place, "url"), url, source


def _url(text: object, folder: Path) -> str | None:
    try:
        return places.normal(text, folder)
    except ValueError:  # the models report it
        return None


def _path(place: Place) -> str:
    return ".".join(map(str, place))


def _raw_ids(data: Any) -> Iterator[Mistake]:
    first: dict[str | int, Place] = {}
    for place, connector in _parts(data, "connectors"):
        if connector.get("message_id") != "raw":
            continue
        workspace = place[1]
        if workspace in first:
            yield Mistake(
                (*place, "message_id"),
                f"is raw, as in {first[workspace][-1]}, which has the same events: Segment would keep only one of each; leave one of them namespaced",
            )
        first.setdefault(workspace, place)


def _kafkas(data: Any) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    for place, source in _parts(data, "sources"):
        if isinstance(kafka := source.get("kafka"), Mapping):
            yield (*place, "kafka"), kafka


def _topics(data: Any) -> Iterator[Mistake]:
    seen: list[tuple[str, str, Place]] = []
    for place, kafka in _kafkas(data):
        brokers, topics = kafka.get("bootstrap"), kafka.get("topics")
        if not isinstance(brokers, str) or not isinstance(topics, list):
            continue
        for index, topic in enumerate(topics):
            here = (*place, "topics", index)
            if other := _read_by(str(topic), brokers, seen):
                yield Mistake(here, f"is read by {_path(other)} already: every event would be sent twice; keep one of them")
            seen.append((str(topic), brokers, here))
    for place, kafka in _letters(data):
        if other := _read_by(str(kafka.get("topic")), str(kafka.get("bootstrap")), seen):
            yield Mistake((*place, "topic"), f"is read by {_path(other)}: its letters would be read as events; write another topic")


def _read_by(topic: str, brokers: str, seen: list[tuple[str, str, Place]]) -> Place | None:
    """The first topic of a source that is certainly the same one."""
    addresses = set(brokers.split(","))
    return next((place for other, others, place in seen if _same(topic, other) and addresses & set(others.split(","))), None)


def _same(one: str, other: str) -> bool:
    """Whether two topics, each a name or a pattern, are certainly read both: whether two patterns meet cannot be told."""
    for pattern, name in ((one, other), (other, one)):
        if pattern.startswith("^") and not name.startswith("^"):
            try:
                return re.fullmatch(pattern, name) is not None
            except re.error:  # the models report it
                return False
    return one == other


def _letters(data: Any) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """The topic of dead letters, where they go to one."""
    for key, kafka in _items(data, "dead_letters"):
        if key == "kafka" and isinstance(kafka, Mapping):
            yield ("dead_letters", "kafka"), kafka


def _passed_through(data: Any) -> Iterator[Mistake]:
    clusters = [*((REFUSED, *found) for found in _kafkas(data)), *((OF_LETTERS, *found) for found in _letters(data))]
    for refused, place, kafka in clusters:
        for name, value in _items(kafka, "options"):
            if isinstance(value, str | int | float):
                text = str(value).lower() if isinstance(value, bool) else str(value)
                if why := refusal(name, None if text.startswith(("env:", "file:")) else text, refused):
                    yield Mistake((*place, "options", name), why)


def _literal_secrets(data: Any) -> Iterator[Mistake]:
    parts = [*_parts(data, "sources"), *_kafkas(data), *_letters(data)]
    for place, source in parts:
        for key, value in _items(source, "options"):
            if _SECRET_OPTION.search(key) and not str(value).startswith(("env:", "file:")):
                yield Mistake((*place, "options", key), "is a secret: write env:NAME or file:PATH, never the secret itself")
