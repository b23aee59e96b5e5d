"""The JSON Schema of the configuration, for editors and for our own messages."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from currents_segment.codecs import catalogue
from currents_segment.flows.config.document import Place
from currents_segment.flows.config.model import Config


class _Untitled(GenerateJsonSchema):
    """Without a title for each setting: it would only repeat the key, before its description."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the name is pydantic's
        return False


@cache
def schema() -> Mapping[str, Any]:
    """JSON Schema, draft 2020-12."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema(schema_generator=_Untitled)}


def schema_for_editors() -> Mapping[str, Any]:
    """The schema with the event types and families that are known, as proposals: a glob or another spelling is right, too."""
    known = catalogue.load()
    editors: dict[str, Any] = deepcopy(dict(schema()))
    editors["$defs"]["Connector"]["properties"]["events"]["items"] = {
        "anyOf": [{"enum": ["*", *known.families, *known.types]}, {"type": "string"}]
    }
    editors["$defs"]["Names"]["properties"]["overrides"]["propertyNames"] = {"anyOf": [{"enum": [*known.types]}, {"type": "string"}]}
    return editors


def described(place: Place) -> Mapping[str, Any]:
    """What the schema says of a place in a file: its keys, its description; empty where it knows no such place."""
    here = schema()
    for part in place:
        here = _resolved(here)
        inner = here.get("properties", {}).get(part) or here.get("items") or here.get("additionalProperties")
        inner = inner or next(iter(here.get("patternProperties", {}).values()), None)
        if not isinstance(inner, Mapping):
            return {}
        here = inner
    return _resolved(here)


def settings(place: Place = ()) -> Iterator[Place]:
    """Every place that can be written, with `*` for a name of the user's own."""
    here = described(place)
    for key in [*here.get("properties", ()), *("*" for _ in here.get("patternProperties", ()))]:
        yield (*place, key)
        yield from settings((*place, key))


def _resolved(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part with its reference followed; its own words go before those of what it refers to."""
    for choice in (part, *part.get("anyOf", ())):
        if "$ref" in choice:
            return {**schema()["$defs"][choice["$ref"].rpartition("/")[2]], **part}
    if "oneOf" in part:  # of several kinds: what any of them takes
        kinds = [_resolved(kind) for kind in part["oneOf"]]
        properties = {name: value for kind in kinds for name, value in kind.get("properties", {}).items()}
        return {**kinds[0], **part, "properties": properties, "required": [name for kind in kinds for name in kind.get("required", ())]}
    return part
