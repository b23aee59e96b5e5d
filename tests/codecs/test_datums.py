import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.codecs.datums import MAX_DATUM, DatumError, Datums, TextError
from currents_segment.codecs.shape import parse

SHAPE = parse(
    json.dumps({"type": "record", "name": "R", "fields": [{"name": "text", "type": "string"}, {"name": "n", "type": ["null", "int"]}]})
)
GOOD = b"\x04ab\x02\x08"
LIST = parse(json.dumps({"type": "record", "name": "R", "fields": [{"name": "all", "type": {"type": "array", "items": "string"}}]}))


def varint(value):
    """A positive Avro long."""
    value, out = value << 1, bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def test_datums_are_read_one_behind_the_other():
    """Reading and skipping move alike."""
    datums = Datums(GOOD * 3, SHAPE)
    assert datums.read() == {"text": "ab", "n": 4}
    datums.skip()
    assert 2 * len(GOOD) == datums.position
    assert datums.read() == {"text": "ab", "n": 4}
    with pytest.raises(DatumError):
        datums.read()


def test_text_that_is_not_utf8_spoils_one_datum():
    """Its end is known all the same, and the next is read."""
    datums = Datums(b"\x04\xff\xfe\x00" + GOOD, SHAPE)
    with pytest.raises(TextError):
        datums.read()
    assert datums.read() == {"text": "ab", "n": 4}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x04a",
        b"\x03ab",
        varint(1 << 31) + b"ab",
        varint(1 << 62) + b"ab",
        b"\x04ab\x04",
        b"\x04ab\x02",
        b"\x04ab\x02" + b"\xff" * 20,
        b"\xff" * 30,
    ],
)
def test_bytes_that_are_no_datum_end_the_reading(data):
    """Cut short, negative or absurd lengths, a branch that isn't there: the position stays where the bad datum begins."""
    datums = Datums(GOOD + data, SHAPE)
    datums.read()
    for move in (datums.read, datums.skip):
        with pytest.raises(DatumError):
            move()
        assert len(GOOD) == datums.position


def test_a_datum_beyond_the_limit_is_none():
    """The largest that is read has 1 MiB, wherever it stands."""
    fits, exceeds = MAX_DATUM - 4, MAX_DATUM - 3
    for before in (0, 3, 300_000):
        datums = Datums(GOOD * before + varint(fits) + b"x" * fits + b"\x00" + varint(exceeds) + b"x" * exceeds + b"\x00" + GOOD, SHAPE)
        for _ in range(before):
            datums.skip()
        assert fits == len(datums.read()["text"])
        with pytest.raises(DatumError, match="more than 1048576 bytes"):
            datums.read()


def test_large_stretches_are_read_to_their_end():
    """However many datums stand in a stretch, each is read once."""
    count = 3 * MAX_DATUM // len(GOOD)
    datums = Datums(GOOD * count, SHAPE)
    for _ in range(count):
        datums.skip()
    assert count * len(GOOD) == datums.position


def test_a_claim_allocates_nothing():
    """An array or a text that claims billions takes no more memory than what is there."""
    tracemalloc.start()
    try:
        for shape, data in ((SHAPE, varint(1 << 40) + b"x" * 1000), (LIST, varint(1 << 40) + b"\x02a" * 1000)):
            with pytest.raises(DatumError):
                Datums(data, shape).read()
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "items",
    [
        {"type": "array", "items": "int"},
        {"type": "map", "values": "int"},
        {
            "type": "record",
            "name": "One",
            "fields": [{"name": "a", "type": {"type": "record", "name": "Two", "fields": [{"name": "b", "type": "int"}]}}],
        },
    ],
)
def test_bytes_that_stand_for_many_values_take_bounded_memory(items):
    """The heavier they are the shorter a datum may be: megabytes of empty lists must not become gigabytes."""
    fields = [{"name": "all", "type": {"type": "array", "items": items}}]
    shape = parse(json.dumps({"type": "record", "name": "R", "fields": fields}))
    data = varint(1 << 40) + bytes(3 * MAX_DATUM)
    tracemalloc.start()
    try:
        with pytest.raises(DatumError, match=f"more than {MAX_DATUM // shape.weight} bytes"):
            Datums(data, shape).read()
        assert tracemalloc.get_traced_memory()[1] < 150_000_000
    finally:
        tracemalloc.stop()


def test_no_memory_is_no_fault_of_the_data(monkeypatch):
    """The process ends and resumes; a good event must not become a dead letter for it."""
    monkeypatch.setattr("currents_segment.codecs.datums.schemaless_reader", _out_of_memory)
    with pytest.raises(MemoryError):
        Datums(GOOD, SHAPE).read()


def _out_of_memory(*_):
    raise MemoryError


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(data):
    """Any bytes are read as datums up to the first that is none; the position never leaves them."""
    datums = Datums(data, SHAPE)
    while True:
        before = datums.position
        try:
            datums.read()
        except TextError:
            pass
        except DatumError:
            break
        assert before < datums.position <= len(data)
