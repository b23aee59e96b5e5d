import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.codecs.conftest import Make

from currents_segment.codecs.catalogue import load
from currents_segment.codecs.chunk import RAW_KEPT, Damage, Origin, Records, Span
from currents_segment.codecs.decoder import MAX_NAME, Decoder
from currents_segment.codecs.mapping import ENVELOPE
from currents_segment.codecs.message import LIBRARY, MAX_MESSAGE
from currents_segment.codecs.outcome import Outcome
from currents_segment.codecs.transcoder import Transcoder

CLICK = "users.messages.email.Click"
TYPES = load().types


@pytest.fixture(scope="module", params=[Decoder, Transcoder], ids=["reference", "fast"])
def make(request):
    """Makers of test data; every law holds on both paths."""
    return Make(request.param)


@pytest.fixture(scope="module")
def click(make):
    """The schema of one type."""
    return make.schema(TYPES[CLICK])


def at(message, place):
    """The value at a path in the message."""
    for key in place.split("."):
        message = message[key]
    return message


@pytest.mark.parametrize("known", TYPES.values(), ids=lambda known: known.name)
def test_every_type_becomes_a_message(make, known):
    """Each of the 100 types is selected by `*`, has its name, and all that is mapped is where it belongs."""
    schema = make.schema(known)
    event = make.event(schema, 1)
    message = make.message(schema, event, selected=load().select(["*"]).types)
    assert (message["type"], message["event"]) == ("track", known.segment_name)
    assert (message["userId"], message["anonymousId"]) == ("external_user_id-1", "user_id-1")
    assert message["timestamp"] == "2026-01-02T03:04:06.000Z"
    for field in known.fields.values():
        if field.place and field.name not in ENVELOPE:
            assert at(message, field.place) == event[field.name]


def test_a_click_in_full(make, click):
    """The documented payload, field by field: the rename of url, the mail address in traits, the model in device, no timezone."""
    event = dict.fromkeys(make.event(click)) | {
        "id": "4f9a6c1e",
        "user_id": "5e1f",
        "external_user_id": "customer-1",
        "email_address": "a@example.com",
        "timezone": "Europe/Berlin",
        "time": 1_767_323_045,
        "url": "https://example.com/?q=ü",
        "campaign_name": 'Say "hi"',
        "device_model": "Pixel",
        "is_amp": False,
        "suspected_bot_click_reason": ["ip", "ua"],
        "send_time": 0,
    }
    assert make.message(click, event, integrations={"All": True, "Braze": False}) == {
        "type": "track",
        "event": "Email Link Clicked",
        "messageId": "4f9a6c1e:aa48a91283137b94019375571f6d696d",
        "userId": "customer-1",
        "anonymousId": "5e1f",
        "timestamp": "2026-01-02T03:04:05.000Z",
        "context": {
            "traits": {"email": "a@example.com"},
            "device": {"model": "Pixel"},
            "library": LIBRARY,
            "integration": {"name": "Shop to Segment"},
        },
        "properties": {
            "campaign_name": 'Say "hi"',
            "link_url": "https://example.com/?q=ü",
            "is_amp": False,
            "suspected_bot_click_reason": ["ip", "ua"],
            "send_time": 0,
        },
        "integrations": {"All": True, "Braze": False},
    }


def test_an_anonymous_card_in_full(make):
    """The card's id is renamed, and the platform is the device's type."""
    schema = make.schema(TYPES["users.messages.contentcard.Click"])
    event = dict.fromkeys(make.event(schema)) | {
        "id": "i",
        "user_id": "5e1f",
        "app_id": "app",
        "content_card_id": "card",
        "platform": "ios",
        "time": 0,
    }
    assert make.message(schema, event, anonymous_users=True, message_id="raw", integration_name="") == {
        "type": "track",
        "event": "Content Card Clicked",
        "messageId": "i",
        "anonymousId": "5e1f",
        "timestamp": "1970-01-01T00:00:00.000Z",
        "context": {"device": {"type": "ios"}, "library": LIBRARY, "integration": {"name": "shop"}},
        "properties": {"app_id": "app", "card_id": "card"},
    }


