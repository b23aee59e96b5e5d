import io
import itertools
import json
from collections import Counter

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.codecs.blocks import SYNC
from currents_segment.codecs.chunk import RAW_KEPT
from currents_segment.codecs.compression import CODECS
from currents_segment.codecs.container import MAX_JOINED, records
from currents_segment.codecs.outcome import Outcome
from currents_segment.codecs.stream import PIECE

MARKER = b"S" * SYNC
NAME = "users.messages.email.Click"


@pytest.fixture(scope="module")
def schema(make):
    """One type's schema."""
    return make.schema(make.catalogue.types[NAME])


@pytest.fixture(scope="module")
def events(make, schema):
    """100 events of it."""
    return [make.event(schema, number) for number in range(100)]


def offsets(data):
    """Where each block begins, and the end of the file."""
    found, at = [], data.index(MARKER)
    while at >= 0:
        found.append(at + SYNC)
        at = data.find(MARKER, at + SYNC)
    return found


def kept(make, pieces):
    """The numbers of the events that come out as messages."""
    decoder = make.decoder()
    return [int(message["userId"].rpartition("-")[2]) for piece, _ in pieces for message in make.unpack(decoder.decode(piece))]


def damages(pieces):
    """What could not be read."""
    return [piece.damage for piece, _ in pieces if piece.damage]


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_every_codec_is_read(make, schema, events, codec):
    """What a writer wrote comes out, whole and in order."""
    pieces = make.read(make.file(schema, events, codec))
    assert kept(make, pieces) == list(range(100))
    assert not damages(pieces)


def test_blocks_are_joined_while_they_fit(make, schema, events):
    """Whole blocks flow together, about `limit` events at a time, with one schema object for all."""
    pieces = make.read(make.file(schema, events), limit=35)
    assert [(piece.count, behind) for piece, behind in pieces] == [(30, (3, 0)), (30, (6, 0)), (30, (9, 0)), (10, (10, 0))]
    assert [piece.origin.block for piece, _ in pieces] == [0, 3, 6, 9]
    assert len({id(piece.schema) for piece, _ in pieces}) == 1
    assert json.loads(pieces[0][0].schema)["name"].endswith(NAME)


def test_a_large_block_is_cut(make, schema, events):
    """A block with more events than flow together comes in pieces, each with the place behind it."""
    pieces = make.read(make.file(schema, events, per_block=100), limit=40)
    assert [(piece.count, behind) for piece, behind in pieces] == [(40, (0, 40)), (40, (0, 80)), (20, (1, 0))]
    assert kept(make, pieces) == list(range(100))


@pytest.mark.parametrize("codec", ["null", "deflate"])
@pytest.mark.parametrize("per_block", [7, 10, 100])
def test_reading_goes_on_from_every_place(make, schema, events, codec, per_block):
    """From behind each piece the rest comes out, none twice and none left out, also with another limit."""
    data = make.file(schema, events, codec, per_block)
    done: list[int] = []
    for piece, behind in make.read(data, limit=9):
        done += kept(make, [(piece, behind)])
        for limit in (9, 1000):
            assert done + kept(make, make.read(data, at=behind, limit=limit)) == list(range(100))


def test_a_place_behind_the_end_has_nothing(make, schema, events):
    """Asking again for a file that was read is quick and empty."""
    data = make.file(schema, events)
    for at in ((10, 0), (11, 0), (9, 10)):
        assert make.read(data, at=at) == []


def test_a_file_without_blocks_has_nothing(make, schema):
    """A header alone is a file of no events, and no damage."""
    assert make.read(make.file(schema, [])) == []


def test_origin_hint_and_arrival_are_passed_on(make, schema, events):
    """What the source knows goes with the records."""
    ((piece, _),) = make.read(make.file(schema, events), log="bucket", key="a/b.avro", hint=NAME, arrival=7.5)
    assert (piece.origin.log, piece.origin.object, piece.hint, piece.arrival) == ("bucket", "a/b.avro", NAME, 7.5)


@pytest.mark.parametrize("codec", sorted(set(CODECS) - {"null"}))
def test_a_block_that_cannot_be_unpacked_is_lost_alone(make, schema, events, codec):
    """The blocks around it come out; its events are counted as its header says, and its bytes are kept."""
    data = bytearray(make.file(schema, events, codec))
    begin, end = offsets(data)[4:6]
    data[begin + 4 : begin + 20] = b"\xff" * 16
    pieces = make.read(bytes(data))
    assert kept(make, pieces) == [*range(40), *range(50, 100)]
    (damage,) = damages(pieces)
    assert (damage.outcome, damage.count, damage.origin.block) == (Outcome.BAD_FRAME, 10, 4)
    assert damage.size == len(damage.raw) == end - begin - SYNC - len(header_of(data, begin))
    assert [behind for piece, behind in pieces] == [(4, 0), (5, 0), (10, 0)]


