"""What a writer's schema says about its datums, checked before any datum is read; never trusts the schema to be harmless.

A schema comes with the data. fastavro recurses natively (a recursive type ends the process) and believes counts of items that take no bytes
(memory without end), so schemas that allow either are refused here, once per schema. Few bytes can also stand for many values (an item of one byte may be
a record in a record in a record …, or have thousands of nulls): how many is measured here, and bounds the size of a datum. No Currents schema comes near
these limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import fastavro
import orjson
from fastavro.schema import SchemaParseException, UnknownType

MAX_DEPTH: Final = 32  # levels of nesting; Currents has 3 (record, union, array)
MAX_NODES: Final = (
    2_000  # types in all, references followed: a record of records of records … grows as a power. The widest Currents type has 80
)
MAX_SCHEMA: Final = 1 << 20  # characters; the widest Currents schema takes 20 KB
MAX_WEIGHT: Final = (
    16  # values that a byte may stand for; an array of records with one number each, the most that anybody has use for, has 5
)
_CONTAINER: Final = 4  # a dict or a list takes about as much memory as four texts
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
        weight: values that a byte of an array or a map can stand for, at the most, a dict or a list counted fourfold; 1 where there are only plain items.
    """

    name: str
    fields: tuple[str, ...]
    parsed: Any
    nothing: Any
    least: int
    weight: int


def parse(text: str) -> Shape:
    """The shape of a schema given as JSON text.

    Raises:
        SchemaError: it is no JSON, no Avro schema, no record, or one that it isn't safe to read by.
    """
    if len(text) > MAX_SCHEMA:
        raise SchemaError(f"the schema has more than {MAX_SCHEMA:,} characters")
    try:
        schema = _plain(orjson.loads(text), 0)
        if not isinstance(schema, dict) or schema.get("type") != "record":
            raise SchemaError("the schema is not of a record")
        parsed: Any = fastavro.parse_schema(schema, named_schemas={})
        ruler = _Ruler()
        least = ruler.measure(parsed).least
        nothing = fastavro.parse_schema({"type": "record", "name": parsed["name"], "fields": []}, named_schemas={})
    except orjson.JSONDecodeError as error:
        raise SchemaError("the schema is not JSON") from error
    except (SchemaParseException, UnknownType, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        if isinstance(error, SchemaError):
            raise
        raise SchemaError(f"not an Avro schema: {type(error).__name__}") from error
    if least == 0:
        raise SchemaError("events of this schema may take no bytes at all")
    return Shape(str(parsed["name"]), tuple(field["name"] for field in parsed["fields"]), parsed, nothing, least, ruler.weight)


def _plain(schema: Any, depth: int) -> Any:
    """The schema without logical types and defaults, which play no part in reading by the writer's schema."""
    if depth > MAX_DEPTH * 3:  # a level of Avro takes up to three of JSON: type, fields, field
        raise SchemaError(f"the schema is nested more than {MAX_DEPTH} levels deep")
    if isinstance(schema, list):
        return [_plain(each, depth + 1) for each in schema]
    if isinstance(schema, dict):
        return {key: _plain(value, depth + 1) for key, value in schema.items() if key not in {"logicalType", "default", "doc"}}
    return schema


class _Measure(NamedTuple):
    """What a datum of a type takes.

    Attributes:
        least: bytes, at least.
        most: values in memory, at most, without the items of its arrays and maps.
    """

    least: int
    most: int


class _Ruler:
    """Measures types, and refuses what must not be read.

    Attributes:
        weight: see `Shape`; over all that was measured.
    """

    def __init__(self) -> None:
        self.weight = 1
        self._named: dict[str, Any] = {}
        self._open: set[str] = set()
        self._nodes = 0

    def measure(self, schema: Any, depth: int = 0) -> _Measure:
        self._nodes += 1
        if depth > MAX_DEPTH:
            raise SchemaError(f"the schema is nested more than {MAX_DEPTH} levels deep")
        if self._nodes > MAX_NODES:
            raise SchemaError(f"the schema stands for more than {MAX_NODES} types")
        if isinstance(schema, list):
            branches = [self.measure(branch, depth + 1) for branch in schema] or [_Measure(0, 0)]
            return _Measure(1 + min(branch.least for branch in branches), max(branch.most for branch in branches))
        if isinstance(schema, str):
            return _Measure(PRIMITIVES[schema], 1) if schema in PRIMITIVES else self._complex(self._named[schema], depth)
        return self._complex(schema, depth)

    def _complex(self, schema: Mapping[str, Any], depth: int) -> _Measure:
        if "name" in schema:
            self._named[schema["name"]] = schema
        match schema["type"]:
            case "record":
                return self._record(schema, depth)
            case "enum":
                return _Measure(1, 1)
            case "fixed":
                return _Measure(_size(schema), 1)
            case "array":
                return self._items(self.measure(schema["items"], depth + 1))
            case "map":
                least, most = self.measure(schema["values"], depth + 1)
                return self._items(_Measure(1 + least, 1 + most))  # with its key
            case inner:
                return self.measure(inner, depth + 1)

    def _items(self, item: _Measure) -> _Measure:
        if item.least == 0:
            raise SchemaError("the schema has an array of items that take no bytes")
        self.weight = max(self.weight, -(-item.most // item.least))
        if self.weight > MAX_WEIGHT:
            raise SchemaError(f"the schema has an array whose items may stand for more than {MAX_WEIGHT} values a byte")
        return _Measure(1, _CONTAINER)

    def _record(self, schema: Mapping[str, Any], depth: int) -> _Measure:
        name = schema["name"]
        if name in self._open:
            raise SchemaError("the schema contains itself")
        self._open.add(name)
        if not all(isinstance(field["name"], str) for field in schema["fields"]):  # fastavro takes any
            raise SchemaError("the schema has a field whose name is not text")
        fields = [self.measure(field["type"], depth + 1) for field in schema["fields"]]
        self._open.remove(name)
        return _Measure(sum(field.least for field in fields), _CONTAINER + sum(field.most for field in fields))


def _size(fixed: Mapping[str, Any]) -> int:
    size = fixed["size"]
    if type(size) is not int or size < 0:
        raise SchemaError("the schema has a fixed type whose size is none")
    return size