VALUES = {
    "string": st.text(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "array<string>": st.lists(st.text(), max_size=3),
}


@given(st.data(), st.sampled_from(sorted(TYPES)), st.sampled_from(["pass", "drop"]))
def test_any_record_of_any_type_is_mapped(make, data, name, unknown_fields):
    """Nulls are nowhere, every value is at its place with the type it had, and nothing else is there."""
    known = TYPES[name]
    schema = make.schema(known, {"name": "brand_new", "type": ["null", "long"], "default": None})
    values = {
        field.name: data.draw(st.none() | VALUES[field.type] if field.nullable else VALUES[field.type], field.name)
        for field in known.fields.values()
        if field.name not in ENVELOPE
    }
    values["brand_new"] = data.draw(st.none() | VALUES["long"])
    event = make.event(schema) | values
    message = make.message(schema, event, unknown_fields=unknown_fields)
    expected = {}
    for field, value in values.items():
        entry = known.fields.get(field)
        place = entry.place if entry else None
        if place is None and not known.mapped and field in {"email_address", "to_phone_number", "device_model", "platform"}:
            place = {
                "email_address": "context.traits.email",
                "to_phone_number": "context.traits.phone",
                "device_model": "context.device.model",
                "platform": "properties.platform",
            }[field]
        if place is None and unknown_fields == "pass" and (entry is None or entry.unpublished):
            place = f"properties.{field}"
        if place is not None and value is not None:
            expected[place] = value
    sections = {"context.traits": message["context"].get("traits", {}), "context.device": message["context"].get("device", {})}
    sections["properties"] = message["properties"]
    sent = {f"{section}.{key}": value for section, found in sections.items() for key, value in found.items()}
    assert sent == expected
    assert {place: type(value) for place, value in sent.items()} == {place: type(value) for place, value in expected.items()}


def test_each_event_ends_in_one_outcome(make, click):
    """Of one stretch: sent, anonymous, nobody's, too large, no id, no time, text that is not UTF-8; bodies, ends and ids belong together."""
    events = [
        make.event(click, 0),
        make.event(click, 1, external_user_id=None),
        make.event(click, 2, external_user_id="[REDACTED]", user_id="[REDACTED]"),
        make.event(click, 3, campaign_name="x" * MAX_MESSAGE),
        make.event(click, 4, id=""),
        make.event(click, 5, time=-1),
        make.event(click, 6, campaign_name="NOT UTF8"),
        make.event(click, 7),
    ]
    records = make.records(click, events)
    records = Records(records.schema, "", records.data.replace(b"NOT UTF8", b"\xff" * 8), 8, 5.0, records.origin)
    made = make.decoder().decode(records)
    assert [message["userId"] for message in make.unpack(made)] == ["external_user_id-0", "external_user_id-7"]
    assert made.received == 8
    assert made.tally == {Outcome.ANONYMOUS_USER: 1, Outcome.NO_IDENTITY: 1, Outcome.TOO_LARGE: 1, Outcome.BAD_DATUM: 3}
    assert (made.ends.dtype, made.ids.dtype, len(set(made.ids.tolist()))) == (np.int64, np.uint64, 2)
    assert [(letter.outcome, letter.origin.record) for letter in made.letters] == [
        (Outcome.NO_IDENTITY, 2),
        (Outcome.TOO_LARGE, 3),
        (Outcome.BAD_DATUM, 4),
        (Outcome.BAD_DATUM, 5),
        (Outcome.BAD_DATUM, 6),
    ]
    nobody, large, *bad = made.letters
    assert not nobody.raw
    assert {"userId", "anonymousId"}.isdisjoint(json.loads(nobody.body))
    assert nobody.id == json.loads(nobody.body)["messageId"]
    assert len(large.body) > MAX_MESSAGE
    assert json.loads(large.body)["properties"]["campaign_name"] == "x" * MAX_MESSAGE
    assert [letter.id for letter in bad] == ["key#0.4", "key#0.5", "key#0.6"]
    assert all(letter.raw and letter.schema == records.schema and letter.arrival == 5.0 for letter in bad)
    assert bad[1].body == make.datum(click, events[5])


def test_a_message_of_exactly_32000_bytes_is_sent(make, click):
    """The limit is Segment's, in bytes of UTF-8."""
    room = MAX_MESSAGE - len(make.decoder().decode(make.records(click, [make.event(click, campaign_name="")])).bodies[:-1])
    for size, outcome in ((room, {}), (room + 1, {Outcome.TOO_LARGE: 1})):
        assert make.decoder().decode(make.records(click, [make.event(click, campaign_name="x" * size)])).tally == outcome


def test_an_event_without_id_or_time_fields_is_undecodable(make):
    """A schema of a known type that lacks them makes no message, and loses no count."""
    schema = {"type": "record", "name": CLICK, "fields": [{"name": "user_id", "type": "string"}]}
    made = make.decoder().decode(make.records(schema, [{"user_id": "u", "time": 0}] * 3))
    assert made.tally == {Outcome.BAD_DATUM: 3}
    assert {letter.detail for letter in made.letters} == {"the event has no id"}


@pytest.mark.parametrize("tail", [b"\x00", b"\xff" * 10])
def test_bytes_left_over_are_counted_once(make, click, tail):
    """The events in front of them are sent; what is left is kept as one undecodable event."""
    made = make.decoder().decode(make.records(click, [make.event(click)], tail=tail))
    assert (len(made.ids), made.received, made.tally) == (1, 2, {Outcome.BAD_DATUM: 1})
    assert (made.letters[0].body, made.letters[0].count, made.letters[0].id) == (tail, 1, "key#0.1")


def test_a_bad_datum_ends_its_span_alone(make, click):
    """What is behind it in the same span is lost and counted; the next span comes out."""
    good = make.datum(click, make.event(click))
    spans = (Span(3, 0, 4, len(good) * 2 + 5), Span(4, 2, 1, len(good)))
    records = Records(json.dumps(click), "", good * 2 + b"\xff" * 5 + good, 5, 5.0, Origin("log", "key", 3, 0), spans=spans)
    made = make.decoder().decode(records)
    assert (len(made.ids), made.tally, made.received) == (3, {Outcome.BAD_DATUM: 2}, 5)
    (letter,) = made.letters
    assert (letter.count, letter.body, letter.id, letter.origin) == (2, b"\xff" * 5, "key#3.2", Origin("log", "key", 3, 2))


def test_what_is_not_selected_is_only_counted(make, click):
    """Decided once for a schema: the datums are not even looked at."""
    records = Records(json.dumps(click), "", b"\xff", 1000, 5.0, Origin("log", "key"))
    made = make.decoder(selected=frozenset({"users.messages.sms.Send"})).decode(records)
    assert (made.received, made.tally, made.letters, made.bodies) == (1000, {Outcome.NOT_SELECTED: 1000}, (), b"")


def test_an_unknown_type_is_counted_by_name(make):
    """It is filtered, never fatal, and reported under the name it came with."""
    schema = make.schema("users.messages.hologram.Send")
    made = make.decoder().decode(make.records(schema, [make.event(schema)] * 3))
    assert (made.tally, made.unknown) == ({Outcome.UNKNOWN_TYPE: 3}, {"users.messages.hologram.Send": 3})


def test_the_schemas_name_has_the_last_word(make, click):
    """The place's type counts only where the schema's name says nothing."""
    event = make.event(click)
    decoder = make.decoder()
    assert make.unpack(decoder.decode(make.records(click, [event], hint="users.messages.sms.Send")))[0]["event"] == "Email Link Clicked"
    renamed = {**click, "name": "Whatever"}
    assert make.unpack(decoder.decode(make.records(renamed, [event], hint=CLICK)))[0]["event"] == "Email Link Clicked"
    assert decoder.decode(make.records(renamed, [event])).unknown == {"Whatever": 1}


def test_unknown_fields_are_passed_on_and_counted(make):
    """A field that Braze added is a property of its name, and is reported with how often it came; nothing else changes."""
    schema = make.schema(TYPES[CLICK], {"name": "brand_new", "type": ["null", "int"]})
    decoder = make.decoder()
    made = decoder.decode(make.records(schema, [make.event(schema, number, brand_new=number) for number in range(3)]))
    assert [message["properties"]["brand_new"] for message in make.unpack(made)] == [0, 1, 2]
    assert made.unknown == {f"{CLICK}.brand_new": 3}
    dropped = make.decoder(unknown_fields="drop").decode(make.records(schema, [make.event(schema, brand_new=1)]))
    assert "brand_new" not in make.unpack(dropped)[0]["properties"]


def test_every_avro_type_has_a_json_form(make):
    """Types that Currents doesn't use today: enum, map, record, bytes, fixed, floats, logical types."""
    kinds = {
        "enum": ({"type": "enum", "name": "E", "symbols": ["a", "b"]}, "b", "b"),
        "map": ({"type": "map", "values": "long"}, {"x": 2**60}, {"x": 2**60}),
        "record": ({"type": "record", "name": "I", "fields": [{"name": "x", "type": "double"}]}, {"x": 0.5}, {"x": 0.5}),
        "bytes": ("bytes", b"\x00\xff", "\x00\xff"),
        "fixed": ({"type": "fixed", "name": "F", "size": 2}, b"ab", "ab"),
        "millis": ({"type": "long", "logicalType": "timestamp-millis"}, 1_767_323_045_123, 1_767_323_045_123),
        "decimal": ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, b"\x01", "\x01"),
    }
    plain = {
        key: {k: v for k, v in kind.items() if k != "logicalType"} if isinstance(kind, dict) else kind
        for key, (kind, _, _) in kinds.items()
    }
    schema = make.schema(TYPES[CLICK], *({"name": f"x_{key}", "type": kind} for key, (kind, _, _) in kinds.items()))
    writers = make.schema(TYPES[CLICK], *({"name": f"x_{key}", "type": plain[key]} for key in kinds))
    event = make.event(writers, **{f"x_{key}": value for key, (_, value, _) in kinds.items()})
    records = Records(json.dumps(schema), "", make.datum(writers, event), 1, 5.0, Origin("log", "key"))
    (message,) = make.unpack(make.decoder().decode(records))
    assert {key: message["properties"][f"x_{key}"] for key in kinds} == {key: expected for key, (_, _, expected) in kinds.items()}


