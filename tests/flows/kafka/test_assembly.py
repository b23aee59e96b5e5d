import json

import numpy as np
import pytest
from tests.flows.kafka.messages import run

from currents_segment.codecs.frames import HEADER, fingerprint
from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.config import Kafka
from currents_segment.flows.errors import UserError
from currents_segment.flows.kafka.assembly import Assembler, together
from currents_segment.flows.kafka.registry import Pending, Unusable

NOW = 1_769_860_800.0
SCHEMA = json.dumps({"type": "record", "name": "Event", "fields": [{"name": "id", "type": "string"}]})


class Schemas:
    """A registry whose answers are given."""

    def __init__(self, answers=(), **by_id):
        self.answers = {**dict(answers), **{int(key.removeprefix("id")): answer for key, answer in by_id.items()}}
        self.asked = []

    def schema(self, ref):
        self.asked.append(ref)
        return self.answers[ref]


@pytest.fixture
def assembler():
    """Makes assemblers of messages of source `s`."""

    def make(registry=None, **settings):
        kafka = Kafka.model_validate({"bootstrap": "b:1", "topics": ["t"], **settings})
        return Assembler("s", kafka, Schemas(registry) if isinstance(registry, dict) else registry, lambda: NOW)

    return make


def framed(schema, datum=b"\x02a"):
    return b"\x00" + schema.to_bytes(4, "big") + datum


def test_no_two_messages_of_a_chunk_came_more_than_a_minute_apart():
    """Producers' clocks differ: what came before the first counts as what came after it."""
    assert 2 == together(np.array([100.0, 60.0, 130.0]))
    assert 3 == together(np.array([100.0, 75.0, 130.0]))


def test_messages_of_several_schemas_go_together(assembler):
    """Those of a writer side by side, in the order of the log: what is alike gzip makes small. Each with its writer, its bounds and its offset."""
    found = assembler(Schemas(id1="one", id2="two")).assemble(
        run((7, framed(1)), (8, framed(2, b"\x04bc")), (9, framed(1, b"\x04de"))), "t", 3
    )
    assert (3, "", 1) == (found.count, found.why, len(found.records))
    (only,) = found.records
    assert ((("one", ""), ("two", "")), [0, 0, 1], [7, 9, 8]) == (only.writers, only.which.tolist(), only.offsets.tolist())
    assert [b"\x02a", b"\x04de", b"\x04bc"] == [only.data[begin:end] for begin, end in zip(only.begins, only.ends, strict=True)]
    assert ("s/t", "3", 7) == (only.origin.log, only.origin.object, only.origin.block)


def test_whatever_its_frame_a_datum_keeps_its_place(assembler, tmp_path):
    """A GUID in front, an id in the header, a single object, a bare datum: all go with the others, and only what is no datum stands beside them."""
    files = {name: tmp_path / f"{name}.avsc" for name in ("single", "bare")}
    for file in files.values():
        file.write_text(SCHEMA)
    maker = assembler(
        {"9e2b4a6c-2c1b-4f0a-8a53-1d5f6f0d7a11": "by guid", 1: "one", 2: "two"},
        schemas=[str(files["single"])],
        bare_schema=str(files["bare"]),
    )
    guid = b"\x01" + bytes.fromhex("9e2b4a6c2c1b4f0a8a531d5f6f0d7a11")
    mark = b"\xc3\x01" + fingerprint(SCHEMA)
    given = run(
        (0, framed(1)), (1, guid + b"\x02b"), (2, None), (3, b"\x02c"), (4, mark + b"\x02d"), (5, b"\x02e"), (6, framed(1, b"\x02f")), (7, b""),
        headers={3: [(HEADER, b"\x00\x00\x00\x00\x02")]},
    )  # fmt: skip
    framed_, damage = maker.assemble(given, "t", 3).records
    datums = [framed_.data[begin:end] for begin, end in zip(framed_.begins, framed_.ends, strict=True)]
    schemas = [framed_.writers[number][0] for number in framed_.which]
    assert {
        0: (b"\x02a", "one"), 1: (b"\x02b", "by guid"), 3: (b"\x02c", "two"), 4: (b"\x02d", SCHEMA), 5: (b"\x02e", SCHEMA), 6: (b"\x02f", "one"), 7: (b"", SCHEMA),
    } == {offset: (datum, schema) for offset, datum, schema in zip(framed_.offsets.tolist(), datums, schemas, strict=True)}  # fmt: skip
    assert (2, "a message without a value (a tombstone)") == (damage.damage.origin.block, damage.damage.detail)


def test_a_schema_that_is_not_known_yet_holds_what_stands_behind(assembler):
    """What stands before it goes; all schemas that are needed can be asked for at once."""
    schemas = Schemas(id1="one", id2=Pending("being asked"), id3=Pending("being asked"))
    maker = assembler(schemas)
    given = run((0, framed(1)), (1, framed(2)), (2, None), (3, framed(1, b"\x02b")), (4, framed(3)))
    found = maker.assemble(given, "t", 3)
    assert (1, "being asked", [b"\x00\x00\x00\x00\x01\x02a"]) == (found.count, found.why, [each.data for each in found.records])
    maker.ask_ahead(given)
    assert {1, 2, 3} == set(schemas.asked)
    held = maker.assemble(given.cut(1, 5), "t", 3)
    assert (0, ()) == (held.count, held.records)


