import io
import json
import uuid

import fastavro
import pytest
from confluent_kafka.schema_registry import header_schema_id_serializer, prefix_schema_id_serializer
from confluent_kafka.schema_registry.serde import SchemaId
from confluent_kafka.serialization import MessageField, SerializationContext
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.codecs.chunk import RAW_KEPT, Origin
from currents_segment.codecs.frames import HEADER, MAX_KNOWN, Frame, Framer, Framing, Unframed, fingerprint
from currents_segment.codecs.outcome import Outcome
from currents_segment.codecs.shape import SchemaError

GUID = uuid.UUID("9e2b4a6c-2c1b-4f0a-8a53-1d5f6f0d7a11")
CLICK = "users.messages.email.Click"


def record(*types):
    """A schema with fields of these types."""
    return json.dumps({"type": "record", "name": "a.B", "fields": [{"name": f"f{i}", "type": each} for i, each in enumerate(types)]})


PLAIN = record("string", "int")
VALUES = {
    Framing.CONFLUENT: (b"\x00\x00\x01\x02\x03datum", Frame(Framing.CONFLUENT, 0x010203, 5)),
    Framing.SINGLE_OBJECT: (b"\xc3\x01" + fingerprint(PLAIN) + b"datum", Frame(Framing.SINGLE_OBJECT, fingerprint(PLAIN), 10)),
    Framing.CONTAINER: (b"Obj\x01\x00", Frame(Framing.CONTAINER, None, 0)),
    Framing.BARE: (b"\x04id\x00", Frame(Framing.BARE, None, 0)),
}
GUID_VALUE = (b"\x01" + GUID.bytes + b"datum", Frame(Framing.CONFLUENT, str(GUID), 17))


@pytest.mark.parametrize("kind", VALUES)
def test_auto_tells_every_frame(kind):
    """By its first bytes alone; twice the same, whatever was seen before."""
    framer = Framer(Framing.AUTO, PLAIN)
    for _ in range(2):
        for value, frame in (VALUES[kind], GUID_VALUE):
            assert frame == framer.of(value)


@pytest.mark.parametrize("framing", [Framing.CONFLUENT, Framing.SINGLE_OBJECT, Framing.CONTAINER])
def test_a_configured_framing_takes_no_other(framing):
    """What is framed otherwise is named, and never read by the wrong schema."""
    framer = Framer(framing)
    for kind, (value, frame) in VALUES.items():
        found = framer.of(value)
        if kind is framing:
            assert frame == found
        else:
            assert isinstance(found, Unframed)
            assert f"not framed as {framing}" in found.detail


def test_bare_looks_at_nothing():
    """A datum may begin with any byte, and a header may be another's."""
    framer = Framer(Framing.BARE, record("null", "int", "string"))
    for value, _ in VALUES.values():
        assert Frame(Framing.BARE, None, 0) == framer.of(value, [(HEADER, b"\x00\x00\x00\x00\x01")])


