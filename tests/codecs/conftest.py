"""Makers of schemas, events and files for the codecs' tests: made from the catalogue, never from published samples."""

import io
import json
from dataclasses import dataclass, field
from typing import Any

import fastavro
import pytest

from currents_segment.codecs import catalogue as catalogues
from currents_segment.codecs.catalogue import Catalogue, EventType
from currents_segment.codecs.chunk import Messages, Origin, Records
from currents_segment.codecs.container import records
from currents_segment.codecs.decoder import Decoder
from currents_segment.codecs.profile import Profile
from currents_segment.codecs.transcoder import Transcoder

ENVELOPE = [
    {"name": "id", "type": "string"},
    {"name": "user_id", "type": ["null", "string"], "default": None},
    {"name": "external_user_id", "type": ["null", "string"], "default": None},
    {"name": "time", "type": "int"},
]


@dataclass(frozen=True)
class Make:
    """What tests make; values only.

    Attributes:
        kind: the path that decodes.
    """

    kind: type[Decoder | Transcoder] = Decoder
    catalogue: Catalogue = field(default_factory=catalogues.load)

    def profile(self, **settings: Any) -> Profile:
        """A connector that selects everything, unless told otherwise."""
        defaults = {
            "connector": "shop",
            "workspace": "ws",
            "selected": frozenset(self.catalogue.types),
            "anonymous_users": False,
            "names": self.catalogue.names().of,
            "integration_name": "Shop to Segment",
        }
        return Profile(**(defaults | settings))

    def decoder(self, **settings: Any) -> Decoder | Transcoder:
        """Its decoder."""
        return self.kind(self.profile(**settings), self.catalogue)

    def schema(self, known: EventType | str, *extra: dict[str, Any]) -> dict[str, Any]:
        """The Avro schema of a type as Currents writes it; the envelope where no fields are published."""
        name = known if isinstance(known, str) else known.name
        fields = [] if isinstance(known, str) else [self.avro_field(each) for each in known.fields.values()]
        return {"type": "record", "name": f"dataexport.test.inner.{name}", "fields": [*(fields or ENVELOPE), *extra]}

    def avro_field(self, known: catalogues.Field) -> dict[str, Any]:
        """One field of it."""
        kind: Any = {"type": "array", "items": "string"} if known.type == "array<string>" else known.type
        return {"name": known.name, "type": ["null", kind], "default": None} if known.nullable else {"name": known.name, "type": kind}

    def event(self, schema: dict[str, Any], number: int = 0, **values: Any) -> dict[str, Any]:
        """An event with every field set; `values` replace some."""
        made = {each["name"]: self._value(each, number) for each in schema["fields"]}
        return {**made, "time": 1_767_323_045 + number, **values}

    def datum(self, schema: dict[str, Any], event: dict[str, Any]) -> bytes:
        """The event as an Avro datum."""
        out = io.BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(schema, named_schemas={}), event)
        return out.getvalue()

    def records(self, schema: dict[str, Any], events: list[dict[str, Any]], hint: str = "", tail: bytes = b"") -> Records:
        """Events as a source reads them."""
        data = b"".join(self.datum(schema, event) for event in events) + tail
        return Records(json.dumps(schema), hint, data, len(events), 5.0, Origin("log", "key"))

    def message(self, schema: dict[str, Any], event: dict[str, Any], **settings: Any) -> dict[str, Any]:
        """The message that one event becomes; it must become one."""
        (message,) = self.unpack(self.decoder(**settings).decode(self.records(schema, [event])))
        return message

    def unpack(self, messages: Messages) -> list[dict[str, Any]]:
        """Messages as JSON values, by their ends."""
        begins = [0, *messages.ends.tolist()]
        pieces = [messages.bodies[begin:end] for begin, end in zip(begins, messages.ends.tolist(), strict=False)]
        assert all(piece.endswith(b",") for piece in pieces)
        return [json.loads(piece[:-1]) for piece in pieces]

    def file(self, schema: dict[str, Any], events: list[dict[str, Any]], codec: str = "null", per_block: int = 10) -> bytes:
        """An object container file with that many events a block."""
        out = io.BytesIO()
        writer = fastavro.write.Writer(
            out, fastavro.parse_schema(schema, named_schemas={}), codec=codec, sync_interval=1 << 30, sync_marker=b"S" * 16
        )
        for number, event in enumerate(events, 1):
            writer.write(event)
            if number % per_block == 0:
                writer.flush()
        writer.flush()
        return out.getvalue()

    def read(self, data: bytes, **settings: Any) -> list[tuple[Records, tuple[int, int]]]:
        """Everything in a file."""
        return list(records(io.BytesIO(data), **({"log": "log", "key": "key", "hint": "", "arrival": 5.0} | settings)))

    @staticmethod
    def _value(field: dict[str, Any], number: int) -> Any:
        kind = field["type"][1] if isinstance(field["type"], list) else field["type"]
        match kind:
            case "string":
                return f"{field['name']}-{number}"
            case "boolean":
                return number % 2 == 0
            case "int" | "long":
                return 1000 + number
            case _:
                return [f"{field['name']}-{number}", "ü"]


@pytest.fixture(scope="session")
def make() -> Make:
    """Makers of test data."""
    return Make()
