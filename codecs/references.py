"""A schema that refers to types of other schemas, made self-contained: each of those is written where it is used first. Reads no datum, trusts no schema."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from currents_segment.codecs.shape import PRIMITIVES, SchemaError

_NAMED = frozenset({"record", "error", "enum", "fixed"})


def inline(schema: str, referred: Iterable[str]) -> str:
    """The schema as one text that needs no other.

    Args:
        schema: JSON text of an Avro schema.
        referred: JSON texts of the schemas that it refers to, directly or by way of others, in any order.

    Raises:
        SchemaError: one of them is no JSON, or nested too deep. Whether the result is a schema is for `shape.parse` to say.
    """
    try:
        known: dict[str, _Type] = {}
        for text in referred:
            _gather(orjson.loads(text), "", known)
        return orjson.dumps(_Writer(known).write(orjson.loads(schema), "")).decode()
    except orjson.JSONDecodeError as error:
        raise SchemaError("the schema, or one that it refers to, is not JSON") from error
    except (RecursionError, orjson.JSONEncodeError) as error:
        raise SchemaError("the schema, or one that it refers to, is nested too deep") from error


@dataclass(frozen=True, slots=True)
class _Type:
    """A named type as it was defined.

    Attributes:
        definition: its JSON object.
        space: the namespace around it.
    """

    definition: Mapping[str, Any]
    space: str


def _full(name: Any, space: Any) -> str:
    """A full name; a name with a dot is one."""
    return f"{space}.{name}" if space and "." not in str(name) else str(name)


def _name(definition: Mapping[str, Any], space: str) -> str:
    return _full(definition.get("name", ""), definition.get("namespace", space))


def _gather(node: Any, space: str, known: dict[str, _Type]) -> None:
    """All types that are defined in a schema; the first definition of a name holds."""
    if isinstance(node, list):
        for each in node:
            _gather(each, space, known)
    elif isinstance(node, dict):
        if _is_named(node):
            name = _name(node, space)
            known.setdefault(name, _Type(node, space))
            space = name.rpartition(".")[0]
        for part in ("fields", "type", "items", "values"):
            _gather(node.get(part), space, known)


@dataclass(slots=True)
class _Writer:
    """Writes each type once.

    Attributes:
        known: types of other schemas, by full name.
        written: full names of what has been written.
    """

    known: Mapping[str, _Type]
    written: set[str] = field(default_factory=set)

    def write(self, node: Any, space: str) -> Any:
        """The node, whose names are of this namespace, with what it refers to."""
        if isinstance(node, str):
            return self._reference(node, space)
        if isinstance(node, list):
            return [self.write(each, space) for each in node]
        if not isinstance(node, dict):
            return node
        if _is_named(node):
            return self._definition(node, space)
        if node.get("type") in ("array", "map"):
            return {key: self.write(value, space) if key in {"items", "values"} else value for key, value in node.items()}
        return self._reference(node["type"], space) if _refers(node) else node

    def _reference(self, name: str, space: str) -> Any:
        full = _full(name, space)
        if name in PRIMITIVES or full in self.written or full not in self.known:
            return name
        found = self.known[full]
        return self._definition(found.definition, found.space)

    def _definition(self, node: Mapping[str, Any], space: str) -> Any:
        name = _name(node, space)
        if name in self.written:
            return name
        self.written.add(name)
        space = name.rpartition(".")[0]
        whole = {**node, "name": name.rpartition(".")[2], "namespace": space}
        if isinstance(node.get("fields"), list):
            whole["fields"] = [self._field(each, space) for each in node["fields"]]
        return whole

    def _field(self, node: Any, space: str) -> Any:
        return {**node, "type": self.write(node.get("type"), space)} if isinstance(node, dict) else node


def _is_named(node: Mapping[str, Any]) -> bool:
    return isinstance(node.get("type"), str) and node["type"] in _NAMED


def _refers(node: Mapping[str, Any]) -> bool:
    """Whether it is a name in an object: what stands beside it says nothing of the data."""
    return isinstance(node.get("type"), str) and node["type"] not in PRIMITIVES
