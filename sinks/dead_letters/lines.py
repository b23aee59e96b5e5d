"""Lines in gzip: the form of every object beside dead letters, and how much of a damaged one can still be read. Pure."""

import zlib
from collections.abc import Iterable
from typing import Final

from isal import isal_zlib

_LEVEL: Final = 2  # isal's default; letters are few, and lie for long
_GZIP: Final = 31  # wbits: gzip's own header and checksum
_PART: Final = 1 << 12  # bytes unpacked at once: what stands before a tear is still read, up to one such part


def packed(lines: Iterable[bytes]) -> bytes:
    """The object that holds these lines, each with its newline."""
    return isal_zlib.compress(b"".join(lines), _LEVEL, wbits=_GZIP)


def unpacked(data: bytes) -> tuple[list[bytes], str]:
    """The whole lines that can be unpacked, without their newlines; and what is wrong behind them, empty if nothing is."""
    gzip, text, tear = zlib.decompressobj(_GZIP), bytearray(), ""
    try:
        for start in range(0, len(data), _PART):
            text += gzip.decompress(data[start : start + _PART])
        tear = "" if gzip.eof else "the object is cut off"
    except zlib.error as error:
        tear = str(error)
    *lines, rest = bytes(text).split(b"\n")
    if tear or rest:
        tear = f"what stands after line {len(lines)}: {tear or 'it has no end'}"
    return lines, tear