def header_of(data, begin):
    """A block's header: two Avro longs."""
    at = begin
    for _ in range(2):
        while data[at] & 0x80:
            at += 1
        at += 1
    return data[begin:at]


@pytest.mark.parametrize("number", [0, 4, 9])
def test_a_bad_marker_costs_its_block_alone(make, schema, events, number):
    """Where a good block or the end follows, the size was right and only the marker is wrong."""
    data = bytearray(make.file(schema, events))
    end = offsets(data)[number + 1]
    data[end - SYNC : end] = b"x" * SYNC
    pieces = make.read(bytes(data))
    assert kept(make, pieces) == [each for each in range(100) if each // 10 != number]
    assert [(each.count, each.origin.block, "marker" in each.detail) for each in damages(pieces)] == [(10, number, True)]


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
@pytest.mark.parametrize("wide", [1, 2 * PIECE])
def test_a_block_may_hold_the_bytes_of_its_marker(make, schema, events, codec, wide):
    """Its size says where it ends: 16 zeros are a marker as any other, and what fastavro reads of such a file comes out."""
    marker, out = bytes(SYNC), io.BytesIO()
    zeros = [
        {**event, "campaign_name": "\0" * size + "x" * wide} for event, size in zip(events, itertools.cycle((0, 15, 16, 40)), strict=False)
    ]
    fastavro.writer(out, schema, zeros, codec=codec, sync_interval=4_000, sync_marker=marker)
    pieces = make.read(out.getvalue())
    assert not damages(pieces)
    data = io.BytesIO(b"".join(piece.data for piece, _ in pieces))
    assert [fastavro.schemaless_reader(data, schema, None) for _ in zeros] == zeros
    assert sum(piece.count for piece, _ in pieces) == 100


def test_a_wrong_size_loses_what_is_up_to_the_next_marker(make, schema, events):
    """Reading goes on behind the next marker; the damage is exactly the bytes between."""
    data = make.file(schema, events)
    begin, end = offsets(data)[4:6]
    header = header_of(data, begin)
    for wrong in (
        b"\x14\x00",
        b"\x14\x02",
        b"\x14\xfe\xff\x03",
        b"\x14\x01",
        b"\x13" + header[1:],
        b"\xff" * 12,
        b"\x14" + b"\xff" * 9 + b"\x01",
    ):
        spoilt = data[:begin] + wrong + data[begin + len(header) :]
        pieces = make.read(spoilt)
        assert kept(make, pieces) == [*range(40), *range(50, 100)]
        (damage,) = damages(pieces)
        assert damage.size == end - begin - len(header) + len(wrong) - SYNC
        assert damage.raw == spoilt[begin : begin + damage.size]
        assert damage.outcome is Outcome.BAD_FRAME
        assert 1 <= damage.count <= 10


def test_a_count_that_cannot_be_is_not_believed(make, schema, events):
    """More events than bytes: one event is counted, and the blocks around come out."""
    data = make.file(schema, events)
    begin = offsets(data)[4]
    header = header_of(data, begin)
    pieces = make.read(data[:begin] + b"\xfe\xff\xff\xff\x0f" + header[1:] + data[begin + len(header) :])
    assert kept(make, pieces) == [*range(40), *range(50, 100)]
    assert [each.count for each in damages(pieces)] == [1]


def test_a_file_may_end_anywhere(make, schema, events):
    """Blocks that are whole come out; the block that is cut is counted as its header says, as soon as that is there."""
    data = make.file(schema, events[:30])
    blocks = offsets(data)
    for size in [
        *range(0, blocks[0], 97),
        *range(blocks[1], len(data), 13),
        *range(blocks[2], blocks[2] + 5),
        *range(len(data) - 20, len(data)),
    ]:
        pieces = make.read(data[:size])
        assert sum(piece.count for piece, _ in pieces) == 10 * sum(end <= size for end in blocks[1:])
        if size in blocks:
            assert not damages(pieces)
            continue
        (damage,) = damages(pieces)
        begin = max((each for each in blocks if each <= size), default=0)
        assert damage.size == size - begin
        assert damage.raw == data[begin:size]
        assert damage.count == (10 if begin and size - begin >= len(header_of(data, begin)) else 1)


@pytest.mark.parametrize(
    ("data", "outcome", "detail"),
    [
        (b"", Outcome.BAD_FRAME, "the object is empty"),
        (b"<?xml version='1.0'?>", Outcome.BAD_FRAME, "not an Avro object container file"),
        (b"Ob", Outcome.BAD_FRAME, "not an Avro object container file"),
        (b"Obj\x01", Outcome.BAD_FRAME, "the file's header cannot be read to its end"),
        (b"Obj\x01\x02\xfe\xff\xff\xff\x0f", Outcome.BAD_FRAME, "the file's header makes no sense"),
        (b"Obj\x01\x02\x03", Outcome.BAD_FRAME, "the file's header makes no sense"),
        (b"Obj\x01\xd2\x0f" + bytes(2002) + MARKER, Outcome.BAD_FRAME, "the file's header makes no sense"),
        (b"Obj\x01" + (b"\xd0\x0f" + bytes(2000)) * 2 + b"\x00" + MARKER, Outcome.BAD_FRAME, "the file's header makes no sense"),
        (b"Obj\x01\x02\x08ab", Outcome.BAD_FRAME, "the file ends within its header"),
        (b"Obj\x01\x00" + MARKER, Outcome.UNKNOWN_SCHEMA, "the file names no schema"),
        (b"Obj\x01\x00" + MARKER[:5], Outcome.BAD_FRAME, "the file ends within its header"),
        (b"Obj\x01\x02\x16avro.schema\x02\xff\x00" + MARKER, Outcome.UNKNOWN_SCHEMA, "the file's schema is not UTF-8"),
    ],
)
def test_a_file_without_a_header_is_one_damage(make, data, outcome, detail):
    """Nothing of it can be read: it is counted once and kept; read again from behind, nothing is left."""
    ((piece, behind),) = make.read(data)
    assert piece.damage is not None
    assert (piece.damage.outcome, piece.damage.detail, piece.damage.count) == (outcome, detail, 1)
    assert (piece.damage.raw, piece.damage.size) == (data, len(data))
    assert make.read(data, at=behind) == []


def test_a_header_in_blocks_of_negative_count_is_read(make, schema, events):
    """The specification allows a size behind the count."""
    data = make.file(schema, events[:1])
    text = json.dumps(schema).encode()
    size = len(text) << 1
    entry = b"\x16avro.schema" + bytes([size & 127 | 128, (size >> 7) & 127 | 128, size >> 14]) + text
    ((piece, _),) = make.read(b"Obj\x01\x01\x00" + entry + b"\x00" + MARKER + data[offsets(data)[0] :])
    assert piece.count == 1


def test_a_large_foreign_file_is_kept_in_part(make):
    """256 KiB of it; the size tells the rest."""
    data = b"no" * RAW_KEPT
    ((piece, _),) = make.read(data)
    assert piece.damage is not None
    assert (piece.damage.raw, piece.damage.size) == (data[:RAW_KEPT], len(data))


def test_blocks_of_an_unknown_codec_are_counted(make, schema, events):
    """None can be unpacked, but how many events each has is known."""
    pieces = make.read(make.file(schema, events[:30]).replace(b"\x08null", b"\x08lzzz"))
    assert [(each.count, each.outcome) for each in damages(pieces)] == [(10, Outcome.BAD_FRAME)] * 3
    assert "'lzzz' is not supported" in damages(pieces)[0].detail


def test_a_schema_that_cannot_be_read_by_loses_no_count(make, schema, events):
    """The decoder counts each event as `unknown_schema` and keeps the bytes with the schema, whatever the block's size."""
    data = make.file(schema, events, per_block=60)
    spoilt = data.replace(b'"type": "record"', b'"type": "rekord"')
    decoder = make.decoder()
    tally, raw = Counter(), b""
    for piece, _ in make.read(spoilt, limit=20):
        made = decoder.decode(piece)
        tally.update(made.tally)
        raw += b"".join(letter.body for letter in made.letters)
        assert all(letter.schema == piece.schema for letter in made.letters)
    assert tally == {Outcome.UNKNOWN_SCHEMA: 100}
    assert raw == b"".join(make.datum(schema, event) for event in events)


def test_a_bad_datum_costs_the_rest_of_its_block_alone(make, schema, events):
    """Blocks that were joined with it, before and behind, come out."""
    data = bytearray(make.file(schema, events))
    begin = offsets(data)[4]
    at = data.index(b"id-45", begin) - 1
    data[at] = 0xFF  # a length that the block doesn't have
    for limit in (1000, 3):
        pieces = make.read(bytes(data), limit=limit)
        decoder = make.decoder()
        made = [decoder.decode(piece) for piece, _ in pieces]
        assert sum(len(each.ids) for each in made) == 95
        (letter,) = [letter for each in made for letter in each.letters]
        assert (letter.outcome, letter.count, letter.id) == (Outcome.BAD_DATUM, 5, "key#4.5")
        assert sum(each.received for each in made) == 100


class Faulty(io.BytesIO):
    """A stream that breaks off after so many bytes."""

    def __init__(self, data, after):
        super().__init__(data)
        self.after = after

    def read(self, count=-1, /):
        """The next bytes, or the fault."""
        if self.tell() >= self.after:
            raise ConnectionResetError
        return super().read(min(count, self.after - self.tell()))


def test_what_the_stream_raises_passes_through(make, schema, events):
    """After the records that were read before it; reading again from there gives the rest."""
    data = make.file(schema, events)
    reading = records(Faulty(data, offsets(data)[6] + 5), log="log", key="key", hint="", arrival=0.0)
    before = next(reading)
    with pytest.raises(ConnectionResetError):
        next(reading)
    assert kept(make, [before]) == list(range(60))
    assert kept(make, make.read(data, at=before[1])) == list(range(60, 100))


class Trickle(io.BytesIO):
    """A stream that gives few bytes at a time, and notes how many were asked for."""

    asked = 0

    def read(self, count=-1, /):
        """At most 7 bytes."""
        self.asked = max(self.asked, count)
        return super().read(min(count, 7))


def test_a_stream_may_give_few_bytes_at_a_time(make, schema, events):
    """How a stream cuts its bytes makes no difference, and it is never asked for much more than a block."""
    stream = Trickle(make.file(schema, events))
    pieces = list(records(stream, log="log", key="key", hint="", arrival=0.0))
    assert kept(make, pieces) == list(range(100))
    assert stream.asked <= PIECE


@given(st.data())
def test_no_file_does_harm(make, schema, events, data):
    """Bytes changed, cut out or put in anywhere: no exception, every event is counted somewhere, and reading again gives the same."""
    good = make.file(schema, events[:40], data.draw(st.sampled_from(sorted(CODECS))))
    begin = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(begin, min(len(good), begin + 40)))
    spoilt = good[:begin] + data.draw(st.binary(max_size=40)) + good[end:]
    decoder = make.decoder(anonymous_users=True)
    pieces = make.read(spoilt, limit=15)
    for piece, _ in pieces:
        made = decoder.decode(piece)
        assert made.received == len(made.ids) + sum(made.tally.values())
        assert made.received >= max(piece.count, 1)
    for (_, at), number in itertools.islice(zip(pieces, itertools.count(1), strict=False), 5):
        again = make.read(spoilt, at=at, limit=15)
        assert [piece.data for piece, _ in again] == [piece.data for piece, _ in pieces[number:]]


