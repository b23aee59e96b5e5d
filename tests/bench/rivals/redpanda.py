"""Redpanda Connect, where its binary is on the path: the job in its own words, for its schema registry, Bloblang, deduplication and batching."""

import json
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.bench.rivals.job import Place, Task

IDLE: Final = "2s"  # then the topic has ended


def binary() -> list[str] | None:
    """How it is called; None where it is not there."""
    if found := shutil.which("redpanda-connect"):
        return [found]
    found = shutil.which("rpk")
    return [found, "connect"] if found else None


def configuration(task: Task, schemas: Sequence[str]) -> dict[str, Any]:
    """Its configuration; `schemas` in the order of their registry ids."""
    reading = {
        "seed_brokers": [task.bootstrap],
        "topics": [task.topic],
        "consumer_group": "connect",
        "start_from_oldest": True,
        "unordered_processing": {"enabled": True},
    }
    packing = [
        {"archive": {"format": "json_array"}},
        {"mapping": 'root = {"batch": this, "sentAt": now()}'},
        {"compress": {"algorithm": "gzip", "level": 1}},
    ]
    sending = {
        "url": f"{task.endpoint}/connect/v1/batch",
        "verb": "POST",
        "headers": {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        "basic_auth": {"enabled": True, "username": "key"},
        "max_in_flight": 8,
        "batching": {"count": 450, "period": "1s", "processors": packing},
    }
    return {
        "http": {"enabled": False},
        "logger": {"level": "WARN"},
        "cache_resources": [{"label": "seen", "memory": {"default_ttl": "24h"}}],
        "input": {"read_until": {"idle_timeout": IDLE, "input": {"kafka_franz": reading}}},
        "pipeline": {
            "processors": [
                {"schema_registry_decode": {"url": task.registry, "avro": {"raw_unions": True}}},
                {"mapping": _mapping(task, schemas)},
                {"dedupe": {"cache": "seen", "key": '${! json("messageId") }'}},
            ]
        },
        "output": {"http_client": sending},
    }


def _mapping(task: Task, schemas: Sequence[str]) -> str:
    """One case a type; what is in none is dropped."""
    cases = []
    for number, schema in enumerate(map(json.loads, schemas), 1):
        if found := task.table.get(f"{schema['namespace']}.{schema['name']}"):
            cases.append(f"  this.external_user_id != null && @schema_id.string() == {json.dumps(str(number))} => {_message(*found)},")
    return "\n".join(["root = match {", *cases, "  _ => deleted(),", "}"])


def _message(event: str, places: Sequence[Place]) -> str:
    def part(*above: str) -> str:
        """What lies there, without nulls."""
        return f"{_object({path[-1]: f'this.{name}' for name, path in places if path[:-1] == above})}.filter(item -> item.value != null)"

    return _object(
        {
            "type": '"track"',
            "event": json.dumps(event),
            "messageId": "this.id",
            "userId": "this.external_user_id",
            "timestamp": 'this.time.ts_format("2006-01-02T15:04:05.000Z", "UTC")',
            "properties": part("properties"),
            "context": _object({name: part("context", name) for name in ("traits", "device")}),
        }
    )


def _object(fields: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{json.dumps(name)}: {said}' for name, said in fields.items())}}}"
