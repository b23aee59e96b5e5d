"""The fast path makes what the reference path makes; `tests.fuzz` holds that for millions of events, and the laws of `test_decoder` for both."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from tests.codecs.conftest import Make
from tests.fuzz import twins
from tests.fuzz.laws import values

from currents_segment.codecs import transcoder
from currents_segment.codecs.catalogue import load
from currents_segment.codecs.chunk import Damage, Framed, Origin, Span, joined
from currents_segment.codecs.decoder import Decoder
from currents_segment.codecs.outcome import Outcome, Slow
from currents_segment.codecs.transcoder import Transcoder

TYPES = load().types
CLICK = TYPES["users.messages.email.Click"]
FAST = Make(Transcoder)
NEW = [
    {"name": "a", "type": ["string", "null"]},
    {"name": "b", "type": ["null", "long"]},
    {"name": "c", "type": ["null", {"type": "array", "items": "string"}]},
    {"name": "d", "type": {"type": "boolean"}},
]


def both(schema, events, **settings):
    """What both paths make of events, which must be the same; returned as the fast one has it."""
    records = FAST.records(schema, events)
    made = FAST.decoder(**settings).decode(records)
    assert values(Make().decoder(**settings).decode(records)) == values(made)
    return made


@pytest.mark.parametrize("spoiled", [False, True], ids=["good", "spoiled"])
@pytest.mark.parametrize("seed", range(20))
def test_both_paths_make_the_same(seed, spoiled):
    """Byte for byte: bodies, ids, letters, counts; whatever the writers, the connector, the shape in which they flow, and the bytes."""
    assert twins.held(Random(f"twins {seed}"), spoiled=spoiled)


@pytest.mark.parametrize("known", TYPES.values(), ids=lambda known: known.name)
@pytest.mark.parametrize("nulls", [False, True], ids=["set", "null"])
def test_ordinary_events_are_fast(known, nulls):
    """No event of any of the 100 types takes the slow path, with new fields of the known types, with all that can be null or without."""
    schema = FAST.schema(known, *NEW)
    optional = [
        field["name"] for field in schema["fields"] if nulls and isinstance(field["type"], list) and field["name"] != "external_user_id"
    ]
    made = both(schema, [FAST.event(schema, number, **({"a": "x", "d": True} | dict.fromkeys(optional))) for number in range(3)])
    assert (3, {}) == (len(made.ids), made.slow)


@pytest.mark.parametrize(
    ("why", "outcome", "schema", "change"),
    [
        (Slow.SCHEMA, None, FAST.schema(CLICK, {"name": "x", "type": {"type": "map", "values": "long"}}), {"x": {}}),
        (Slow.ID, None, FAST.schema(CLICK), {"id": "x" * 67}),
        (Slow.ID, Outcome.BAD_DATUM, FAST.schema(CLICK), {"id": ""}),
        (Slow.TIME, Outcome.BAD_DATUM, FAST.schema(CLICK), {"time": -1}),
        (Slow.NOBODY, Outcome.NO_IDENTITY, FAST.schema(CLICK), {"external_user_id": "[REDACTED]", "user_id": ""}),
        (Slow.SIZE, Outcome.TOO_LARGE, FAST.schema(CLICK), {"url": "x" * 31_900}),
        (Slow.NUMBER, None, FAST.schema(CLICK, {"name": "x", "type": "double"}), {"x": 0.1 + 0.2}),
    ],
)
def test_the_slow_path_is_counted_by_reason(why, outcome, schema, change):
    """What the loop leaves to the reference path is decided there, in its place among the others, and counted."""
    events = [FAST.event(schema, number, **({"x": change["x"]} if "x" in change else {})) for number in range(3)]
    events[1] |= change
    made = both(schema, events)
    slow = 3 if why in {Slow.SCHEMA, Slow.NUMBER} else 1
    assert ({why: slow}, {outcome: 1} if outcome else {}) == (made.slow, made.tally)


def test_text_and_bytes_that_are_none_are_counted_too():
    """Text that is not UTF-8 costs its event; a datum that has no end costs the rest of its run, as on the reference path."""
    schema = FAST.schema(CLICK)
    records = FAST.records(schema, [FAST.event(schema, number, url="NOT UTF8") for number in range(4)])
    data = records.data.replace(b"NOT UTF8", b"\xff" * 8, 1)
    for spoiled, slow in (
        (data, {Slow.TEXT: 1}),
        (data[:-1], {Slow.TEXT: 1, Slow.DATUM: 1}),
        (data + b"\x00", {Slow.TEXT: 1, Slow.DATUM: 1}),
    ):
        each = type(records)(records.schema, "", spoiled, 4, 5.0, records.origin)
        made = FAST.decoder().decode(each)
        assert values(Make().decoder().decode(each)) == values(made)
        assert slow == made.slow


def test_numbers_of_up_to_15_digits_are_fast():
    """As a price or a place on earth has them; JSON has no NaN, so it is left out."""
    schema = FAST.schema(CLICK, {"name": "x", "type": "double"}, {"name": "y", "type": "float"})
    numbers = [0.0, -0.0, 19.99, -52.520008, 0.001, 123456789.012345, 999999999999999.0, float("nan"), float("-inf")]
    made = both(schema, [FAST.event(schema, number, x=x, y=0.5) for number, x in enumerate(numbers)])
    assert {} == made.slow
    assert ["x" in message["properties"] for message in FAST.unpack(made)] == [True] * 7 + [False] * 2


def test_doubles_are_written_as_the_reference_writes_them():
    """Prices, places, any bits at all: the same digits, or the slow path."""
    schema = FAST.schema(CLICK, {"name": "x", "type": "double"})
    random = np.random.default_rng(7)
    prices = np.round(random.random(2_000) * 10.0 ** random.integers(-2, 12, 2_000), 3)
    bits = random.integers(0, 1 << 63, 1_000).view(np.float64)
    made = both(schema, [FAST.event(schema, x=float(x)) for x in np.concatenate([prices, bits])])
    assert len(made.ids) == 3_000
    assert 900 < made.slow[Slow.NUMBER] < 1_100


@pytest.mark.parametrize("character", ["x", '"', "\\", "\0", "\x1f", "\x7f", "é", "€", "😀"])
def test_texts_of_every_length_are_written_as_the_reference_writes_them(character):
    """Around the steps in which they are copied, with a character at each place; the last of them stand at the end of all data."""
    texts = [
        "a" * place + character + "b" * rest
        for size in (1, 31, 32, 62, 63, 64, 65, 128, 129)
        for place in range(size)
        for rest in (size - place - 1,)
    ]
    schema = {**FAST.schema(CLICK), "fields": [*FAST.schema(CLICK)["fields"], {"name": "x", "type": "string"}]}
    made = both(schema, [FAST.event(schema, x=text) for text in texts])
    assert {} == made.slow
    assert texts == [message["properties"]["x"] for message in FAST.unpack(made)]
    for text in texts[-129:]:
        assert {} == both(schema, [FAST.event(schema, x=text)]).slow


@pytest.mark.parametrize("texts", [[""] * 300_000, ["\0" * 5_000] * 100, ["\0" * 32_000] * 12, ["x" * 40_000] * 10, ["é" * 400] * 500])
@pytest.mark.parametrize("field", ["new", "id"])
def test_what_has_no_room_in_a_draft_is_not_drafted(texts, field):
    """However much a datum claims to send: the reference path says what becomes of it, and of those beside it."""
    kind = {"type": "array", "items": "string"}
    schema = FAST.schema(CLICK, *[{"name": f"new_{number}", "type": ["null", kind]} for number in range(3)])
    huge = dict.fromkeys(["new_0", "new_2"], texts) if field == "new" else {"id": texts[0] * 3, "new_1": texts}
    made = both(schema, [FAST.event(schema, number, **(huge if number == 1 else {})) for number in range(3)])
    assert (2, 1) == (len(made.ids), sum(made.slow.values()))


def test_an_anonymous_event_with_text_that_is_none_is_none():
    """However large the text is: it is looked at before the event is counted as one of an anonymous user."""
    schema = FAST.schema(CLICK, {"name": "x", "type": "string"})
    for size in (1, 100, 100_000):
        event = FAST.event(schema, x="N" * size, external_user_id=None)
        records = FAST.records(schema, [event])
        spoiled = replace(records, data=records.data.replace(b"N" * size, b"N" * (size - 1) + b"\xff"))
        assert ({Outcome.ANONYMOUS_USER: 1}, {Outcome.BAD_DATUM: 1}) == (both(schema, [event]).tally, FAST.decoder().decode(spoiled).tally)


def test_each_time_is_written_as_the_reference_writes_it():
    """All days around the ends of months, leap years and centuries from 1970 to 9999."""
    schema = FAST.schema(CLICK)
    days = [
        day
        for year in (0, 2, 29, 30, 31, 130, 430, 1030, 8029)
        for day in range(int(year * 365.2425) - 3, int(year * 365.2425) + 370)
        if 0 <= day < 2_932_897
    ]
    events = [
        FAST.event(schema, time=day * 86_400 + number * 25 % 86_400) for number, day in enumerate(days) if day * 86_400 < 2**31 - 86_400
    ]
    made = both(schema, events)
    assert {} == made.slow
    longs = {**schema, "fields": [{"name": "time", "type": "long"} if each["name"] == "time" else each for each in schema["fields"]]}
    assert {} == both(longs, [FAST.event(longs, time=day * 86_400 + number * 25 % 86_400) for number, day in enumerate(days)]).slow


def test_what_does_not_fit_in_one_go_is_made_in_several(monkeypatch):
    """Many messages, many bytes, many slow ones: the loop goes on where it stopped."""
    schema = FAST.schema(CLICK)
    events = [FAST.event(schema, number, **({"id": ""} if number % 3 == 0 else {})) for number in range(100)]
    once = both(schema, events)
    for name, value in (("MOST_MESSAGES", 7), ("MOST_SLOW", 5), ("MOST_BYTES", 1)):
        monkeypatch.setattr(transcoder, name, value)
        assert values(once) == values(both(schema, events))


def test_the_order_of_the_log_is_kept():
    """Datums of several writers in one `Framed`, some of them slow, some filtered: what is made of them stands in their order, and names their offsets."""
    wanted, odd, other = (
        FAST.schema(TYPES[name]) for name in ("users.messages.email.Click", "users.messages.email.Open", "users.messages.sms.Send")
    )
    odd["fields"].append({"name": "m", "type": "bytes"})
    texts = FAST.records(wanted, []).schema, FAST.records(odd, []).schema, FAST.records(other, []).schema, "no schema"
    datums, which = [], []
    for number in range(30):
        writer = number % 4
        schema = (wanted, odd, other, other)[writer]
        event = FAST.event(schema, number, **({"m": b"x"} if writer == 1 else {}), **({"id": ""} if number == 8 else {}))
        datums.append(FAST.datum(schema, event))
        which.append(writer)
    ends = np.cumsum([len(datum) + 5 for datum in datums])
    begins = ends - [len(datum) for datum in datums]
    framed = Framed(
        tuple((text, "") for text in texts), np.array(which, np.uint16), b"".join(b"\x00\x00\x00\x00\x01" + datum for datum in datums),
        begins, ends, np.arange(30) + 100, 5.0, Origin("topic", "3", 100),
    )  # fmt: skip
    settings = {"selected": frozenset({"users.messages.email.Click", "users.messages.email.Open"})}
    made = FAST.decoder(**settings).decode(framed)
    assert values(Make().decoder(**settings).decode(framed)) == values(made)
    sent = [int(message["userId"].rpartition("-")[2]) for message in FAST.unpack(made)]
    assert [number for number in range(30) if number % 4 < 2 and number != 8] == sent
    assert {Slow.SCHEMA: 8, Slow.ID: 1} == made.slow
    assert [100 + number for number in range(30) if number % 4 == 3 or number == 8] == [letter.origin.block for letter in made.letters]


@pytest.mark.parametrize(("messages", "slow"), [(8_192, 256), (5, 256), (8_192, 2), (1, 1)])
def test_what_goes_together_is_made_as_if_alone(monkeypatch, messages, slow):
    """Whatever the loop has room for at a time. Records of several objects and writers, some damaged, some spoiled, some as messages: each event as by itself, in order, and what ends names its own object."""
    monkeypatch.setattr("currents_segment.codecs.transcoder.MOST_MESSAGES", messages)
    monkeypatch.setattr("currents_segment.codecs.transcoder.MOST_SLOW", slow)
    wanted, other = FAST.schema(CLICK), FAST.schema(TYPES["users.messages.sms.Send"])
    several = []
    for number in range(12):
        schema = wanted if number % 3 else other
        records = FAST.records(schema, [FAST.event(schema, 10 * number + each, **({"id": ""} if each == 4 else {})) for each in range(6)])
        origin = Origin("bucket", f"{number}.avro", number, 5)
        if number % 4 == 1:
            records = replace(records, data=records.data[:-3])
        if number == 5:
            damage = Damage(Outcome.BAD_FRAME, "spoiled", 3, b"raw", 3, origin)
            records = replace(records, data=b"", count=0, damage=damage)
        if number == 7:
            half = len(FAST.datum(schema, FAST.event(schema, 70)))
            records = replace(records, spans=(Span(7, 5, 1, half), Span(8, 0, 5, len(records.data) - half)))
        if number == 8:
            ends = np.array([len(records.data) // 6 * (each + 1) for each in range(6)])
            records = replace(records, ends=ends, blocks=np.arange(6))
        several.append(replace(records, origin=origin, arrival=float(number)))
    objects = [several[:1], several[1:4], several[4:9], *([each] for each in several[9:])]
    alone, together = FAST.decoder(), FAST.decoder().together(objects)
    assert len(objects) == len(together)
    for records, made in zip(objects, together, strict=True):
        by_itself = joined([alone.decode(each) for each in records])
        assert values(by_itself) == values(made)
        assert (by_itself.slow, by_itself.unknown) == (made.slow, made.unknown)
        assert {each.origin.object for each in records} == {letter.origin.object for letter in made.letters}
        assert all(f"{letter.arrival:.0f}.avro" == letter.origin.object for letter in made.letters)


def test_of_a_chunk_without_a_message_nothing_is_made():
    """And nothing of it is received."""
    none = np.empty(0, np.int64)
    framed = Framed((), none.astype(np.uint16), b"", none, none, none, 0.0, Origin("log", "key"))
    made = FAST.decoder().decode(framed)
    assert values(Make().decoder().decode(framed)) == values(made)
    assert (0, 0, b"") == (made.received, len(made.ids), bytes(made.bodies))


def test_slow_events_of_joined_chunks_are_added():
    """A chunk says how many of all its parts took the slow path."""
    schema = FAST.schema(CLICK)
    parts = [FAST.decoder().decode(FAST.records(schema, [FAST.event(schema, id="")] * count)) for count in (1, 2)]
    assert {Slow.ID: 3} == joined(parts).slow


def test_a_row_for_every_writer_that_is_remembered(monkeypatch):
    """More writers than are kept are decided anew, and nothing else changes."""
    monkeypatch.setattr("currents_segment.codecs.tables.MAX_WRITERS", 3)
    fast, reference = FAST.decoder(), Decoder(FAST.profile(), load())
    for known in [*list(TYPES.values())[:10], CLICK] * 2:
        schema = FAST.schema(known)
        records = FAST.records(schema, [FAST.event(schema)])
        assert values(reference.decode(records)) == values(fast.decode(records))
