import bz2
import lzma
import struct
import tracemalloc
import zlib

import cramjam
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.codecs import compression
from currents_segment.codecs.compression import CODECS, MAX_FRAMES, CompressionError, unpack


def _deflate(data):
    return zlib.compress(data)[2:-4]


def _snappy(data):
    return bytes(cramjam.snappy.compress_raw(data)) + struct.pack(">I", zlib.crc32(data))


PACK = {"null": bytes, "deflate": _deflate, "snappy": _snappy, "zstandard": zstd.compress, "bzip2": bz2.compress, "xz": lzma.compress}


def test_all_codecs_of_the_specification_are_there():
    """Each codec that Avro names can be unpacked."""
    assert set(CODECS) == set(PACK)


@given(st.binary(max_size=2000), st.sampled_from(sorted(PACK)))
def test_what_was_packed_is_unpacked(data, codec):
    """Whatever the bytes."""
    assert unpack(codec, PACK[codec](data)) == data


@pytest.mark.parametrize("codec", ["zstandard", "bzip2", "xz"])
def test_frames_may_follow_each_other(codec):
    """Some writers make several frames a block."""
    assert unpack(codec, PACK[codec](b"one") + PACK[codec](b"two")) == b"onetwo"


@pytest.mark.parametrize("codec", ["zstandard", "bzip2", "xz"])
def test_frames_are_not_without_number(codec):
    """Each costs a copy of what is behind it: a megabyte of empty ones took seconds, and a block of them hours."""
    assert unpack(codec, PACK[codec](b"x") * MAX_FRAMES) == b"x" * MAX_FRAMES
    with pytest.raises(CompressionError, match="more than 100 frames"):
        unpack(codec, PACK[codec](b"") * (MAX_FRAMES + 1))


def test_parts_of_a_checksum_behind_deflate_are_left_alone():
    """Some writers cut zlib's checksum off only in part."""
    assert unpack("deflate", _deflate(b"data") + b"\x01\x02\x03") == b"data"


@pytest.mark.parametrize("codec", sorted(set(PACK) - {"null"}))
@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"\xff" * 16 + data[16:], lambda _: b"", lambda _: b"\x00"]
)
def test_what_is_damaged_is_refused(codec, damage):
    """Cut short, overwritten or empty: an error, never half of the data."""
    with pytest.raises(CompressionError):
        unpack(codec, damage(PACK[codec](bytes(range(256)) * 4)))


def test_snappys_checksum_is_held():
    """Data that unpack but are not what was packed are refused."""
    with pytest.raises(CompressionError, match="checksum"):
        unpack("snappy", _snappy(b"data")[:-1] + b"\x00")


def test_an_unknown_codec_is_named():
    """The message says what is supported."""
    with pytest.raises(CompressionError, match=r"'lz4' is not supported \(supported: null, deflate, snappy"):
        unpack("lz4", b"")


@pytest.mark.parametrize("codec", ["PRIVATE@example.com", "x" * 40, "", "snap\npy", "\ufffd"])
def test_what_stands_for_a_codec_in_a_damaged_header_is_not_shown(codec):
    """It may be a piece of an event."""
    with pytest.raises(CompressionError, match="codec of no such name is not supported") as refused:
        unpack(codec, b"")
    assert not codec or codec not in str(refused.value)


@pytest.mark.parametrize("codec", ["deflate", "zstandard", "bzip2", "xz"])
def test_a_bomb_ends_at_the_limit(codec, monkeypatch):
    """A block that unpacks to more than the limit is refused before it is unpacked to its end."""
    monkeypatch.setattr(compression, "MAX_BLOCK", 1 << 20)
    assert len(unpack(codec, PACK[codec](bytes(1 << 20)))) == 1 << 20
    packed = PACK[codec](bytes(1 << 25))
    tracemalloc.start()
    try:
        with pytest.raises(CompressionError, match="more than 1,048,576 bytes"):
            unpack(codec, packed)
        assert tracemalloc.get_traced_memory()[1] < 1 << 24  # a window of 8 MiB included
    finally:
        tracemalloc.stop()


def test_a_claim_of_snappy_is_not_believed():
    """The size is claimed in front; nothing is allocated for a claim that snappy cannot keep."""
    claim = b"\xff\xff\xff\x7f" + b"\x00" * 20
    with pytest.raises(CompressionError, match="claims"):
        unpack("snappy", claim)
