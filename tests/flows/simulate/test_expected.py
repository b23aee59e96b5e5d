from collections import Counter

import orjson
import pytest

from currents_segment.codecs.outcome import Outcome
from currents_segment.codecs.profile import Profile
from currents_segment.flows.simulate.currents import Export, File, Simulator, spread
from currents_segment.flows.simulate.currents_types import UNKNOWN_TYPES, EventType, Field, load
from currents_segment.flows.simulate.expected import Expectation, Mapper, Policy, content_of, digest, encode

TYPES = load()
CLICK = TYPES["users.messages.email.Click"]
SEND = TYPES["users.messages.pushnotification.Send"]
INBOUND = TYPES["users.messages.sms.InboundReceive"]
RETRY = TYPES["users.messages.email.Retry"]
PURCHASE = TYPES["users.behaviors.Purchase"]
NAMES = {name: f"Name of {name}" for name in TYPES}
TIME = 1767323045  # 2026-01-02T03:04:05Z


def profile(*selected, connector="shop", **settings):
    return Profile(
        connector, "workspace", frozenset(kind.name for kind in selected), **{"anonymous_users": False, "names": NAMES} | settings
    )


def event(kind, number=1, **values):
    """A record with nothing but its envelope, and what is given."""
    blank = {field.name: None for field in kind.fields}
    return {**blank, "id": f"id-{number}", "user_id": f"braze-{number}", "external_user_id": f"customer-{number}", "time": TIME, **values}


def lying(*records, kind, folder=None, damaged=0):
    return File("key", b"", folder or kind.name, kind, records, damaged, 0.0)


def outcome(files, *policies):
    expectation = Expectation(policies)
    due = [(message.connectors, orjson.loads(message.content)) for file in files for message in expectation.add(file)]
    return {name: dict(+counts) for name, counts in expectation.counts.items()}, due


def content(record, kind, **settings):
    return Mapper(kind, profile(kind, **settings)).content(record)


def test_a_message_by_hand():
    """Braze's documented payload of an e-mail click, written out: renames, traits, ids, time, nulls left out, types kept."""
    record = event(
        CLICK, url="https://x.example/?a=1", email_address="a@example.com", timezone="UTC", is_amp=False, campaign_name="", dispatch_id="d"
    )
    assert {
        "type": "track",
        "event": "Name of users.messages.email.Click",
        "userId": "customer-1",
        "anonymousId": "braze-1",
        "timestamp": "2026-01-02T03:04:05.000Z",
        "properties": {"link_url": "https://x.example/?a=1", "is_amp": False, "campaign_name": "", "dispatch_id": "d"},
        "context": {"traits": {"email": "a@example.com"}},
    } == content(record, CLICK)


def test_platform_stays_a_property_where_braze_says_so():
    """The platform is the type of the device for push opens, and a property for push sends; the model is context."""
    opened = TYPES["users.messages.pushnotification.Open"]
    values = {"platform": "ios", "device_model": "iPhone17,1"}
    assert {"platform": "ios"} == content(event(SEND, platform="ios"), SEND)["properties"]
    assert {"device": {"model": "iPhone17,1", "type": "ios"}} == content(event(opened, **values), opened)["context"]


def test_what_the_published_mapping_lacks_follows_the_setting():
    """Fields newer than the mapping, and fields that nobody knows, are passed under their own name or dropped."""
    newer = CLICK.of("newer")
    recent = next(field.name for field in newer.fields if field.unmapped and field.recent)
    record = event(newer, **{recent: True, "attribution_token": "t", "audience_labels": []})
    assert {recent: True, "attribution_token": "t", "audience_labels": []} == content(record, newer)["properties"]
    assert {} == content(record, newer, unknown_fields="drop")["properties"]


@pytest.mark.parametrize("kind", [RETRY, PURCHASE], ids=lambda kind: kind.name)
def test_general_places_hold_where_nothing_is_published(kind):
    """E-mail and phone are traits, the model is context and the platform a property, by name, whatever the setting."""
    general = EventType(kind.name, kind.spellings, (*kind.fields, Field("retry_log", "string")), general=kind.general)
    record = event(general, email_address="a@example.com", retry_log="log") | {"platform": "ios", "device_model": "m"}
    known = {field.name for field in general.fields}
    dropped = content(record, general, unknown_fields="drop")
    assert {"email": "a@example.com"} == dropped["context"]["traits"]
    assert ({"platform": "ios"} if "platform" in known else {}) == dropped["properties"]
    assert ({"model": "m"} if "device_model" in known else None) == dropped["context"].get("device")
    assert "log" == content(record, general)["properties"]["retry_log"]


def test_the_integrations_map_is_part_of_the_content():
    """It decides what Segment does with a message, so that its absence is a difference."""
    assert {"All": True, "Braze": False} == content(event(CLICK), CLICK, integrations={"All": True, "Braze": False})["integrations"]
    assert "integrations" not in content(event(CLICK), CLICK)


