"""Avro object container files written block by block, so that whoever damages one knows what of it is left."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from random import Random
from typing import Any, Final

import fastavro
from tests.oracle.truth import Json

DAMAGES: Final = ("truncated", "marker", "packed", "datum", "text", "empty", "foreign", "schema")
TEXT: Final = "~spoiled~"  # stands where bytes that are no UTF-8 will stand


@dataclass(frozen=True, slots=True)
class Stretch:
    """What can be read at one place of a file: a record, or damage and the events that are lost by it."""

    block: int
    record: int
    event: Json | None = None
    damage: str = ""
    count: int = 1


@dataclass(slots=True)
class _Block:
    """One block before it is written."""

    data: bytes
    stretches: list[Stretch]

    @property
    def count(self) -> int:
        return sum(each.count for each in self.stretches)

    def lost(self, damage: str) -> None:
        """Nothing of it can be read."""
        self.stretches = [Stretch(self.stretches[0].block, 0, damage=damage, count=self.count)]


def container(
    schema: Json, events: Sequence[Json], random: Random, *, block: int, damage: str | None = None
) -> tuple[bytes, list[Stretch]]:
    """A file's bytes and what they hold, damaged in one of `DAMAGES` or whole; `block` events a block."""
    if damage in {"empty", "foreign"}:
        return (b"" if damage == "empty" else b"PAR1 is another format" * 9), [Stretch(0, 0, damage="undecodable/bad_frame")]
    parsed: Any = fastavro.parse_schema(schema)
    blocks = [_block(parsed, events[start : start + block], number) for number, start in enumerate(range(0, len(events), block))]
    victim = len(blocks) - 1 if damage == "truncated" else random.randrange(len(blocks))
    codec = "deflate" if damage == "packed" else random.choice(("null", "deflate"))
    if damage in {"datum", "text"}:
        _spoil(parsed, blocks[victim], random, text=damage == "text")
    if damage == "schema":
        for each in blocks:
            each.lost("undecodable/unknown_schema")
    sync = random.randbytes(16)
    text = json.dumps(schema) if damage != "schema" else '{"type": "record", "name": "no schema of ours"'
    out = bytearray(_header(text, codec, sync))
    for number, each in enumerate(blocks):
        data = each.data if codec == "null" else zlib.compress(each.data)[2:-4]
        if damage == "packed" and number == victim:
            data = b"\xff" * len(data)
        if damage == "truncated" and number == victim:
            out += _long(each.count) + _long(len(data)) + data[: random.randrange(len(data) // 2, len(data))]
        else:
            out += _long(each.count) + _long(len(data)) + data
            out += random.randbytes(16) if damage == "marker" and number == victim else sync
        if number == victim and damage in {"packed", "marker", "truncated"}:
            each.lost("undecodable/bad_frame")
    return bytes(out), [stretch for each in blocks for stretch in each.stretches]


def _block(parsed: Json, events: Sequence[Json], number: int) -> _Block:
    return _Block(b"".join(datum(parsed, each) for each in events), [Stretch(number, record, each) for record, each in enumerate(events)])


def _spoil(parsed: Json, block: _Block, random: Random, *, text: bool) -> None:
    """One record has text that is no UTF-8 and is lost alone; or claims more bytes than there are, and takes the rest of its block with it."""
    which = random.randrange(len(block.stretches))
    before = b"".join(datum(parsed, each.event) for each in block.stretches[:which] if each.event is not None)
    victim = block.stretches[which]
    assert victim.event is not None
    if text:
        block.data = before + misread(parsed, victim.event) + block.data[len(before) + len(datum(parsed, victim.event)) :]
        block.stretches[which] = replace(victim, event=None, damage="undecodable/bad_datum")
    else:
        behind = block.data[len(before) :]
        block.data = before + _long(1 << 40) + behind[6:]  # where the first field, a text, should say its length
        lost = Stretch(victim.block, victim.record, damage="undecodable/bad_datum", count=len(block.stretches) - which)
        block.stretches[which:] = [lost]


def misread(schema: Json, event: Json) -> bytes:
    """The event's datum, whose id is text that is no UTF-8."""
    return datum(schema, {**event, "id": TEXT}).replace(TEXT.encode(), b"\xff" * len(TEXT), 1)


def datum(schema: Json, event: Json) -> bytes:
    """The event's datum alone."""
    out = BytesIO()
    fastavro.schemaless_writer(out, schema, event)
    return out.getvalue()


def _header(schema: str, codec: str, sync: bytes) -> bytes:
    entries = {"avro.schema": schema.encode(), "avro.codec": codec.encode()}
    packed = b"".join(_bytes(name.encode()) + _bytes(value) for name, value in entries.items())
    return b"Obj\x01" + _long(len(entries)) + packed + _long(0) + sync


def _bytes(value: bytes) -> bytes:
    return _long(len(value)) + value


def _long(number: int) -> bytes:
    """Avro's zigzag of variable length; not negative."""
    number <<= 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
