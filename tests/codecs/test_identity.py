import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.codecs.identity import MAX_MESSAGE_ID, DedupIds, EnvelopeError, MessageIds, event_id, users
from currents_segment.codecs.outcome import Outcome

EVENT = "4f9a6c1e-8d5b-4f0e-9a3d-2b7c1d0e6f58"


@pytest.mark.parametrize(
    ("external", "braze", "left_out", "included"),
    [
        ("u", "b", None, None),
        ("u", None, None, None),
        ("u", "[REDACTED]", None, None),
        (None, "b", Outcome.ANONYMOUS_USER, None),
        ("", "b", Outcome.ANONYMOUS_USER, None),
        ("[REDACTED]", "b", Outcome.ANONYMOUS_USER, None),
        (None, None, Outcome.NO_IDENTITY, Outcome.NO_IDENTITY),
        (None, "[REDACTED]", Outcome.NO_IDENTITY, Outcome.NO_IDENTITY),
        ("[REDACTED]", None, Outcome.NO_IDENTITY, Outcome.NO_IDENTITY),
        ("[REDACTED]", "[REDACTED]", Outcome.NO_IDENTITY, Outcome.NO_IDENTITY),
        ("", "", Outcome.NO_IDENTITY, Outcome.NO_IDENTITY),
    ],
)
def test_who_an_event_is_of_decides(external, braze, left_out, included):
    """Nobody's event is rejected; an anonymous one goes on only where the connector includes them; a redacted id is none."""
    who = users({"external_user_id": external, "user_id": braze})
    assert left_out == who.verdict(anonymous_users=False)
    assert included == who.verdict(anonymous_users=True)
    assert not {"[REDACTED]", ""} & {who.user_id, who.anonymous_id}


def test_missing_fields_are_missing_ids():
    """A type that has no user fields at all is nobody's."""
    assert users({}).verdict(anonymous_users=True) == Outcome.NO_IDENTITY


@pytest.mark.parametrize("name", ["user_id", "external_user_id"])
def test_an_id_that_is_not_text_is_no_event(name):
    """The message names the field, never the value."""
    with pytest.raises(EnvelopeError, match=f"^{name} is not text$"):
        users({name: 12345})


@pytest.mark.parametrize("value", [None, "", 7, ["a"]])
def test_an_event_has_an_id(value):
    """Without it nothing can be told apart."""
    with pytest.raises(EnvelopeError):
        event_id({"id": value})


@pytest.mark.parametrize(
    ("mode", "connector", "event_type", "event", "expected"),
    [
        ("raw", "shop", "users.messages.email.Click", EVENT, EVENT),
        ("namespaced", "shop", "users.messages.email.Click", EVENT, f"{EVENT}:aa48a91283137b94019375571f6d696d"),
        ("namespaced", "shop", "users.messages.email.Open", EVENT, f"{EVENT}:84c4507fd9a6c39d098410101d716f58"),
        ("namespaced", "café", "users.messages.email.Click", EVENT, f"{EVENT}:930afe2b943feadadb29b7ef1df96ae7"),
        ("namespaced", "shop", "users.messages.email.Click", "x" * 70, "cb33629e884fc67d073697a475c847c1:aa48a91283137b94019375571f6d696d"),
        ("raw", "shop", "users.messages.email.Click", "x" * 100, "add9998d55ed3962e18dc405a95cc094"),
    ],
)
def test_message_ids_never_change(mode, connector, event_type, event, expected):
    """These values are pinned for ever: another one would send events twice that a replay should not."""
    assert expected == MessageIds(mode, connector, event_type).of(event)


def test_dedup_ids_never_change():
    """They live in recovery stores: another value would forget what was seen."""
    assert DedupIds("ws", "shop", "users.messages.email.Click").of(EVENT) == 16_378_731_309_349_159_753


@given(st.text(min_size=1, max_size=200, alphabet=st.characters(codec="utf-8")), st.sampled_from(["raw", "namespaced"]))
def test_a_message_id_fits(event, mode):
    """Whatever the id, Segment takes it: fewer than 100 characters, in every way of counting."""
    made = MessageIds(mode, "shop", "users.messages.email.Click").of(event)
    assert 0 < len(made.encode()) <= MAX_MESSAGE_ID


@given(st.tuples(st.text(max_size=3), st.text(max_size=3)), st.tuples(st.text(max_size=3), st.text(max_size=3)))
def test_two_connectors_never_share_a_message_id(one, other):
    """The namespace tells connector and type apart however their letters are divided between them."""
    assert (one == other) == (MessageIds("namespaced", *one).of("id") == MessageIds("namespaced", *other).of("id"))


PARTS = st.tuples(*[st.text(max_size=3)] * 4)


@given(PARTS, PARTS)
def test_a_dedup_id_tells_everything_apart(one, other):
    """Workspace, connector, type and id each count, however their letters are divided between them; 0 is never given."""
    assert (one == other) == (DedupIds(*one[:3]).of(one[3]) == DedupIds(*other[:3]).of(other[3]))
    assert 0 < DedupIds(*one[:3]).of(one[3]) < 2**64
