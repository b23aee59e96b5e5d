"""What a writer's schema says about its datums, checked before any datum is read; never trusts the schema to be harmless.

A schema comes with the data. fastavro recurses natively (a recursive type ends the process) and believes counts of items that take no bytes
(memory without end), so schemas that allow either are refused here, once per schema. No Currents schema comes near these limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import fastavro
import orjson
from fastavro.schema import SchemaParseException, UnknownType

MAX_DEPTH: Final = 32  # levels of nesting; Currents has 3 (record, union, array)
MAX_NODES: Final = (
    20_000  # types in all, references followed: a record of records of records … grows as a power. The widest Currents type has 80
)
PRIMITIVES: Final = {"null": 0, "boolean": 1, "int": 1, "long": 1, "float": 4, "double": 8, "bytes": 1, "string": 1}
"""Types without a definition, and the fewest bytes that a datum of each takes."""


class SchemaError(ValueError):
    """Datums of this schema cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A writer's schema, ready for reading.

    Attributes:
        name: the record's full name.
        fields: names of its fields, in the writer's order.
        parsed: for fastavro; without logical types, so that numbers stay the numbers they are.
        nothing: for fastavro, a reader's schema with no field: reading by it only moves to the end of the datum.
        least: bytes that a datum takes at least; never 0.
    """

    name: str
    fields: tuple[str, ...]
    parsed: Any
    nothing: Any
    least: int


def parse(text: str) -> Shape:
    """The shape of a schema given as JSON text.

    Raises:
        SchemaError: it is no JSON, no Avro schema, no record, or one that it isn't safe to read by.
    """
    try:
        schema = _plain(orjson.loads(text), 0)
        if not isinstance(schema, dict) or schema.get("type") != "record":
            raise SchemaError("the schema is not of a record")
        parsed: Any = fastavro.parse_schema(schema, named_schemas={})
        least = _Ruler().least(parsed)
        nothing = fastavro.parse_schema({"type": "record", "name": parsed["name"], "fields": []}, named_schemas={})
    except orjson.JSONDecodeError as error:
        raise SchemaError("the schema is not JSON") from error
    except (SchemaParseException, UnknownType, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        if isinstance(error, SchemaError):
            raise
        raise SchemaError(f"not an Avro schema: {type(error).__name__}") from error
    if least == 0:
        raise SchemaError("events of this schema may take no bytes at all")
    return Shape(str(parsed["name"]), tuple(field["name"] for field in parsed["fields"]), parsed, nothing, least)


def _plain(schema: Any, depth: int) -> Any:
    """The schema without logical types and defaults, which play no part in reading by the writer's schema."""
    if depth > MAX_DEPTH * 3:  # a level of Avro takes up to three of JSON: type, fields, field
        raise SchemaError(f"the schema is nested more than {MAX_DEPTH} levels deep")
    if isinstance(schema, list):
        return [_plain(each, depth + 1) for each in schema]
    if isinstance(schema, dict):
        return {key: _plain(value, depth + 1) for key, value in schema.items() if key not in {"logicalType", "default", "doc"}}
    return schema


class _Ruler:
    """Measures the fewest bytes that a datum takes, and refuses what must not be read."""

    def __init__(self) -> None:
        self._named: dict[str, Any] = {}
        self._open: set[str] = set()
        self._nodes = 0

    def least(self, schema: Any, depth: int = 0) -> int:
        self._nodes += 1
        if depth > MAX_DEPTH:
            raise SchemaError(f"the schema is nested more than {MAX_DEPTH} levels deep")
        if self._nodes > MAX_NODES:
            raise SchemaError(f"the schema stands for more than {MAX_NODES} types")
        if isinstance(schema, list):
            return 1 + min((self.least(branch, depth + 1) for branch in schema), default=0)
        if isinstance(schema, str):
            return PRIMITIVES[schema] if schema in PRIMITIVES else self._complex(self._named[schema], depth)
        return self._complex(schema, depth)

    def _complex(self, schema: Mapping[str, Any], depth: int) -> int:
        if "name" in schema:
            self._named[schema["name"]] = schema
        match schema["type"]:
            case "record":
                return self._record(schema, depth)
            case "enum":
                return 1
            case "fixed":
                return int(schema["size"])
            case "array":
                if self.least(schema["items"], depth + 1) == 0:
                    raise SchemaError("the schema has an array of items that take no bytes")
                return 1
            case "map":
                self.least(schema["values"], depth + 1)
                return 1
            case inner:
                return self.least(inner, depth + 1)

    def _record(self, schema: Mapping[str, Any], depth: int) -> int:
        name = schema["name"]
        if name in self._open:
            raise SchemaError("the schema contains itself")
        self._open.add(name)
        total = sum(self.least(field["type"], depth + 1) for field in schema["fields"])
        self._open.remove(name)
        return total
