import json

import pytest

from currents_segment.codecs.catalogue import load
from currents_segment.codecs.shape import MAX_SCHEMA, SchemaError, parse


def record(*fields, name="R"):
    """A record schema of fields of these types."""
    return {"type": "record", "name": name, "fields": [{"name": f"f{number}", "type": each} for number, each in enumerate(fields)]}


def nested(depth):
    """Records in records."""
    schema = "string"
    for level in range(depth):
        schema = record(schema, name=f"R{level}")
    return schema


def powers(levels):
    """Each level holds two of the level below: 2^levels strings in a small text."""
    schema = record("string", name="R0")
    for level in range(1, levels):
        schema = record(schema, f"R{level - 1}", name=f"R{level}")
    return schema


def test_a_schema_says_name_fields_and_least_size():
    """The full name with its namespace, fields in the writer's order, and what a datum takes at least."""
    shape = parse(json.dumps({**record("string", ["null", "int"], "double"), "namespace": "a.b"}))
    assert (shape.name, shape.fields, shape.least) == ("a.b.R", ("f0", "f1", "f2"), 1 + 1 + 8)


@pytest.mark.parametrize("known", load().types.values(), ids=lambda known: known.name)
def test_every_currents_schema_is_read(make, known):
    """No type of the catalogue comes near a limit."""
    assert parse(json.dumps(make.schema(known))).fields


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ('"string"', "not of a record"),
        ('["null", "string"]', "not of a record"),
        ("[" * 5000, "not JSON"),
        (json.dumps(record("no such type")), "not an Avro schema"),
        (json.dumps({"type": "record", "name": "R"}), "no bytes"),
        (json.dumps({"type": "record", "fields": []}), "not an Avro schema"),
        (json.dumps({"type": "record", "name": "R", "fields": [7]}), "not an Avro schema"),
        (json.dumps(record()), "no bytes"),
        (json.dumps(record("null", {"type": "fixed", "size": 0, "name": "F"})), "no bytes"),
        (json.dumps(record("string", {"type": "array", "items": "null"})), "items that take no bytes"),
        (json.dumps(record("string", {"type": "array", "items": record(name="Empty")})), "items that take no bytes"),
        (json.dumps(record(["null", "R"])), "contains itself"),
        (json.dumps(record(nested(40))), "nested more than"),
        (json.dumps(powers(30)), "stands for more than"),
        (json.dumps(record("string", {"type": "array", "items": nested(10)})), "more than 16 values a byte"),
        (json.dumps(record("string", {"type": "map", "values": record(*["null"] * 40, name="Nulls")})), "more than 16 values a byte"),
        *(
            (json.dumps(record("string", {"type": "fixed", "name": "F", "size": size})), "whose size is none")
            for size in (-1, True, 2.5, "5")
        ),
        *(
            (json.dumps({"type": "record", "name": "R", "fields": [{"name": name, "type": "int"}]}), "is not text")
            for name in (None, 5, [], {})
        ),
        (json.dumps(record("string")) + " " * MAX_SCHEMA, "more than 1,048,576 characters"),
        (json.dumps(record(record("int", name="Twice"), record("string", name="Twice"))), "not an Avro schema"),
        (json.dumps(record({"type": "enum", "name": "E", "symbols": ["a", "a"]})), "not an Avro schema"),
    ],
)
def test_what_cannot_be_read_by_is_refused(schema, reason):
    """No schema crashes the process, recurses, or lets a few bytes stand for endless values."""
    with pytest.raises(SchemaError, match=reason):
        parse(schema)


def test_every_avro_type_can_be_read():
    """Types that Currents doesn't use today may come tomorrow."""
    kinds = ["boolean", "int", "long", "float", "double", "bytes", "string", {"type": "enum", "name": "E", "symbols": ["a"]}]
    kinds += [
        {"type": "fixed", "name": "F", "size": 4},
        "F",
        "E",
        {"type": "map", "values": "F"},
        {"type": "array", "items": ["null", "E"]},
    ]
    kinds += [{"type": "long", "logicalType": "timestamp-millis"}, {"type": "string"}, record("int", name="Inner"), "Inner"]
    assert parse(json.dumps(record(*kinds))).least == 1 + 1 + 1 + 4 + 8 + 1 + 1 + 1 + 4 + 4 + 1 + 1 + 1 + 1 + 1 + 1 + 1


@pytest.mark.parametrize(
    ("items", "weight"),
    [
        ("string", 1),
        ("double", 1),
        ({"type": "array", "items": "int"}, 4),
        (record("string", name="One"), 5),
        (record(*[["null", "string"]] * 12, name="Twelve"), 2),
        (["null", record("double", "double", name="Two")], 6),
    ],
)
def test_a_byte_stands_for_few_values(items, weight):
    """How many is known of the schema; what every Currents event has weighs 1."""
    assert weight == parse(json.dumps(record("string", {"type": "array", "items": items}))).weight
    assert weight == max(weight, parse(json.dumps(record("string", {"type": "map", "values": items}))).weight)


def test_a_logical_type_stays_a_number(make):
    """A timestamp arrives as the number it is, so that JSON types are kept."""
    schema = make.schema("x.y.Z", {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}})
    assert "logicalType" not in json.dumps(parse(json.dumps(schema)).parsed)
