"""Avro object container files, read once from front to back out of any stream of bytes; a bad block never takes a good one with it.

No seeking, and no more in memory than one block. Blocks are numbered from 0; a damaged stretch takes one number, so that a place in a file
stays the same place whenever it is read. What the stream itself raises passes through.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from currents_segment.codecs.chunk import RAW_KEPT
from currents_segment.codecs.compression import MAX_BLOCK, CompressionError, unpack
from currents_segment.codecs.outcome import Outcome
from currents_segment.codecs.stream import PIECE, Cursor, Stream

MAGIC: Final = b"Obj\x01"
SYNC: Final = 16  # bytes of the marker behind the header and each block
MAX_HEADER: Final = 2 << 20  # bytes; the widest Currents schema takes 20 KB
MAX_ENTRIES: Final = 1_000  # of metadata; writers make two, and perhaps some of their own


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself.

    Attributes:
        schema: the writer's schema, JSON text.
        codec: how its blocks are packed.
        sync: the marker behind each block, 16 bytes.
    """

    schema: str
    codec: str
    sync: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """A block that could be read.

    Attributes:
        index: its number within the file.
        count: how many datums it holds.
        data: the datums, unpacked; empty for blocks before the one from which reading was asked for.
    """

    index: int
    count: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """A stretch that could not be read; reading went on behind it.

    Attributes:
        index: the number that it takes among the blocks.
        outcome: `BAD_FRAME` or `UNKNOWN_SCHEMA`.
        detail: what was wrong.
        count: how many events its header says, if that can be believed, else 1.
        raw: its first bytes, 256 KiB at the most.
        size: how many bytes it has.
    """

    index: int
    outcome: Outcome
    detail: str
    count: int
    raw: bytes
    size: int


class _HeaderError(ValueError):
    """The header cannot be read; the first argument is the outcome, the second says why."""


