import tracemalloc
import zlib

import pytest
from tests.flows.kafka.messages import run
from tests.fuzz.directed import EVENT, MARKER, event, file
from tests.fuzz.mutator import varint

from currents_segment.flows.config import Kafka
from currents_segment.flows.config.kinds import Reading
from currents_segment.flows.kafka.assembly import FILE_BYTES, FILE_EVENTS, Assembler

TINY = event() | {"fields": [{"name": "x", "type": "int"}]}


@pytest.fixture
def assembler(tmp_path):
    """Of a source that tells frames by itself."""
    section = Kafka.model_validate({"bootstrap": "127.0.0.1:1", "topics": ["t"]}, context=Reading(tmp_path, secrets=True))
    return Assembler("kafka", section, None, lambda: 100.0)


def test_a_file_in_a_message_is_read(assembler):
    """Its events are the message's, and the next message follows."""
    made = assembler.assemble(run((7, file(b"null", EVENT * 3, 3)), (8, file(b"null", EVENT * 2, 2))), "t", 0)
    assert (2, [3, 2]) == (made.count, [records.count for records in made.records])


@pytest.mark.parametrize(("data", "count"), [(bytes(FILE_BYTES // 2), 1_000), (bytes(FILE_EVENTS // 2), FILE_EVENTS // 2)])
def test_a_bomb_in_a_message_ends(assembler, data, count):
    """However many blocks it has, and each of them is within its limit: what is behind the limit is one damaged event, and nothing piles up."""
    packed = zlib.compress(data, 9)[2:-4]
    head = file(b"deflate", packed, count, TINY)
    block = varint(count) + varint(len(packed)) + packed + MARKER
    tracemalloc.start()
    try:
        made = assembler.assemble(run((7, head + block * 50), (8, b"{}")), "t", 0)
        assert tracemalloc.get_traced_memory()[1] < 6 * FILE_BYTES
    finally:
        tracemalloc.stop()
    *read, rest, other = sorted(made.records, key=lambda records: records.origin.block if records.damage else -1)
    assert sum(records.count for records in read) <= FILE_EVENTS
    assert sum(len(records.data) for records in read) <= FILE_BYTES
    assert "the rest is not read" in rest.damage.detail
    assert (2, 8) == (made.count, other.origin.block)


def test_a_datum_of_an_unknown_schema_is_kept_without_its_frame(assembler):
    """So that it can be replayed once its schema is at hand."""
    (records,) = assembler.assemble(run((7, b"\xc3\x01" + bytes(8) + EVENT)), "t", 0).records
    assert (EVENT, len(EVENT), "undecodable/unknown_schema") == (records.damage.raw, records.damage.size, records.damage.outcome)