def test_fastavros_own_files_are_read(make, schema, events):
    """Blocks closed by size, as writers do."""
    out = io.BytesIO()
    fastavro.writer(out, schema, events, codec="zstandard", sync_interval=2000)
    assert kept(make, make.read(out.getvalue())) == list(range(100))


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_an_empty_block_is_nothing(make, schema, events, codec):
    """Some writers close a block that holds none; it takes a number and no more."""
    data = make.file(schema, events[:20], codec)
    begin = offsets(data)[1]
    pieces = make.read(data[:begin] + b"\x00\x00" + MARKER + data[begin:])
    assert kept(make, pieces) == list(range(20))
    assert pieces[-1][1] == (3, 0)


def test_a_block_of_wide_events_is_cut_by_bytes(make, schema):
    """A chunk takes bounded memory and time however few events it has; reading goes on from each place."""
    wide = [make.event(schema, number, campaign_name="x" * (MAX_JOINED // 4)) for number in range(10)]
    data = make.file(schema, wide, "deflate")
    pieces = make.read(data)
    assert [3, 3, 3, 1] == [piece.count for piece, _ in pieces]
    assert all(len(piece.data) <= MAX_JOINED for piece, _ in pieces)
    for number, (_, behind) in enumerate(pieces):
        assert [piece.data for piece, _ in pieces[number + 1 :]] == [piece.data for piece, _ in make.read(data, at=behind)]


def test_hostile_sizes_cost_no_more_than_the_bytes_that_are_there(make, schema):
    """Thousands of blocks that each claim to reach to the end of the file are read in one pass, not once for each."""
    head = make.file(schema, [])
    block = b"\x02" + b"\x80\x80\x80\x10" + b"x" * 60 + MARKER  # claims 16 MiB
    stream = Counting(head + block * 20_000)
    found = list(records(stream, log="log", key="key", hint="", arrival=0.0))
    assert [each[0].damage.size for each in found] == [65] * 20_000
    assert stream.given == len(stream.getvalue())


class Counting(io.BytesIO):
    """A stream that counts what it gives."""

    given = 0

    def read(self, count=-1, /):
        """The next bytes."""
        data = super().read(count)
        self.given += len(data)
        return data
