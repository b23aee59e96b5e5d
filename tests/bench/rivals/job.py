"""The job as a team would write it itself in plain Python: registry, fastavro, the selection, a table of names and fields. An object an event."""

import io
import json
import struct
import sys
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro

Place = tuple[str, tuple[str, ...]]  # a field and where it goes


@dataclass(frozen=True)
class Task:
    """What is to be done, as the benchmark says in a file.

    Attributes:
        bootstrap: of Kafka.
        topic: to read to its end, from its beginning.
        partitions: of it.
        registry: its URL.
        endpoint: without `/v1/batch`.
        table: by type, its name in Segment and the places of its fields; types that are not selected are not in it.
    """

    bootstrap: str
    topic: str
    partitions: int
    registry: str
    endpoint: str
    table: dict[str, tuple[str, list[Place]]]


def task() -> Task:
    """The one that the command line names."""
    return Task(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))


class Job:
    """Decodes, selects, maps and drops copies."""

    def __init__(self, what: Task) -> None:
        self._task = what
        self._schemas: dict[int, tuple[Any, tuple[str, list[Place]] | None]] = {}
        self._seen: set[str] = set()

    def _schema(self, number: int) -> tuple[Any, tuple[str, list[Place]] | None]:
        with urllib.request.urlopen(f"{self._task.registry}/schemas/ids/{number}") as answer:
            schema = fastavro.parse_schema(json.loads(json.load(answer)["schema"]))
        self._schemas[number] = schema, self._task.table.get(schema["name"])
        return self._schemas[number]

    def decode(self, value: bytes) -> tuple[tuple[str, list[Place]], dict[str, Any]] | None:
        """The event and what is known of its type; None where it is not sent."""
        _, number = struct.unpack_from(">bI", value)
        schema, known = self._schemas.get(number) or self._schema(number)
        event: dict[str, Any] = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)  # type: ignore[assignment]
        return None if known is None or event["external_user_id"] is None else (known, event)

    @property
    def known(self) -> int:
        """How many different events there were."""
        return len(self._seen)

    def new(self, event: dict[str, Any]) -> bool:
        """It is no copy of one before."""
        if event["id"] in self._seen:
            return False
        self._seen.add(event["id"])
        return True

    @staticmethod
    def message(known: tuple[str, list[Place]], event: dict[str, Any]) -> dict[str, Any]:
        """What Segment gets, as objects."""
        message: dict[str, Any] = {
            "type": "track",
            "event": known[0],
            "messageId": event["id"],
            "userId": event["external_user_id"],
            "timestamp": datetime.fromtimestamp(event["time"], UTC),
            "context": {},
            "properties": {},
        }
        for name, path in known[1]:
            if (value := event[name]) is not None:
                at = message
                for step in path[:-1]:
                    at = at.setdefault(step, {})
                at[path[-1]] = value
        return message
