import json
from random import Random

from currents_segment.flows.simulate.currents_types import FUTURE_FIELDS, Field, load
from currents_segment.flows.simulate.currents_values import STRANGE, person, value

PYTHON = {"string": str, "int": int, "long": int, "boolean": bool, "array<string>": list}
FIELDS = {field for kind in load().values() for field in kind.fields} | set(FUTURE_FIELDS)


def test_values_fit_their_field():
    """The Avro type decides the Python type; null comes only where it may, and whole numbers stay where JSON keeps them."""
    rng = Random(1)
    limits = {"int": 2**31, "long": 2**53}
    for field in sorted(FIELDS, key=str):
        made = [value(field, rng) for _ in range(40)]
        assert {PYTHON[field.type]} == {type(each) for each in made if each is not None}, field
        assert field.nullable or None not in made, field
        limit = limits.get(field.type)
        assert limit is None or all(each is None or -limit <= each < limit for each in made), field


def test_people_are_told_apart_by_either_id():
    """No two users share an id, and an anonymous one has no external id."""
    rng = Random(1)
    crowd = [person(number, number % 2 == 0, rng) for number in range(500)]
    assert 500 == len({user["user_id"] for user in crowd})
    assert 250 == len({user["external_user_id"] for user in crowd} - {None})
    assert all((user["external_user_id"] is None) == (number % 2 == 0) for number, user in enumerate(crowd))


def test_strange_texts_survive_json():
    """They are valid Unicode: what breaks on them is not the format."""
    assert list(STRANGE) == json.loads(json.dumps(STRANGE).encode("utf-8", "strict"))


def test_a_required_field_is_never_null():
    """However often it is asked."""
    rng = Random(1)
    assert None not in [value(Field("app_id", "string", nullable=False), rng) for _ in range(1000)]
