"""The block codecs of Avro object container files; what a block claims to hold is never believed."""

import bz2
import lzma
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import cramjam
from backports import zstd
from isal import isal_zlib

MAX_BLOCK: Final = (
    64 << 20
)  # bytes, before and after: writers make blocks of 16 to 64 KB, a few of megabytes. A bomb ends here, not in the memory
MAX_FRAMES: Final = (
    100  # in one block: writers make one, or one for each thread. What is behind a frame is copied once more, so they must not be many
)
_SNAPPY_GAIN: Final = 32  # no snappy stream unpacks to more than 22 times its size: a copy of 64 bytes takes 3
_NAME: Final = re.compile(r"[a-z][a-z0-9._-]{0,15}")
_BAD_DEFLATE: Final = cast("type[Exception]", isal_zlib.error)  # its stub takes the class for an instance
_XZ_MEMORY: Final = 128 << 20  # bytes: the largest preset of xz needs 65 MB to unpack


class CompressionError(ValueError):
    """A block cannot be unpacked; the message says why."""


def unpack(codec: str, data: bytes) -> bytes:
    """A block's datums.

    Raises:
        CompressionError: the codec is not supported, the data are not of it, or they unpack to more than `MAX_BLOCK`.
    """
    method = CODECS.get(codec)
    if method is None:
        named = repr(codec) if _NAME.fullmatch(codec) else "of no such name"  # a damaged header may hold anything in its place
        raise CompressionError(f"codec {named} is not supported (supported: {', '.join(CODECS)})")
    try:
        unpacked = method(data)
    except CompressionError:
        raise
    except (_BAD_DEFLATE, lzma.LZMAError, zstd.ZstdError, cramjam.DecompressionError, OSError, EOFError, ValueError) as error:
        raise CompressionError(f"the block is not valid {codec}") from error
    if len(unpacked) > MAX_BLOCK:
        raise CompressionError(f"the block unpacks to more than {MAX_BLOCK:,} bytes")
    return unpacked


def _deflate(data: bytes) -> bytes:
    stream = isal_zlib.decompressobj(
        -zlib.MAX_WBITS
    )  # in 0.7 of zlib's time; no header; bytes behind the end are left alone, since writers leave parts of a checksum there
    unpacked = stream.decompress(data, MAX_BLOCK + 1)
    if not stream.eof and len(unpacked) <= MAX_BLOCK:
        raise EOFError
    return unpacked


def _snappy(data: bytes) -> bytes:
    body, checksum = data[:-4], data[-4:]
    if cramjam.snappy.decompress_raw_len(body) > min(MAX_BLOCK, _SNAPPY_GAIN * len(body)):
        raise CompressionError("the block claims to unpack to more than snappy can pack")
    unpacked = bytes(cramjam.snappy.decompress_raw(body))
    if struct.pack(">I", zlib.crc32(unpacked)) != checksum:
        raise CompressionError("the block's checksum is wrong")
    return unpacked


def _framed(decompressor: Callable[[], Any]) -> Callable[[bytes], bytes]:
    """One or more frames, one behind the other."""

    def unpack_frames(data: bytes) -> bytes:
        pieces: list[bytes] = []
        room = MAX_BLOCK + 1
        for _ in range(MAX_FRAMES):
            stream = decompressor()
            pieces.append(stream.decompress(data, room))
            room -= len(pieces[-1])
            if not stream.eof and room > 0:
                raise EOFError
            if not (data := stream.unused_data) or room <= 0:
                return b"".join(pieces)
        raise CompressionError(f"the block has more than {MAX_FRAMES} frames")

    return unpack_frames


CODECS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "null": bytes,
    "deflate": _deflate,
    "snappy": _snappy,
    "zstandard": _framed(zstd.ZstdDecompressor),
    "bzip2": _framed(bz2.BZ2Decompressor),
    "xz": _framed(lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)),
}
