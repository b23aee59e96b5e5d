import json

import pytest

from currents_segment.codecs.references import inline
from currents_segment.codecs.shape import SchemaError, parse


def record(name, **fields):
    """A record with fields of these types."""
    return {"type": "record", "name": name, "fields": [{"name": key, "type": kind} for key, kind in fields.items()]}


def whole(schema, *referred):
    """The self-contained schema, as JSON."""
    return json.loads(inline(json.dumps(schema), [json.dumps(each) for each in referred]))


ADDRESS = record("x.Address", city="string", kind={"type": "enum", "name": "Kind", "symbols": ["home", "work"]})


def test_a_type_is_written_where_it_is_used_first():
    """Then it goes by its name; what it defines goes with it, whichever is used first."""
    user = record(
        "y.User", id="string", kind="x.Kind", home="x.Address", work=["null", "x.Address"], all={"type": "array", "items": "x.Address"}
    )
    made = whole(user, ADDRESS)
    kind, home, work, every = [each["type"] for each in made["fields"]][1:]
    assert ("enum", "Kind", "x") == (kind["type"], kind["name"], kind["namespace"])
    assert "x.Kind" == home["fields"][1]["type"]
    assert (["null", "x.Address"], {"type": "array", "items": "x.Address"}) == (work, every)
    assert "y.User" == parse(json.dumps(made)).name


def test_references_may_refer_to_others_in_any_order():
    """Names are of the namespace in which they stand."""
    country = record("x.Country", code="string")
    city = record("x.City", country="Country")
    user = record("y.User", id="string", city={"type": "x.City"}, born={"type": "map", "values": "x.Country"})
    assert whole(user, city, country) == whole(user, country, city)
    assert 1 + 1 + 1 == parse(json.dumps(whole(user, city, country))).least


def test_a_schema_without_references_means_what_it_meant():
    """Whatever stands beside types stays, names in full or not."""
    schema = record(
        "User",
        id={"type": "string", "avro.java.string": "String"},
        at={"type": "long", "logicalType": "timestamp-millis"},
        me=["null", "User"],
    )
    schema["fields"][0]["doc"] = "x"
    made = whole(schema)
    assert {**schema, "namespace": ""} == made


def test_a_word_of_avro_is_no_reference():
    """A type that is called as a primitive is does not take its place."""
    assert ["string"] == [each["type"] for each in whole(record("x.A", a="string"), record("x.string", b="int"))["fields"]]


def test_a_schema_that_defines_a_type_twice_gets_it_once():
    """The type of the same name in a reference is the same type."""
    user = record("y.User", a="x.Address", b=ADDRESS)
    assert "x.Address" == whole(user, ADDRESS)["fields"][1]["type"]


def test_types_that_contain_each_other_end():
    """They are refused by the next who looks, as any recursion."""
    made = inline(json.dumps(record("x.A", b="x.B")), [json.dumps(record("x.B", a="x.A"))])
    with pytest.raises(SchemaError, match="contains itself"):
        parse(made)


def test_nothing_is_mended():
    """What is no schema stays none."""
    for broken in (
        {"type": "record", "name": "x.A", "fields": ["a"]},
        {"type": "record", "name": "x.A", "fields": 5},
        record("x.A", a="x.Missing"),
    ):
        with pytest.raises(SchemaError):
            parse(json.dumps(whole(broken, ADDRESS)))


@pytest.mark.parametrize(
    "bad", ["{", '{"type":"array","items":' * 5000 + '"int"' + "}" * 5000, '{"type":"array","items":' * 900 + '"int"' + "}" * 900]
)
def test_text_that_is_no_schema_is_refused(bad):
    """No JSON, or nested without end."""
    for texts in ((bad, []), ('"int"', [bad])):
        with pytest.raises(SchemaError):
            parse(inline(*texts))
