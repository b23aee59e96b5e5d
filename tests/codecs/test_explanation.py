import json

import pytest

from currents_segment.codecs.catalogue import load
from currents_segment.codecs.explanation import explain, unreadable
from currents_segment.codecs.message import MAX_MESSAGE
from currents_segment.codecs.outcome import Outcome

TYPES = load().types
CLICK = "users.messages.email.Click"


@pytest.fixture
def way(make):
    """The explanation of one event of a type."""

    def explained(name=CLICK, *, hint="", settings=None, **values):
        schema = make.schema(TYPES.get(name, name))
        return explain(make.profile(**(settings or {})), load(), json.dumps(schema), hint, make.event(schema, **values))

    return explained


def results(explanation):
    """What was decided, by what it is about."""
    return {decision.about: decision.result for decision in explanation.decisions}


@pytest.mark.parametrize("name", sorted(TYPES))
def test_the_explanation_is_what_the_decoder_does(make, name):
    """For every type: the same message, the same messageId and the same deduplication key."""
    schema = make.schema(TYPES[name])
    event = make.event(schema)
    made = make.decoder().decode(make.records(schema, [event]))
    explanation = explain(make.profile(), load(), json.dumps(schema), "", event)
    assert explanation.outcome is None
    assert [explanation.message] == make.unpack(made)
    assert results(explanation)["deduplication"] == f"{made.ids[0]:016x}"
    assert results(explanation)["messageId"] == explanation.message["messageId"]


@pytest.mark.parametrize(
    ("values", "settings", "outcome", "last"),
    [
        ({"external_user_id": None}, {}, Outcome.ANONYMOUS_USER, "identity"),
        ({"external_user_id": None, "user_id": "[REDACTED]"}, {}, Outcome.NO_IDENTITY, "identity"),
        ({"campaign_name": "x" * MAX_MESSAGE}, {}, Outcome.TOO_LARGE, "size"),
        ({"id": ""}, {}, Outcome.BAD_DATUM, "envelope"),
        ({}, {"selected": frozenset()}, Outcome.NOT_SELECTED, "selection"),
    ],
)
def test_the_last_decision_is_the_one_that_ended_it(way, values, settings, outcome, last):
    """Nothing is said of steps that the event did not come to."""
    explanation = way(settings=settings, **values)
    assert explanation.outcome is outcome
    assert (explanation.decisions[-1].about, explanation.decisions[-1].result) == (last, outcome)
    assert explanation.decisions[-1].reason


def test_an_unknown_type_ends_at_its_type(way):
    """It says under which name the catalogue was asked."""
    explanation = way("users.messages.hologram.Send", hint="users.messages.holo.Send")
    assert explanation.outcome is Outcome.UNKNOWN_TYPE
    assert "users.messages.hologram.Send" in explanation.decisions[-1].reason


def test_a_schema_that_cannot_be_read_by_says_why(make):
    """The reason is the schema's."""
    explanation = explain(make.profile(), load(), "{", "", {})
    assert (explanation.outcome, explanation.decisions[-1].reason) == (Outcome.UNKNOWN_SCHEMA, "the schema is not JSON")


def test_what_could_not_be_decoded_has_one_decision():
    """The reader's words."""
    explanation = unreadable(Outcome.BAD_FRAME, "broken")
    assert [(each.about, each.result, each.reason) for each in explanation.decisions] == [("decoding", Outcome.BAD_FRAME, "broken")]


def test_every_field_has_a_place_or_a_reason(way):
    """Sent, null, known to be absent, passed on: said field by field, in the writer's order."""
    explanation = way(campaign_id=None)
    ways = {field.name: (field.place, field.reason) for field in explanation.fields}
    assert [*TYPES[CLICK].fields] == [*ways]
    assert ways["url"] == ("properties.link_url", "Braze's published payload has it there")
    assert ways["campaign_id"] == ("", "null; else properties.campaign_id")
    assert ways["timezone"] == ("", "Braze's published payload does not have it")
    assert ways["send_time"][0] == "properties.send_time"
    assert ways["id"][0] == "messageId"
    dropped = {field.name: field for field in way(settings={"unknown_fields": "drop"}).fields}
    assert (dropped["send_time"].place, dropped["send_time"].reason) == ("", "no place is published; unknown_fields: drop")


def test_a_redacted_id_is_said_to_be_redacted(way):
    """The reason tells why it is no id."""
    explanation = way(user_id="[REDACTED]")
    (identity,) = [each for each in explanation.decisions if each.about == "identity"]
    assert (identity.result, identity.reason) == ("userId", "external_user_id is there, user_id is redacted, which is no id")
