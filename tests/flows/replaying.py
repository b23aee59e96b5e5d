"""Letters to be sent again, and a configuration that sends them to a double of Segment."""

import io
import json
from dataclasses import replace

import fastavro
import orjson

from currents_segment.codecs.catalogue import load
from currents_segment.codecs.chunk import Origin
from currents_segment.codecs.outcome import Outcome
from currents_segment.codecs.profile import Profile
from currents_segment.sinks.dead_letters import DeadLetter, Scope, opened

NOON = 1_800_014_400.0  # 2027-01-15 12:00 UTC
KEY = "w3r1te-k3y-of-shop"
OPEN = "users.messages.email.Open"
SCHEMA = {
    "type": "record",
    "name": f"dataexport.test.inner.{OPEN}",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "user_id", "type": ["null", "string"], "default": None},
        {"name": "external_user_id", "type": ["null", "string"], "default": None},
        {"name": "time", "type": "int"},
    ],
}


def letter(id_="m-0", outcome=Outcome.EXPIRED, **changes) -> DeadLetter:
    """A letter with a message that Segment takes."""
    message = {
        "type": "track",
        "event": "Email Opened",
        "messageId": id_,
        "userId": "u",
        "timestamp": "2027-01-15T11:00:00.000Z",
        "properties": {},
    }
    made = DeadLetter(
        id=id_,
        connector="shop",
        workspace="acme",
        outcome=outcome,
        status=None,
        answer="timeout",
        attempts=2,
        detail="",
        origin=Origin("s3://bucket", "a.avro", 1, 2),
        arrival=NOON - 100,
        at=NOON,
        count=1,
        message=orjson.dumps(message | changes.pop("fields", {})).decode(),
        raw=None,
        schema="",
    )
    return replace(made, **changes)


def letters(count, prefix="m", **changes):
    """So many of them."""
    return [letter(f"{prefix}-{number}", **changes) for number in range(count)]


def datum(id_, **changes) -> bytes:
    """An event of `SCHEMA`."""
    out = io.BytesIO()
    event = {"id": id_, "user_id": "b", "external_user_id": "u", "time": 1_800_000_000} | changes
    fastavro.schemaless_writer(out, fastavro.parse_schema(SCHEMA, named_schemas={}), event)
    return out.getvalue()


def unread(*datums, outcome=Outcome.UNKNOWN_SCHEMA, schema=None, **changes) -> DeadLetter:
    """A letter with bytes."""
    raw = {"message": None, "raw": b"".join(datums), "count": len(datums), "detail": "a schema that could not be read", "answer": ""}
    return letter("a.avro#1.2", outcome, **{**raw, "schema": json.dumps(SCHEMA) if schema is None else schema, **changes})


def profile(**settings):
    """The connector as the decoder knows it."""
    known = load()
    usual = {
        "connector": "shop",
        "workspace": "acme",
        "selected": frozenset(known.types),
        "anonymous_users": False,
        "names": known.names().of,
    }
    return Profile(**(usual | settings))


def configured(folder, url, names=("shop",), **settings):
    """A configuration file whose connectors send to the URL."""
    (folder / "in").mkdir(exist_ok=True)
    (folder / "key").write_text(KEY)
    connector = {
        "integration_name": "Shop",
        "contact_email": "data@example.com",
        "write_key": "file:key",
        "region": "us",
        "events": ["*"],
        "start": "earliest",
        "endpoint": f"{url}/v1/batch",
        "limits": {"batch_events": 10, "requests_per_second": 1000, **settings.pop("limits", {})},
        **settings,
    }
    workspace = {"sources": {"files": {"url": "./in"}}, "connectors": dict.fromkeys(names, connector)}
    file = folder / "segment.yaml"
    file.write_text(json.dumps({"dead_letters": "./dead", "http": None, "workspaces": {"acme": workspace}}))
    return file


def kept(double):
    """messageIds that Segment would keep, in order."""
    return [each["message"]["messageId"] for each in double.view()]


def lying(folder):
    """Letters in the place; whatever cannot be read fails the test."""

    def unreadable(name, what):
        raise AssertionError(name, what)

    return list(opened(str(folder)).read(Scope(), unreadable))