@given(st.text(min_size=1), st.integers(-(2**31), 2**31 - 1))
def test_auto_takes_no_datum_of_the_configured_schema_for_a_frame(text, number):
    """Since its first field is text that is not empty."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(PLAIN), named_schemas={}), {"f0": text, "f1": number})
    assert Frame(Framing.BARE, None, 0) == Framer(Framing.AUTO, PLAIN).of(out.getvalue())


@pytest.mark.parametrize(
    ("framing", "schema", "words"),
    [
        (Framing.BARE, None, "configure the schema"),
        (Framing.AUTO, record("int", "string"), "say which framing"),
        (Framing.AUTO, record(["string", "null"]), "say which framing"),
        (Framing.AUTO, record({"type": "array", "items": "string"}), "say which framing"),
        (Framing.AUTO, "{", "not JSON"),
        (Framing.BARE, '"string"', "not of a record"),
        (Framing.CONFLUENT, PLAIN, "leave the configured schema out"),
        (Framing.SINGLE_OBJECT, PLAIN, "leave the configured schema out"),
    ],
)
def test_a_framing_that_cannot_be_sound_is_refused(framing, schema, words):
    """At the start, in words, not message by message."""
    with pytest.raises(ValueError, match=words):
        Framer(framing, schema)


@pytest.mark.parametrize("text", ["string", {"type": "string"}, {"type": "string", "avro.java.string": "String"}])
def test_any_way_to_write_text_is_text(text):
    """A schema that Java wrote says more than the type."""
    assert Frame(Framing.BARE, None, 0) == Framer(Framing.AUTO, record(text)).of(b"\x02x")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([(HEADER, b"\x01" + GUID.bytes)], Frame(Framing.CONFLUENT, str(GUID), 0)),
        ([("x", None), (HEADER, b"\x00\x00\x00\x00\x07"), (HEADER, b"\x00\x00\x00\x00\x08")], Frame(Framing.CONFLUENT, 7, 0)),
        ([(HEADER, b"\x00\x00\x00\x00\x07\x02\x00")], Frame(Framing.CONFLUENT, 7, 0)),
        ([("__key_schema_id", b"\x00\x00\x00\x00\x07")], VALUES[Framing.CONFLUENT][1]),
        ([(HEADER, b"\x01" + GUID.bytes[:-1])], "ends within"),
        ([(HEADER, None)], "names no schema"),
        ([(HEADER, b"Obj\x01")], "names no schema"),
    ],
)
def test_a_header_says_more_than_the_value(headers, expected):
    """As in Confluent's clients: the first of its name, then the whole value is the datum; a Protobuf index behind the id is no matter."""
    for framer in (Framer(), Framer(Framing.CONFLUENT)):
        for _ in range(2):
            found = framer.of(VALUES[Framing.CONFLUENT][0], headers)
            if isinstance(expected, str):
                assert isinstance(found, Unframed)
                assert expected in found.detail
            else:
                assert expected == found


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"", "the message is empty"),
        (b"\x00\x00\x00\x00", "ends within its frame"),
        (b"\x01" + GUID.bytes[:-1], "ends within its frame"),
        (b"\xc3\x01" + bytes(7), "ends within its frame"),
        (b"\x00\x00\x00\x00\x00\x00\x00\x00\x07datum", "may have 8 bytes"),
        (b"\x00\x80\x00\x00\x00datum", "schema 2147483648, which no registry gives"),
        (b"\x03\x00" + GUID.bytes, "AWS Glue"),
        (b'{"id": "x"}', "it looks like JSON"),
        (b"\xc3\x02", "in no frame that is known"),
        (b"Object", "in no frame that is known"),
    ],
)
def test_what_is_in_no_frame_is_named(value, words):
    """One damaged event with words that say what it looks like, and never the data."""
    found = Framer().of(value)
    assert isinstance(found, Unframed)
    assert words in found.detail
    damage = found.damage(value, Origin("topic", "3", 17))
    assert (Outcome.BAD_FRAME, 1, value, len(value), 17) == (damage.outcome, damage.count, damage.raw, damage.size, damage.origin.block)


def test_a_large_value_is_kept_in_part():
    """Dead letters wait in memory."""
    damage = Unframed("why").damage(b"x" * (RAW_KEPT + 1), Origin("topic", "0"))
    assert (RAW_KEPT, RAW_KEPT + 1) == (len(damage.raw), damage.size)


@given(st.binary(max_size=40), st.sampled_from([*Framing]))
def test_any_bytes_are_in_a_frame_or_named(value, framing):
    """The datum begins within the value."""
    found = Framer(framing, PLAIN if framing in {Framing.BARE, Framing.AUTO} else None).of(value)
    assert found.detail if isinstance(found, Unframed) else 0 <= found.begin <= len(value)


def test_made_up_ids_do_not_fill_the_memory():
    """The frames that are remembered are bounded, and what is forgotten is read again."""
    framer = Framer()
    for number in range(1, 2 * MAX_KNOWN + 10):
        assert Frame(Framing.CONFLUENT, number, 5) == framer.of(b"\x00" + number.to_bytes(4, "big"))
        assert len(framer._in_value) <= MAX_KNOWN


def test_a_fingerprint_is_the_specifications(make):
    """The bytes that Avro's Java implementation writes; how a name is given and what is noted beside it play no part."""
    empty_but_one = {"type": "record", "name": "foo", "fields": [{"name": "f1", "type": "boolean"}]}
    assert (7843277075252814651).to_bytes(8, "little", signed=True) == fingerprint(json.dumps(empty_but_one))
    schema = make.schema(make.catalogue.types[CLICK])
    namespace, _, name = schema["name"].rpartition(".")
    noted = schema | {"doc": "x", "name": name, "namespace": namespace}
    assert fingerprint(json.dumps(schema)) == fingerprint(json.dumps(noted, indent=2))
    assert fingerprint(json.dumps(schema)) != fingerprint(PLAIN)
    with pytest.raises(SchemaError):
        fingerprint("[]")


def test_what_confluents_own_serializers_write_is_told():
    """An id in front, and a GUID in the header, by the functions of its client."""
    context = SerializationContext("topic", MessageField.VALUE, [("other", b"x")])
    value = prefix_schema_id_serializer(b"datum", context, SchemaId("AVRO", 7))
    assert Frame(Framing.CONFLUENT, 7, 5) == Framer().of(value, context.headers)
    value = header_schema_id_serializer(b"datum", context, SchemaId("AVRO", None, str(GUID)))
    assert Frame(Framing.CONFLUENT, str(GUID), 0) == Framer().of(value, context.headers)
