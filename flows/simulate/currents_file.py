"""Avro object container files, whole and damaged in ways whose effect is certain.

What may be read from a damaged file must not depend on the reader's cleverness: a block that no reader can open is followed either by
an intact sync marker where its header says, or by the end of the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5
from io import BytesIO
from typing import Any, Final, Literal

from fastavro.schema import parse_schema
from fastavro.write import Writer

Codec = Literal["null", "deflate", "snappy", "zstandard", "bzip2", "xz"]
CODECS: Final[tuple[Codec, ...]] = ("null", "deflate", "snappy", "zstandard", "bzip2", "xz")

NOT_AVRO: Final = b"<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>\n"
"""What a careless copy leaves in a bucket in place of a file."""

_SYNC: Final = 16  # bytes of a sync marker (Avro specification)
_SPOILT: Final = b"\xff" * 16
"""No codec's data begins like this: no magic number (zstandard, bzip2, xz), a reserved block type (deflate), an endless length (snappy)."""
_WHOLE: Final = 1 << 40  # bytes: blocks are closed by count, never by size


@dataclass(frozen=True, slots=True)
class Container:
    """An object container file and where its blocks are.

    Attributes:
        data: the file.
        codec: how its blocks are compressed.
        blocks: events, start and end of each block's payload; the sync marker follows.
    """

    data: bytes
    codec: Codec
    blocks: tuple[tuple[int, int, int], ...]

    def corrupt(self, number: int) -> tuple[bytes, range]:
        """The file with one block that cannot be opened, and which events are lost with it.

        With codec null any payload can be opened, so there it is the sync marker behind the **last** block that is spoilt, whatever
        the number: behind any other, what a reader finds again would depend on how it searches.
        """
        number = len(self.blocks) - 1 if self.codec == "null" else number
        _, start, end = self.blocks[number]
        at, size = (end, _SYNC) if self.codec == "null" else (start, min(len(_SPOILT), end - start))
        return self.data[:at] + _SPOILT[:size] + self.data[at + size :], self._events(number)

    def truncate(self) -> tuple[bytes, range]:
        """The file cut in the middle of its last block's payload, and which events are lost with it."""
        _, start, end = self.blocks[-1]
        return self.data[: (start + end) // 2], self._events(len(self.blocks) - 1)

    def _events(self, number: int) -> range:
        first = sum(count for count, _, _ in self.blocks[:number])
        return range(first, first + self.blocks[number][0])


def pack(schema: dict[str, Any], records: Sequence[dict[str, Any]], codec: Codec, block: int, name: str) -> Container:
    """The records as a file of blocks of `block` events each; the same arguments give the same bytes (`name` decides the sync marker)."""
    out = BytesIO()
    sync = md5(name.encode(), usedforsecurity=False).digest()
    writer = Writer(out, parse_schema(schema), codec=codec, sync_interval=_WHOLE, sync_marker=sync)
    blocks = []
    for first in range(0, len(records), block):
        group, begin = records[first : first + block], out.tell()
        for record in group:
            writer.write(record)
        writer.flush()
        end = out.tell() - _SYNC
        header = bytes(out.getbuffer()[begin : begin + 20])  # two Avro longs of at most ten bytes
        blocks.append((len(group), begin + _skip_longs(header, 2), end))
    return Container(out.getvalue(), codec, tuple(blocks))


def _skip_longs(data: bytes, count: int) -> int:
    """The position behind so many Avro longs: the last byte of each has its high bit clear."""
    position = 0
    for _ in range(count):
        while data[position] & 0x80:
            position += 1
        position += 1
    return position