def test_of_two_that_are_not_known_the_first_holds(assembler):
    """Whichever frame it has."""
    guid = "9e2b4a6c-2c1b-4f0a-8a53-1d5f6f0d7a11"
    maker = assembler({guid: Pending("the guid"), 1: Pending("the id")})
    first, second = b"\x01" + bytes.fromhex(guid.replace("-", "")) + b"\x02a", framed(1)
    assert (1, "the guid") == _held(maker.assemble(run((0, None), (1, first), (2, second)), "t", 3))
    assert (1, "the id") == _held(maker.assemble(run((0, None), (1, second), (2, first)), "t", 3))


def _held(found):
    return found.count, found.why


@pytest.mark.parametrize(
    ("value", "outcome", "detail"),
    [
        (None, Outcome.BAD_FRAME, "a message without a value (a tombstone)"),
        (b"", Outcome.BAD_FRAME, "the message is empty"),
        (framed(9), Outcome.UNKNOWN_SCHEMA, "schema 9 is PROTOBUF, not Avro"),
    ],
)
def test_what_cannot_be_read_ends_alone(assembler, value, outcome, detail):
    """A message in no frame, without a value, or of a schema that is of no use is damage of its own, at its own offset."""
    schemas = Schemas(id1="one", id9=Unusable("schema 9 is PROTOBUF, not Avro"))
    good, bad = assembler(schemas).assemble(run((4, framed(1)), (5, value)), "t", 3).records
    assert [4] == good.offsets.tolist()
    assert (outcome, detail, 1, 5) == (bad.damage.outcome, bad.damage.detail, bad.damage.count, bad.damage.origin.block)


def test_without_a_registry_a_reference_to_one_is_named(assembler):
    """Waiting would not help."""
    (only,) = assembler().assemble(run((0, framed(1))), "t", 3).records
    assert "it refers to schema 1 of a registry, and none is configured" == only.damage.detail


def test_a_chunk_has_one_clock(assembler):
    """Messages that came more than a minute apart do not go together: they may not expire together. The records carry the arrival of the newest: none expires too early."""
    maker = assembler(Schemas(id1="one"))
    offsets = range(5)
    found = maker.assemble(run(*((number, framed(1)) for number in offsets), times=[NOW - 200 + 30 * number for number in offsets]), "t", 3)
    assert (3, NOW - 140) == (found.count, found.records[0].arrival)
    back = maker.assemble(run((0, framed(1)), (1, framed(1)), times=[NOW - 100, NOW - 200]), "t", 3)
    assert 1 == back.count


@pytest.mark.parametrize(("times", "expected"), [([NOW - 5], NOW - 5), ([NOW + 5], NOW + 5), (None, NOW)])
def test_arrival(assembler, times, expected):
    """What the broker says, whatever our own clock is, which may have been set back; where it does not say, now."""
    given = run((0, framed(1)), times=times)
    (only,) = assembler(Schemas(id1="one")).assemble(given, "t", 3).records
    assert (expected, expected) == (only.arrival, assembler().arrival(given))


def test_the_oldest_comes_first(assembler):
    """Its place is the chunk's."""
    found = assembler(Schemas(id1="one")).assemble(run((0, None), (1, framed(1)), (2, None), times=[NOW - 5, NOW - 9, NOW - 7]), "t", 3)
    assert [NOW - 9, NOW - 7, NOW - 5] == [each.arrival for each in found.records]


def test_the_place_of_the_type(assembler):
    """The schema's name says it all by itself; a topic or header is a hint where it says nothing."""
    schemas = Schemas(id1="one")
    given = run((0, framed(1)), (1, framed(1)), headers={0: [("other", b"x"), ("kind", b"Click")]})
    hints = []
    for settings in ({}, {"type": "topic"}, {"type": "header:kind"}, {"type": "header:more"}):
        (only,) = assembler(schemas, **settings).assemble(given, "t", 3).records
        hints.append([only.writers[number][1] for number in only.which[only.offsets.argsort()]])
    assert [["", ""], ["t", "t"], ["Click", ""], ["", ""]] == hints


def test_the_headers_that_matter(assembler):
    """Of all others nothing is read."""
    assert (HEADER, "kind") == assembler(type="header:kind").headers
    assert (HEADER,) == assembler(format="confluent", type="topic").headers
    assert () == assembler(format="container").headers


def test_a_schema_file_that_does_not_go_with_the_framing(assembler, tmp_path):
    """It is told before the start."""
    schema = tmp_path / "x.avsc"
    schema.write_text("{}")
    with pytest.raises(UserError, match="source 's': "):
        assembler(format="bare", bare_schema=str(schema))
