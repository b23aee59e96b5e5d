from io import BytesIO

import fastavro
import pytest

from currents_segment.flows.simulate.currents_file import CODECS, NOT_AVRO, pack

SCHEMA = {"type": "record", "name": "Event", "fields": [{"name": "id", "type": "string"}, {"name": "n", "type": "long"}]}
RECORDS = [{"id": f"event {n:04d} of a kind", "n": n} for n in range(25)]


def packed(codec, block=10):
    return pack(SCHEMA, RECORDS, codec, block, "name")


def blocks(data):
    """The blocks that a reader without any recovery opens, until the first that it cannot."""
    for block in fastavro.block_reader(BytesIO(data)):
        yield [record["n"] for record in block]


@pytest.mark.parametrize("codec", CODECS)
def test_what_was_packed_is_read_again(codec):
    """A whole file gives every record, in blocks of the asked size."""
    assert [list(range(10)), list(range(10, 20)), list(range(20, 25))] == list(blocks(packed(codec).data))


@pytest.mark.parametrize("codec", CODECS)
def test_the_same_arguments_give_the_same_bytes(codec):
    """Nothing in a file is random, and another name gives another sync marker."""
    assert packed(codec).data == packed(codec).data
    assert packed(codec).data != pack(SCHEMA, RECORDS, codec, 10, "other").data


@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "null"])
def test_a_corrupt_block_cannot_be_opened_and_its_neighbours_can(codec):
    """Only the payload is spoilt: the header's count and the sync marker behind it stand where they were."""
    whole = packed(codec)
    data, lost = whole.corrupt(1)
    _, start, end = whole.blocks[1]
    assert range(10, 20) == lost
    assert (whole.data[:start], whole.data[end:]) == (data[:start], data[end:])
    read = blocks(data)
    assert list(range(10)) == next(read)
    with pytest.raises(Exception, match=r".*"):  # each codec has errors of its own
        next(read)


def test_without_compression_the_last_sync_marker_is_spoilt():
    """Any payload could be opened there, and behind any other block a reader might find its way in more than one way."""
    whole = packed("null")
    data, lost = whole.corrupt(0)
    assert range(20, 25) == lost
    assert whole.data[:-16] == data[:-16]
    assert whole.data[-16:] != data[-16:]


@pytest.mark.parametrize("codec", CODECS)
def test_a_truncated_file_ends_within_its_last_block(codec):
    """The header of the last block is there, the end of its payload is not."""
    whole = packed(codec)
    data, lost = whole.truncate()
    _, start, end = whole.blocks[-1]
    assert range(20, 25) == lost
    assert start < len(data) < end
    assert whole.data[: len(data)] == data


def test_what_is_no_avro_is_none():
    """It lacks the four bytes by which Avro files begin."""
    assert not NOT_AVRO.startswith(b"Obj\x01")
