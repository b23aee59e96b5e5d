import json

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, Message

from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.config import Kafka
from currents_segment.flows.errors import UserError
from currents_segment.flows.kafka.assembly import LIMIT, LIMIT_BYTES, Assembler
from currents_segment.flows.kafka.registry import Pending, Unusable

NOW = 1_769_860_800.0
SCHEMA = json.dumps({"type": "record", "name": "Event", "fields": [{"name": "id", "type": "string"}]})


class Schemas:
    """A registry whose answers are given."""

    def __init__(self, **answers):
        self.answers = {int(key.removeprefix("id")): answer for key, answer in answers.items()}
        self.asked = []

    def schema(self, ref):
        self.asked.append(ref)
        return self.answers[ref]


@pytest.fixture
def assembler():
    """Makes assemblers of messages of source `s`."""

    def make(schemas=None, **settings):
        kafka = Kafka.model_validate({"bootstrap": "b:1", "topics": ["t"], **settings})
        return Assembler("s", kafka, schemas, lambda: NOW)

    return make


def message(offset, value, at=NOW, kind=TIMESTAMP_LOG_APPEND_TIME, headers=None):
    return Message("t", 3, offset, value=value, timestamp=(kind, round(at * 1000)), headers=headers or [])


def framed(schema, datum=b"\x02a"):
    return b"\x00" + schema.to_bytes(4, "big") + datum


def test_messages_of_several_schemas_go_together(assembler):
    """One `Records` for each writer's schema; each message keeps its bounds and its offset."""
    found = assembler(Schemas(id1="one", id2="two")).assemble(
        [message(7, framed(1)), message(8, framed(2, b"\x04bc")), message(9, framed(1, b"\x04de"))], "t", 3
    )
    assert (3, "") == (found.count, found.why)
    assert [("one", [7, 9], [2, 5], b"\x02a\x04de"), ("two", [8], [3], b"\x04bc")] == [
        (each.schema, each.blocks.tolist(), each.ends.tolist(), each.data) for each in found.records
    ]
    assert [("s/t", "3", 7), ("s/t", "3", 8)] == [(each.origin.log, each.origin.object, each.origin.block) for each in found.records]


def test_a_schema_that_is_not_known_yet_holds_what_stands_behind(assembler):
    """What stands before it goes; all schemas that are needed can be asked for at once."""
    schemas = Schemas(id1="one", id2=Pending("being asked"), id3=Pending("being asked"))
    maker = assembler(schemas)
    messages = [message(0, framed(1)), message(1, framed(2)), message(2, framed(3))]
    found = maker.assemble(messages, "t", 3)
    assert (1, "being asked", {1, 2}) == (found.count, found.why, set(schemas.asked))
    maker.ask_ahead(messages)
    assert {1, 2, 3} == set(schemas.asked)
    assert (0, ()) == (maker.assemble([message(1, framed(2))], "t", 3).count, maker.assemble([message(1, framed(2))], "t", 3).records)


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
    good, bad = assembler(schemas).assemble([message(4, framed(1)), message(5, value)], "t", 3).records
    assert None is good.damage
    assert (outcome, detail, 1, 5) == (bad.damage.outcome, bad.damage.detail, bad.damage.count, bad.damage.origin.block)


def test_without_a_registry_a_reference_to_one_is_named(assembler):
    """Waiting would not help."""
    (only,) = assembler().assemble([message(0, framed(1))], "t", 3).records
    assert "it refers to schema 1 of a registry, and none is configured" == only.damage.detail


def test_a_chunk_has_one_clock(assembler):
    """Messages that came more than a minute apart do not go together: they may not expire together. The records carry the arrival of the oldest."""
    maker = assembler(Schemas(id1="one"))
    messages = [message(number, framed(1), at=NOW - 200 + 30 * number) for number in range(5)]
    found = maker.assemble(messages, "t", 3)
    assert (3, NOW - 200) == (found.count, found.records[0].arrival)


def test_a_chunk_is_bounded(assembler):
    """By messages and by bytes; a message that is larger than all goes alone."""
    maker = assembler(Schemas(id1="one"))
    assert LIMIT == maker.assemble([message(number, framed(1)) for number in range(LIMIT + 5)], "t", 3).count
    huge = [message(number, framed(1, bytes(LIMIT_BYTES))) for number in range(3)]
    assert 1 == maker.assemble(huge, "t", 3).count


@pytest.mark.parametrize(
    ("kind", "at", "expected"),
    [(TIMESTAMP_LOG_APPEND_TIME, NOW - 5, NOW - 5), (TIMESTAMP_LOG_APPEND_TIME, NOW + 5, NOW), (TIMESTAMP_CREATE_TIME, NOW - 5, NOW)],
)
def test_arrival(assembler, kind, at, expected):
    """What the broker says, but never in the future; a producer's own time says nothing of when the event came into the log."""
    (only,) = assembler(Schemas(id1="one")).assemble([message(0, framed(1), at=at, kind=kind)], "t", 3).records
    assert expected == only.arrival


def test_the_place_of_the_type(assembler):
    """The schema's name says it all by itself; a topic or header is a hint where it says nothing."""
    schemas, one = Schemas(id1="one"), [message(0, framed(1), headers=[("kind", b"Click")])]
    hints = [
        assembler(schemas, **settings).assemble(one, "t", 3).records[0].hint
        for settings in ({}, {"type": "topic"}, {"type": "header:kind"}, {"type": "header:other"})
    ]
    assert ["", "t", "Click", ""] == hints


def test_a_schema_file_that_does_not_go_with_the_framing(assembler, tmp_path):
    """It is told before the start."""
    schema = tmp_path / "x.avsc"
    schema.write_text("{}")
    with pytest.raises(UserError, match="source 's': "):
        assembler(format="bare", bare_schema=str(schema))