def test_a_schema_that_cannot_be_read_by_keeps_its_events(make):
    """Counted one by one, kept with the schema; but where the place says that they are not wanted, they are not."""
    spans = (Span(0, 0, 2, 3), Span(1, 0, 3, 4))
    records = Records('{"type":"no"}', CLICK, b"abcdefg", 5, 5.0, Origin("log", "key"), spans=spans)
    made = make.decoder().decode(records)
    assert (made.received, made.tally) == (5, {Outcome.UNKNOWN_SCHEMA: 5})
    assert [(letter.body, letter.count, letter.id, letter.schema) for letter in made.letters] == [
        (b"abc", 2, "key#0.0", '{"type":"no"}'),
        (b"defg", 3, "key#1.0", '{"type":"no"}'),
    ]
    assert make.decoder(selected=frozenset()).decode(records).tally == {Outcome.NOT_SELECTED: 5}


def test_damage_becomes_a_letter(make):
    """With the reader's outcome, count and words; what is not kept is said."""
    damage = Damage(Outcome.BAD_FRAME, "broken", 7, b"x" * RAW_KEPT, 10 * RAW_KEPT, Origin("log", "key", 4))
    made = make.decoder().decode(Records("", "", b"", 0, 5.0, damage.origin, damage))
    assert (made.received, made.tally, made.ends.tolist()) == (7, {Outcome.BAD_FRAME: 7}, [])
    (letter,) = made.letters
    assert (letter.count, letter.raw, letter.schema, letter.id) == (7, True, "", "key#4.0")
    assert letter.detail == "broken; the first 262,144 of 2,621,440 bytes are kept"


