import json
from importlib import resources

import pytest

from currents_segment.codecs import catalogue
from currents_segment.codecs.catalogue import load

DATA = json.loads(resources.files("currents_segment.codecs").joinpath("catalogue.json").read_text())


def test_every_known_type_is_there():
    """73 types have published fields, 27 are known by name alone."""
    types = load().types
    assert len(types) == 100
    assert sum(1 for known in types.values() if known.fields) == 73
    assert sum(1 for known in types.values() if known.listed == "connector") == 51


def test_the_catalogue_is_read_once():
    """Who asks again gets the same object."""
    assert load() is load()


def test_every_type_has_a_name_and_a_family():
    """No event may be sent without a name, and none is missing on the form."""
    for known in load().types.values():
        assert known.segment_name.strip()
        assert known.name in load().families[known.family]


def test_names_of_ours_follow_the_rule():
    """Where Braze publishes no name the rule gives it, and the entry says that it is ours."""
    ours = [entry for entry in DATA["types"] if entry.get("name_is_ours")]
    assert {entry["currents_type"]: entry["segment_name"] for entry in ours} == {
        entry["currents_type"]: catalogue.name_by_rule(entry["currents_type"], DATA["naming"]) for entry in ours
    }
    assert len(ours) == 37


@pytest.mark.parametrize(
    ("event_type", "name"),
    [
        ("users.messages.rcs.Delivery", "RCS Delivered"),
        ("users.behaviors.app.SessionStart", "App Session Started"),
        ("users.behaviors.Location", "Location Recorded"),
        ("users_canvas_abort", "Canvas Aborted"),
        ("agentconsole.ToolInvocation", "Tool Invoked"),
        ("users.messages.holodeck.InboundReceive", "Holodeck Inbound Received"),
    ],
)
def test_the_rule_gives_readable_names(event_type, name):
    """Object, then action as a past participle; words that the tables don't know are capitalised."""
    assert name == catalogue.name_by_rule(event_type, DATA["naming"])


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("users.messages.email.Click", "users.messages.email.Click"),
        ("dataexport.prod.inner.users.messages.email.Click", "users.messages.email.Click"),
        ("dataexport.prod-03.S3.integration.inner.users.messages.email.Click", "users.messages.email.Click"),
        ("users.campaigns.Abort", "users_campaigns_abort"),
        ("users_campaigns_abort", "users_campaigns_abort"),
        ("dataexport.x.inner.users.canvas.Abort", "users_canvas_abort"),
        ("USERS.MESSAGES.EMAIL.CLICK", "users.messages.email.Click"),
    ],
)
def test_every_spelling_of_a_type_is_understood(spelling, canonical):
    """Aliases, record names and another case mean the same type."""
    known = load().resolve(spelling)
    assert known is not None
    assert canonical == known.name


@pytest.mark.parametrize("name", ["", "users", "users.messages.email", "users.messages.email.Clicked", "dataexport.x.inner."])
def test_what_is_no_type_is_none(name):
    """A part of a name is not the name."""
    assert load().resolve(name) is None


def test_a_pattern_is_a_type_an_alias_a_glob_a_family_or_everything():
    """Each selects what it says, whatever its case."""
    known = load()
    assert {"users.messages.email.Click"} == known.select(["users.messages.email.Click"]).types
    assert {"users_canvas_abort"} == known.select(["users.canvas.Abort"]).types
    assert known.families["Email"] == known.select(["users.messages.email.*"]).types
    assert known.families["SMS"] | known.families["Push Notification"] == known.select(["sms", "PUSH NOTIFICATION"]).types
    assert set(known.types) == known.select(["*"]).types
    assert known.select(["*", "Email"]).mistakes == ()


def test_selecting_nothing_is_a_mistake_that_names_the_nearest():
    """Every pattern that selects nothing has a line of its own; the others select all the same."""
    selection = load().select(["users.messages.email.Clik", "Emial", "users.messages.fax.*", "Email"])
    assert load().families["Email"] == selection.types
    assert (
        selection.mistakes[0]
        == "'users.messages.email.Clik' selects nothing: no such event type, family or pattern; nearest: users.messages.email.Click"
    )
    assert selection.mistakes[1].endswith("nearest: Email")
    assert selection.mistakes[2].startswith("'users.messages.fax.*' selects nothing")
    assert len(selection.mistakes) == 3


def test_names_are_the_newest_or_the_older_ones():
    """The glossary's names are the default; one preset gives the names published before, and remarks in tables are no names."""
    new, old = load().names().of, load().names("legacy").of
    assert set(load().types) == set(new) == set(old)
    assert (new["users.messages.email.Unsubscribe"], old["users.messages.email.Unsubscribe"]) == ("Unsubscribed", "Email Unsubscribed")
    assert (new["users.messages.whatsapp.Send"], old["users.messages.whatsapp.Send"]) == ("WhatsApp Sent", "WhatsApp Send")
    assert old["users.canvas.exit.MatchedAudience"] == "Exit Matched Audience"
    assert not [name for name in (*new.values(), *old.values()) if "generic" in name]
    assert sum(new[name] != old[name] for name in new) == 9


def test_overrides_rename_types_of_any_spelling():
    """An override wins over the preset; one for a type that isn't there, or without a name, is a mistake."""
    names = load().names("legacy", {"users.canvas.Abort": "Stopped", "users.messages.email.Clik": "x", "users.messages.sms.Send": " "})
    assert names.of["users_canvas_abort"] == "Stopped"
    assert names.mistakes[0] == "'users.messages.email.Clik' is no known event type; nearest: users.messages.email.Click"
    assert names.mistakes[1].startswith("'users.messages.sms.Send' needs a name")
    assert len(names.mistakes) == 2
