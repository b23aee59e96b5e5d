import pytest

from currents_segment.flows.errors import UserError
from currents_segment.flows.simulate.currents_types import FUTURE_FIELDS, PLAIN_FIELDS, UNKNOWN_TYPES, choose, load

TYPES = load()


def names(kind):
    return {field.name for field in kind.fields}


def test_every_type_of_the_catalogue_can_be_simulated():
    """A type that the catalogue knows by name alone is given plain fields, so that no type is left out."""
    assert all(kind.fields for kind in TYPES.values())
    assert PLAIN_FIELDS == TYPES["users.behaviors.Purchase"].fields


def test_older_schemas_lack_recent_fields():
    """A field that came with a later version of Currents is not in older files."""
    kind = TYPES["users.messages.email.Open"]
    missing = names(kind) - names(kind.of("older"))
    assert {field.name for field in kind.fields if field.recent} == missing
    assert missing


def test_newer_schemas_have_fields_that_the_catalogue_does_not_know():
    """Added fields are always nullable, and come in every field type."""
    known = {field.name for kind in TYPES.values() for field in kind.fields}
    assert known.isdisjoint(field.name for field in FUTURE_FIELDS)
    assert all(field.nullable for field in FUTURE_FIELDS)
    assert {field.type for kind in TYPES.values() for field in kind.fields} == {field.type for field in FUTURE_FIELDS}
    assert names(TYPES["users.canvas.Entry"].of("newer")) == names(TYPES["users.canvas.Entry"]) | {field.name for field in FUTURE_FIELDS}


def test_unknown_types_are_unknown():
    """No type of the future is in the catalogue, under any spelling."""
    known = {spelling for kind in TYPES.values() for spelling in kind.spellings}
    assert known.isdisjoint(kind.name for kind in UNKNOWN_TYPES)


def test_a_schema_carries_the_spelling_and_the_prefix():
    """The full name of the record is the prefix and one spelling of the type."""
    kind = TYPES["users_campaigns_abort"]
    assert ("dataexport.x.inner", "users_campaigns_abort") == tuple(
        kind.schema("users_campaigns_abort", "dataexport.x.inner.")[k] for k in ("namespace", "name")
    )
    assert ("users.campaigns", "Abort") == tuple(kind.schema("users.campaigns.Abort", "")[k] for k in ("namespace", "name"))
    assert "namespace" not in kind.schema("users_campaigns_abort", "")


def test_types_are_chosen_by_any_spelling_or_glob():
    """A glob means all types with a matching spelling; no pattern means all."""
    assert ["users_campaigns_abort"] == [kind.name for kind in choose(TYPES, ["users.campaigns.Abort"])]
    assert {name for name in TYPES if name.startswith("users.messages.sms.")} == {
        kind.name for kind in choose(TYPES, ["users.messages.sms.*"])
    }
    assert len(TYPES) == len(choose(TYPES, []))


def test_a_pattern_without_a_type_is_a_mistake():
    """The mistake names the pattern."""
    with pytest.raises(UserError, match=r"users\.massages"):
        choose(TYPES, ["users.massages.*"])