@given(st.data())
def test_the_ledger_always_balances(make, click, data):
    """Whatever the bytes: received = messages + tally; letters are the kept part of the tally; bodies end where `ends` says."""
    good = make.datum(click, make.event(click))
    pieces = data.draw(st.lists(st.sampled_from([good, good, good, good[:-3]]) | st.binary(max_size=30), max_size=6))
    count = data.draw(st.integers(1, 8))
    made = make.decoder().decode(Records(json.dumps(click), "", b"".join(pieces), count, 5.0, Origin("log", "key")))
    assert made.received == len(made.ids) + sum(made.tally.values())
    assert made.received in {count, count + 1}
    assert all(number > 0 for number in made.tally.values())
    assert sum(letter.count for letter in made.letters) == made.tally.get(Outcome.BAD_DATUM, 0) + made.tally.get(Outcome.NO_IDENTITY, 0)
    assert len(make.unpack(made)) == len(made.ids) == len(made.ends)
    assert made.bodies == b"" or made.ends[-1] == len(made.bodies)


def test_the_same_event_gives_the_same_id_and_another_gives_another(make, click):
    """Deduplication is by workspace, connector, type and id; the rest of the event plays no part."""
    opened = make.schema(TYPES["users.messages.email.Open"])

    def made(schema, number=0, *, settings=(), **values):
        return make.decoder(**dict(settings)).decode(make.records(schema, [make.event(schema, number, **values)])).ids[0]

    assert made(click) == made(click, campaign_name="other", time=1)
    others = [made(click, 1), made(opened), made(click, settings={"connector": "b"}), made(click, settings={"workspace": "b"})]
    assert len({made(click), *others}) == 5


def test_names_that_come_with_the_data_are_cut(make):
    """They are counted, logged and shown; a schema may have any."""
    made = make.decoder().decode(make.records(make.schema("x" * 5000), [make.event(make.schema("y"))]))
    assert {"x" * MAX_NAME: 1} == made.unknown
    schema = make.schema(TYPES[CLICK], {"name": "z" * 5000, "type": "int"})
    assert {
        f"{CLICK}.zz" in name and MAX_NAME == len(name)
        for name in make.decoder().decode(make.records(schema, [make.event(schema)])).unknown
    } == {True}