@pytest.mark.parametrize(
    ("external", "braze", "strict", "open_"),
    [
        ("customer", "braze", Outcome.DELIVERED, Outcome.DELIVERED),
        ("customer", None, Outcome.DELIVERED, Outcome.DELIVERED),
        ("customer", "[REDACTED]", Outcome.DELIVERED, Outcome.DELIVERED),
        (None, "braze", Outcome.ANONYMOUS_USER, Outcome.DELIVERED),
        ("[REDACTED]", "braze", Outcome.ANONYMOUS_USER, Outcome.DELIVERED),
        (None, None, Outcome.NO_IDENTITY, Outcome.NO_IDENTITY),
        (None, "[REDACTED]", Outcome.NO_IDENTITY, Outcome.NO_IDENTITY),
        ("[REDACTED]", None, Outcome.NO_IDENTITY, Outcome.NO_IDENTITY),
        ("[REDACTED]", "[REDACTED]", Outcome.NO_IDENTITY, Outcome.NO_IDENTITY),
    ],
)
def test_identity(external, braze, strict, open_):
    """An id that can be sent is needed; without an external one the connector must include anonymous users; `[REDACTED]` is no id."""
    file = lying(event(INBOUND, external_user_id=external, user_id=braze), kind=INBOUND)
    counts, due = outcome([file], Policy(profile(INBOUND)), Policy(profile(INBOUND, connector="open", anonymous_users=True)))
    assert {"shop": {strict: 1}, "open": {open_: 1}} == counts
    assert all("[REDACTED]" not in (message.get("userId"), message.get("anonymousId")) for _, message in due)


def test_a_small_case_by_hand():
    """Every decision in its order: damage, unknown type, selection, identity, size, duplicate; each connector by its own folders."""
    unknown = UNKNOWN_TYPES[0]
    big = "x" * 40_000
    files = [
        lying(event(CLICK, 1), event(CLICK, 2), event(CLICK, 1), kind=CLICK, damaged=7),
        lying(event(CLICK, 2), event(CLICK, 3, url=big), event(CLICK, 3, url=big), event(CLICK, 4, external_user_id=None), kind=CLICK),
        lying(event(CLICK, 5, external_user_id=None, user_id="[REDACTED]", url=big), kind=CLICK),
        lying(event(SEND, 1), event(SEND, 2, external_user_id=None, user_id=None), kind=SEND, folder=CLICK.name),
        lying(event(SEND, 1), kind=SEND),
        lying(event(unknown, 1), event(unknown, 1), kind=unknown),
        File("key", b"", SEND.name, None, (), 1, 0.0),
    ]
    counts, due = outcome(
        files, Policy(profile(CLICK)), Policy(profile(CLICK, SEND, connector="all", anonymous_users=True), everything=True)
    )
    assert {
        "shop": {
            Outcome.BAD_FRAME: 7,
            Outcome.DELIVERED: 2,
            Outcome.DUPLICATE: 2,
            Outcome.TOO_LARGE: 2,
            Outcome.ANONYMOUS_USER: 1,
            Outcome.NO_IDENTITY: 1,
            Outcome.NOT_SELECTED: 2,
        },
        "all": {
            Outcome.BAD_FRAME: 8,
            Outcome.DELIVERED: 4,
            Outcome.DUPLICATE: 3,
            Outcome.TOO_LARGE: 2,
            Outcome.NO_IDENTITY: 2,
            Outcome.UNKNOWN_TYPE: 2,
        },
    } == counts
    assert [(("shop", "all"), "braze-1"), (("shop", "all"), "braze-2"), (("all",), "braze-4"), (("all",), "braze-1")] == [
        (connectors, message["anonymousId"]) for connectors, message in due
    ]


def test_connectors_with_other_rules_have_contents_of_their_own():
    """One event, two names: two messages, each for its connector."""
    other = {**NAMES, CLICK.name: "Clicked"}
    _, due = outcome([lying(event(CLICK), kind=CLICK)], Policy(profile(CLICK)), Policy(profile(CLICK, connector="other", names=other)))
    assert [(("shop",), NAMES[CLICK.name]), (("other",), "Clicked")] == [(connectors, message["event"]) for connectors, message in due]


def test_the_same_id_under_two_types_is_two_events():
    """The key of an event is its type and its id."""
    files = [lying(event(CLICK), kind=CLICK), lying(event(SEND), kind=SEND)]
    assert {"shop": {Outcome.DELIVERED: 2}} == outcome(files, Policy(profile(CLICK, SEND)))[0]


def test_the_counts_add_up_over_an_untidy_export():
    """Each event that a connector lists is counted once, and each delivered one has a content of its own."""
    kinds = tuple(TYPES.values())
    files = list(Simulator(Export(kinds, seed=5, events_per_file=20, block=5)).files(spread(4_000, 1, float(TIME))))
    everything = Policy(profile(*kinds), everything=True)
    some = Policy(profile(*kinds[:20], connector="some", unknown_fields="drop", anonymous_users=True))
    expectation = Expectation([everything, some])
    due = Counter((name, digest(message.content)) for file in files for message in expectation.add(file) for name in message.connectors)
    for policy in (everything, some):
        counts = expectation.counts[policy.profile.connector]
        assert sum(len(file.records) + file.damaged for file in files if policy.lists(file.folder)) == counts.total()
        assert counts[Outcome.DELIVERED] == sum(1 for name, _ in due if name == policy.profile.connector)
    assert {1} == set(due.values())


def test_content_is_what_segments_users_see():
    """The id, the time of sending, the library and the integration's name are left out; the rest of the context stays."""
    message = {"messageId": "m", "sentAt": "s", "event": "e", "context": {"library": {}, "integration": {}, "traits": {"email": "a"}}}
    assert {"event": "e", "context": {"traits": {"email": "a"}}} == content_of(message)
    assert {"event": "e"} == content_of({"event": "e", "context": {"library": {"name": "x"}}})
    assert encode({"b": 1, "a": {"d": 1, "c": None}}) == encode({"a": {"c": None, "d": 1}, "b": 1})
