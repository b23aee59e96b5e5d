import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.codecs.catalogue import load
from currents_segment.codecs.mapping import ENVELOPE, GENERAL, plan

TYPES = load().types


def places(event_type, fields, unknown_fields="pass"):
    """Where a plan puts fields."""
    return {step.field: step.place for step in plan(TYPES[event_type], fields, unknown_fields).steps}


@pytest.mark.parametrize("known", [known for known in TYPES.values() if known.mapped], ids=lambda known: known.name)
def test_a_published_place_is_kept(known):
    """Each field that Braze documents a place for goes there, dropped or passed on whatever else is."""
    documented = {field.name: field.place for field in known.fields.values() if field.place and field.name not in ENVELOPE}
    assert documented == places(known.name, [*known.fields], "drop")
    assert documented.items() <= places(known.name, [*known.fields]).items()


@pytest.mark.parametrize("known", TYPES.values(), ids=lambda known: known.name)
def test_only_what_is_known_to_be_absent_is_not_sent(known):
    """With `pass`, a field is left out exactly where the published payload is known not to have it."""
    absent = [field.name for field in known.fields.values() if field.place is None and not field.unpublished]
    assert tuple(absent) == plan(known, [*known.fields], "pass").unsent


def test_unknown_fields_are_passed_on_or_dropped():
    """A field that the catalogue doesn't have becomes the property of its name, and is reported as unknown either way."""
    fields = ["id", "time", "campaign_id", "brand_new"]
    passed, dropped = (plan(TYPES["users.messages.email.Send"], fields, mode) for mode in ("pass", "drop"))
    assert [step.place for step in passed.steps] == ["properties.campaign_id", "properties.brand_new"]
    assert [step.place for step in dropped.steps] == ["properties.campaign_id"]
    assert ("brand_new",) == passed.unknown == dropped.unknown == dropped.unsent


@pytest.mark.parametrize("name", ["users.messages.email.Retry", "users.messages.rcs.Send"])
@pytest.mark.parametrize("mode", ["pass", "drop"])
def test_the_general_places_hold_where_no_mapping_is_published(name, mode):
    """Where nothing is published for a type, well-known fields go where they go elsewhere, also under `drop`."""
    assert places(name, ["email_address", "to_phone_number", "device_model", "platform"], mode) == {
        "email_address": "context.traits.email",
        "to_phone_number": "context.traits.phone",
        "device_model": "context.device.model",
        "platform": "properties.platform",
    }


def test_a_type_without_published_fields_reports_none_as_unknown():
    """What the catalogue says nothing of cannot surprise it."""
    assert plan(TYPES["users.messages.rcs.Send"], ["id", "anything"], "pass").unknown == ()


def test_a_place_is_given_once():
    """The published field has the place; the other is passed on under its own name if that is free."""
    assert places("users.messages.email.Click", ["link_url", "url"]) == {"url": "properties.link_url"}
    assert places("users.messages.rcs.Send", ["user_phone_number", "to_phone_number"]) == {
        "user_phone_number": "context.traits.phone",
        "to_phone_number": "properties.to_phone_number",
    }


NAMES = sorted({name for known in TYPES.values() for name in known.fields} | {"link_url", "card_id", "brand_new", *GENERAL})


@given(st.sampled_from(sorted(TYPES)), st.lists(st.sampled_from(NAMES), unique=True), st.sampled_from(["pass", "drop"]))
def test_any_fields_of_any_type_have_one_place_each(name, fields, mode):
    """Every field is sent, unsent, or of the envelope; no two share a place; the writer's order is kept."""
    made = plan(TYPES[name], fields, mode)
    sent = [step.field for step in made.steps]
    assert sorted(fields) == sorted([*sent, *made.unsent, *(ENVELOPE & set(fields))])
    assert len({step.place for step in made.steps}) == len(made.steps)
    assert [field for field in fields if field in sent] == sent