class Container:
    """One file.

    Attributes:
        header: None until `blocks` has read it, or where it could not be read.
    """

    def __init__(self, stream: Stream) -> None:
        self.header: Header | None = None
        self._bytes = Cursor(stream)
        self._patience = MAX_BLOCK  # bytes that may still be looked at in vain behind a marker

    def blocks(self, first: int = 0) -> Iterator[Block | Broken]:
        """Everything in the file from block `first` on; blocks before it are passed over without unpacking."""
        try:
            header = self.header = self._read_header()
        except _HeaderError as error:
            if first == 0:
                yield self._no_header(*error.args)
            return
        index = 0
        while (found := self._block(index, header, skip=index < first)) is not None:
            if index >= first:
                yield found
            index += 1

    def _read_header(self) -> Header:
        magic = self._bytes.take(len(MAGIC))
        if not magic:
            raise _HeaderError(Outcome.BAD_FRAME, "the object is empty")
        if magic != MAGIC:
            raise _HeaderError(Outcome.BAD_FRAME, "not an Avro object container file")
        entries = self._metadata()
        sync = self._bytes.take(SYNC)
        if len(sync) < SYNC:
            raise _HeaderError(Outcome.BAD_FRAME, "the file ends within its header")
        try:
            schema = entries[b"avro.schema"].decode()
        except KeyError:
            raise _HeaderError(Outcome.UNKNOWN_SCHEMA, "the file names no schema") from None
        except UnicodeDecodeError:
            raise _HeaderError(Outcome.UNKNOWN_SCHEMA, "the file's schema is not UTF-8") from None
        return Header(schema, entries.get(b"avro.codec", b"null").decode(errors="replace"), sync)

    def _metadata(self) -> dict[bytes, bytes]:
        entries: dict[bytes, bytes] = {}
        told = 0
        while count := self._header_long():
            if count < 0:
                count = -count
                self._header_long()  # the size of what follows, for readers that skip it
            if (told := told + count) > MAX_ENTRIES:
                raise _HeaderError(Outcome.BAD_FRAME, "the file's header makes no sense")
            for _ in range(count):
                key = self._header_bytes()
                entries[key] = self._header_bytes()
        return entries

    def _header_bytes(self) -> bytes:
        size = self._header_long()
        if not 0 <= size <= MAX_HEADER - self._bytes.taken:
            raise _HeaderError(Outcome.BAD_FRAME, "the file's header makes no sense")
        value = self._bytes.take(size)
        if len(value) < size:
            raise _HeaderError(Outcome.BAD_FRAME, "the file ends within its header")
        return value

    def _header_long(self) -> int:
        value = self._bytes.long()
        if value is None:
            raise _HeaderError(Outcome.BAD_FRAME, "the file's header cannot be read to its end")
        return value

    def _no_header(self, outcome: Outcome, detail: str) -> Broken:
        """Without a header nothing of the file can be read."""
        kept = self._bytes.since_mark()
        size = len(kept)
        while piece := self._bytes.pass_on(PIECE):
            kept += piece[: max(0, RAW_KEPT - len(kept))]
            size += len(piece)
        return Broken(0, outcome, detail, 1, kept[:RAW_KEPT], size)

    def _block(self, index: int, header: Header, *, skip: bool) -> Block | Broken | None:
        """The next block, or None at the end of the file."""
        self._bytes.mark()
        if self._bytes.ended():
            return None
        count, size = self._bytes.long(), self._bytes.long()
        if count is None or size is None or count < 0 or not 0 <= size <= MAX_BLOCK:
            return self._search(index, header, 1, "the block's header makes no sense")
        believed = count if 1 <= count <= size else 1  # an event has an id of its own: even packed it takes more than a byte
        found = self._marker(header.sync, size)
        if 0 <= found < size:
            return self._search(index, header, believed, "the block's size is wrong")
        if found < 0:
            return self._bad_marker(index, header, believed, whole=len(self._bytes.take(size + SYNC)) == size + SYNC)
        data = self._bytes.take(size)
        self._bytes.take(SYNC)
        return Block(index, count, b"") if skip else self._unpacked(index, header, count, believed, data)

    def _marker(self, sync: bytes, size: int) -> int:
        """How far on the marker behind `size` bytes stands; or else the next one before it; -1 where there is none.

        A block may hold the bytes of the marker itself, so its size has the first word. A size that is too large costs no more than reading up to the next
        marker, but for `MAX_BLOCK` bytes a file.
        """
        if size <= PIECE and self._bytes.peek(size, SYNC) == sync:
            return size
        found = self._bytes.find(sync, size)
        if 0 <= found < size and self._patience > 0:
            if self._bytes.peek(size, SYNC) == sync:
                return size
            self._patience -= size
        return found

    def _unpacked(self, index: int, header: Header, count: int, believed: int, data: bytes) -> Block | Broken:
        try:
            datums = unpack(header.codec, data) if data else b""
        except CompressionError as error:
            return Broken(index, Outcome.BAD_FRAME, str(error), believed, data[:RAW_KEPT], len(data))
        if count > len(datums) or (datums and not count):
            detail = f"the block says that {count} events are in {len(datums)} bytes"
            return Broken(index, Outcome.BAD_FRAME, detail, 1, data[:RAW_KEPT], len(data))
        return Block(index, count, datums)

    def _bad_marker(self, index: int, header: Header, count: int, *, whole: bool) -> Broken:
        """Only the marker is wrong if a good block, or the end, follows; else the size is wrong too and the next marker is searched."""
        stretch = self._bytes.since_mark()
        if whole and self._good_block_follows(header):
            return Broken(index, Outcome.BAD_FRAME, "the marker behind the block is wrong", count, stretch[:RAW_KEPT], len(stretch))
        return self._search(index, header, count, "no marker behind the block" if whole else "the file ends within a block")

    def _good_block_follows(self, header: Header) -> bool:
        if self._bytes.ended():
            return True
        before = self._bytes.taken
        count, size = self._bytes.long(), self._bytes.long()
        good = count is not None and size is not None and 0 <= size <= MAX_BLOCK and self._marker(header.sync, size) == size
        self._bytes.back(self._bytes.taken - before)
        return good

    def _search(self, index: int, header: Header, count: int, detail: str) -> Broken:
        """Everything from the mark up to the next marker is lost; reading goes on behind it."""
        self._bytes.back(len(self._bytes.since_mark()))
        kept, size, window = b"", 0, b""
        while (found := window.find(header.sync)) < 0:
            lost = max(0, len(window) - SYNC + 1)
            window, size = window[lost:], size + lost
            piece = self._bytes.pass_on(PIECE)
            if not piece:
                return Broken(index, Outcome.BAD_FRAME, detail, count, kept, size + len(window))
            window += piece
            kept += piece[: RAW_KEPT - len(kept)]
        self._bytes.back(len(window) - found - SYNC)
        size += found
        return Broken(index, Outcome.BAD_FRAME, detail, count, kept[:size], size)
