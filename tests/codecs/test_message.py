import json

import orjson
import pytest

from currents_segment.codecs.identity import EnvelopeError, Users
from currents_segment.codecs.mapping import Step
from currents_segment.codecs.message import LIBRARY, Message, encode, timestamp

STEPS = (
    Step("url", "properties", "link_url", "published"),
    Step("email_address", "traits", "email", "published"),
    Step("model", "device", "model", "published"),
)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (1_767_323_045, "2026-01-02T03:04:05.000Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400, "2000-02-29T00:00:00.000Z"),
        (253_402_300_799, "9999-12-31T23:59:59.000Z"),
    ],
)
def test_time_is_utc(seconds, expected):
    """Unix seconds become ISO-8601 in UTC, on every machine."""
    assert expected == timestamp({"time": seconds})


@pytest.mark.parametrize("value", [None, True, 1.5, "1767323045", -1, 253_402_300_800, 1_767_323_045_000])
def test_a_time_of_the_wrong_kind_is_no_time(value):
    """Not an integer, before 1970, or in milliseconds: the event cannot be placed in time."""
    with pytest.raises(EnvelopeError):
        timestamp({"time": value})


def test_nulls_are_left_out_and_types_are_kept():
    """A null is not there at all; the rest is the JSON value that Avro had."""
    steps = tuple(Step(name, "properties", name, "passed_on") for name in "abcdefg")
    datum = {"a": None, "b": 0, "c": False, "d": "", "e": ["x"], "f": float("nan"), "g": 1.5}
    message = Message("Event", steps, "Shop", None).build(datum, "m", Users("u", None), "t")
    assert message["properties"] == {"b": 0, "c": False, "d": "", "e": ["x"], "g": 1.5}


def test_sections_are_there_only_where_they_hold_something():
    """No empty traits or device; properties always."""
    message = Message("Event", STEPS, "Shop", None).build({"url": None, "email_address": None, "model": None}, "m", Users(None, "b"), "t")
    assert message == {
        "type": "track",
        "event": "Event",
        "messageId": "m",
        "anonymousId": "b",
        "timestamp": "t",
        "context": {"library": LIBRARY, "integration": {"name": "Shop"}},
        "properties": {},
    }


def test_integrations_are_sent_as_configured():
    """The map goes out as it is, `{}` too; without one the key is not there."""
    empty = {"url": None, "email_address": None, "model": None}
    for integrations in ({"All": True, "Braze": False}, {}, {"X": {"deep": [1]}}):
        assert integrations == Message("E", STEPS, "S", integrations).build(empty, "m", Users("u", "b"), "t")["integrations"]


def test_bytes_have_avros_json_form():
    """A character for each byte, and everything else as it is; control characters and unicode survive."""
    value = {"raw": b"\x00\xff", "text": 'a"\\\n\x01é😀'}
    assert json.loads(encode(value)) == {"raw": "\x00\xff", "text": 'a"\\\n\x01é😀'}


def test_what_has_no_json_form_is_a_bug():
    """It is not written as something else."""
    with pytest.raises(orjson.JSONEncodeError):
        encode({"a": object()})
