import json
from collections.abc import Mapping

import pytest

from currents_segment.codecs import catalogue
from currents_segment.flows.config.schema import described, schema, schema_for_editors, settings


def test_every_setting_is_described():
    """Editors show something for every setting: a schema without a description teaches nothing."""
    assert [] == [place for place in settings() if "*" not in place[-1:] and not described(place).get("description")]


def test_settings_are_found_at_every_depth():
    """The list of settings reaches into workspaces, connectors and their sections."""
    assert {
        ("state",),
        ("http", "port"),
        ("workspaces", "*", "sources", "*", "options"),
        ("workspaces", "*", "connectors", "*", "limits", "batch_age"),
    } <= set(settings())


def test_no_section_takes_what_it_does_not_know():
    """Editors mark an unknown key as we do."""
    definitions = [schema(), *schema()["$defs"].values()]
    assert [] == [part["title"] for part in definitions if part.get("additionalProperties") is not False]


def test_defaults_are_shown_as_a_user_writes_them():
    """A default in the schema can be copied into the file."""
    assert ("24h", "100M", "475KB") == tuple(
        described(place)["default"]
        for place in [("dedup", "window"), ("dedup", "max_ids"), ("workspaces", "a", "connectors", "b", "limits", "batch_size")]
    )


@pytest.mark.parametrize("place", [("nothing",), ("state", "x"), ("workspaces", "a", "b")])
def test_places_that_are_none(place):
    """Of a place that no file can have, nothing is said."""
    assert {} == described(place)


def test_editors_are_offered_what_is_known():
    """Families and types are proposed, and other spellings are not marked as wrong."""
    proposals, anything = _found(schema_for_editors(), "events")["items"]["anyOf"]
    assert {"*", *catalogue.load().families, *catalogue.load().types} == set(proposals["enum"])
    assert {"type": "string"} == anything
    assert "anyOf" not in _found(schema(), "events")["items"]


def test_the_schema_is_json():
    """What is printed for editors is plain JSON."""
    assert schema_for_editors() == json.loads(json.dumps(schema_for_editors()))


def _found(whole: Mapping, name: str):
    return whole["$defs"]["Connector"]["properties"][name]
