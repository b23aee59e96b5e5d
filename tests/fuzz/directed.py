"""Cases that random numbers would not find: bombs, claims, depths, edges. Each says what becomes of its events."""

import bz2
import json
import lzma
import struct
import zlib

import cramjam
import orjson
from backports import zstd
from tests.fuzz import wild
from tests.fuzz.laws import decoded, decoder, read
from tests.fuzz.mutator import varint

from currents_segment.codecs.chunk import Origin, Records
from currents_segment.codecs.shape import SchemaError, parse

MARKER = b"S" * 16
ENVELOPE = [
    ("id", "string"),
    ("user_id", ["null", "string"]),
    ("external_user_id", ["null", "string"]),
    ("time", "int"),
    ("campaign_name", "string"),
]
EVENT = b"\x04id" + b"\x02\x02u" + b"\x00" + b"\x02" + b"\x00"
MANY = varint(1 << 62)


def record(*types, name="R"):
    """A record with fields of these types."""
    return {"type": "record", "name": name, "fields": [{"name": f"f{at}", "type": kind} for at, kind in enumerate(types)]}


def event(*types):
    """The schema of an event with more fields."""
    more = [(f"f{at}", kind) for at, kind in enumerate(types)]
    return {"type": "record", "name": wild.TYPE, "fields": [{"name": name, "type": kind} for name, kind in [*ENVELOPE, *more]]}


def nested(depth, wrap=None):
    """A type within that many others."""
    schema = "string"
    for level in range(depth):
        schema = wrap(schema) if wrap else record(schema, name=f"R{level}")
    return schema


def file(codec, packed, count=10, schema=None, head=None):
    """A container file of one block."""
    text = json.dumps(schema or event()).encode()
    entries = [(b"avro.schema", text), (b"avro.codec", codec)]
    told = head or varint(2) + b"".join(varint(len(each)) + each for pair in entries for each in pair) + b"\x00"
    return b"Obj\x01" + told + MARKER + varint(count) + varint(len(packed)) + packed + MARKER


def data(kinds, tail, count=1):
    """What becomes of events with fields of these types, whose bytes end so."""
    return decoded(Records(json.dumps(event(*kinds)), "", EVENT + tail, count, 5.0, Origin("log", "key")))


def sent(kinds, tail):
    """The fields of the message that becomes of such an event."""
    messages = decoder().decode(Records(json.dumps(event(*kinds)), "", EVENT + tail, 1, 5.0, Origin("log", "key")))
    return {name: value for name, value in orjson.loads(messages.bodies[:-1])["properties"].items() if name.startswith("f")}


def refused(schema):
    """Why a schema is refused."""
    try:
        parse(schema if isinstance(schema, str) else json.dumps(schema))
    except SchemaError as error:
        return str(error)
    return "taken"


def at(time, kind="long"):
    """An event of that time."""
    fields = [{"name": name, "type": kind if name == "time" else each} for name, each in ENVELOPE]
    schema = {"type": "record", "name": wild.TYPE, "fields": fields}
    return decoded(Records(json.dumps(schema), "", b"\x04id\x02\x02u\x00" + varint(time) + b"\x00", 1, 5.0, Origin("log", "key")))


def bomb(codec):
    """A small block that unpacks to 65 MiB."""
    plain = bytes(65 << 20)
    if codec == "deflate":
        return zlib.compress(plain, 9)[2:-4]
    if codec == "snappy":
        return bytes(cramjam.snappy.compress_raw(plain)) + bytes(4)
    return {"zstandard": zstd.compress, "bzip2": bz2.compress, "xz": lambda data: lzma.compress(data, preset=0)}[codec](plain)


BAD, FRAME, SCHEMA = "undecodable/bad_datum", "undecodable/bad_frame", "undecodable/unknown_schema"
TEXTS = {"type": "array", "items": "string"}
LISTS = {"type": "array", "items": {"type": "array", "items": "int"}}

CASES = {  # name: what is done, what it must give
    "a text that claims 2 GB": (lambda: data(["string"], varint(1 << 31) + b"x"), {BAD: 1}),
    "a text that claims 2^62 bytes": (lambda: data(["string"], MANY + b"x"), {BAD: 1}),
    "a text of negative length": (lambda: data(["string"], varint(-5) + b"x" * 9), {BAD: 1}),
    "bytes of the least length there is": (lambda: data(["bytes"], varint(-(1 << 63)) + b"x" * 9), {BAD: 1}),
    "an array of 2^62 texts": (lambda: data([TEXTS], MANY + b"\x02x" * 1000), {BAD: 1}),
    "an array of -2^62 texts of 2^62 bytes": (lambda: data([TEXTS], varint(-(1 << 62)) + MANY + b"\x02x" * 1000), {BAD: 1}),
    "an array of -2^63 texts": (lambda: data([TEXTS], varint(-(1 << 63)) + b"\x00" + b"\x02x" * 1000), {BAD: 1}),
    "a map of 2^62 entries": (lambda: data([{"type": "map", "values": "null"}], MANY + b"\x00" * 1000), {BAD: 1}),
    "an array of 2^40 nulls": (lambda: data([{"type": "array", "items": "null"}], varint(1 << 40)), {SCHEMA: 1}),
    "an array of 2^40 empty records": (lambda: data([{"type": "array", "items": record()}], varint(1 << 40)), {SCHEMA: 1}),
    "megabytes of empty lists": (lambda: data([LISTS], MANY + bytes(4 << 20)), {BAD: 1}),
    "items that stand for much": (lambda: data([{"type": "array", "items": nested(20)}], MANY + bytes(4 << 20)), {SCHEMA: 1}),
    "blocks without items, without end": (lambda: data([TEXTS], (varint(-1) + b"\x02\x00") * 100_000), {BAD: 1}),
    "65,536 events of one byte": (
        lambda: read(
            file(b"null", bytes(1 << 16), 1 << 16, {"type": "record", "name": wild.TYPE, "fields": [{"name": "x", "type": "int"}]})
        ),
        {BAD: 1 << 16},
    ),
    "a long of 11 bytes": (lambda: data(["string"], b"\xff" * 10 + b"\x01"), {BAD: 1}),
    "a long without an end": (lambda: data(["long"], b"\xff" * 5000), {BAD: 1}),
    "a branch that is not there": (lambda: data([["null", "int"]], varint(2)), {BAD: 1}),
    "a negative branch": (lambda: data([["null", "int"]], varint(-1)), {BAD: 1}),
    "an enum of no symbol": (lambda: data([{"type": "enum", "name": "E", "symbols": ["a"]}], varint(7)), {BAD: 1}),
    "text that is not UTF-8": (lambda: data(["string"], b"\x04\xff\xfe"), {BAD: 1}),
    "half a surrogate pair": (lambda: data(["string"], b"\x06\xed\xa0\x80"), {BAD: 1}),
    "a map's key that is not UTF-8": (lambda: data([{"type": "map", "values": "int"}], b"\x02\x02\xff\x00\x00"), {BAD: 1}),
    "NaN and infinity are left out": (
        lambda: sent(["double", "float", "double"], struct.pack("<dfd", float("nan"), float("-inf"), 0.5)),
        {"f2": 0.5},
    ),
    "NaN in a list is null": (
        lambda: sent([{"type": "array", "items": "double"}], b"\x04" + struct.pack("<dd", float("nan"), 0.5) + b"\x00"),
        {"f0": [None, 0.5]},
    ),
    "every byte has a character": (lambda: sent(["bytes"], b"\x06\x00\x80\xff"), {"f0": "\x00\x80\xff"}),
    "the largest long": (lambda: sent(["long"], varint((1 << 63) - 1)), {"f0": (1 << 63) - 1}),
    "the year 292278994": (lambda: at((1 << 63) - 1), {BAD: 1}),
    "the year 10000": (lambda: at(253_402_300_800), {BAD: 1}),
    "the last second of 9999": (lambda: at(253_402_300_799), {"messages": 1}),
    "a time in milliseconds": (lambda: at(1_767_323_045_000), {BAD: 1}),
    "a time before 1970": (lambda: at(-1, "int"), {BAD: 1}),
    **{
        f"a bomb of {codec}": (lambda codec=codec: read(file(codec.encode(), bomb(codec))), {FRAME: 10})
        for codec in ("deflate", "zstandard", "bzip2", "xz", "snappy")
    },
    "a snappy block that claims 4 GB": (lambda: read(file(b"snappy", b"\xff\xff\xff\xff\x0f" + bytes(20))), {FRAME: 10}),
    "a megabyte of empty zstandard frames": (lambda: read(file(b"zstandard", zstd.compress(b"") * 100_000)), {FRAME: 10}),
    "a megabyte of empty xz frames": (lambda: read(file(b"xz", lzma.compress(b"") * 30_000)), {FRAME: 10}),
    "a zstandard window of 2 GB": (lambda: read(file(b"zstandard", b"\x28\xb5\x2f\xfd\x00\xa8" + bytes(20))), {FRAME: 10}),
    "metadata without end": (lambda: read(b"Obj\x01" + MANY + bytes(4 << 20)), {FRAME: 1}),
    "metadata of one huge value": (lambda: read(b"Obj\x01\x02\x02k" + varint(1 << 40) + bytes(4 << 20)), {FRAME: 1}),
    "a schema of 10 MB": (lambda: read(file(b"null", EVENT, 1, event() | {"doc": "x" * 10_000_000})), {FRAME: 1}),
    "a schema of 1.5 MB": (lambda: read(file(b"null", EVENT, 1, event() | {"doc": "x" * 1_500_000})), {SCHEMA: 1}),
    "a marker of zeros behind a zero": (lambda: read(file(b"null", EVENT * 3, 3).replace(MARKER, bytes(16))), {"messages": 3}),
    "a marker that is the data": (lambda: read(file(b"null", EVENT * 3, 3).replace(MARKER, (EVENT * 3)[:16])), {"messages": 3}),
    "a block that claims fewer events": (lambda: read(file(b"null", EVENT * 3, 2)), {"messages": 2, BAD: 1}),
    "a block that claims more events": (lambda: read(file(b"null", EVENT * 3, 4)), {"messages": 3, BAD: 1}),
    "a block that claims 2^62 events": (lambda: read(file(b"null", EVENT * 3, 1 << 62)), {FRAME: 1}),
    "a block that claims no events": (lambda: read(file(b"null", EVENT * 3, 0)), {FRAME: 1}),
    "a schema of depth 1,000": (
        lambda: refused('{"type":"array","items":' * 1_000 + '"int"' + "}" * 1_000),
        "the schema is nested more than 32 levels deep",
    ),
    "a schema of depth 100,000": (lambda: refused("[" * 100_000 + "]" * 100_000), "the schema is not JSON"),
    "records of depth 33": (lambda: refused(nested(34)), "the schema is nested more than 32 levels deep"),
    "a schema that contains itself": (lambda: refused(record("int", ["null", "R"])), "the schema contains itself"),
    "a schema that grows as a power": (
        lambda: refused(record(*(record(*[f"P{at - 1}"] * 9 if at else ["int"], name=f"P{at}") for at in range(12)))),
        "the schema stands for more than 2000 types",
    ),
    "an enum of 50,000 symbols": (
        lambda: refused(record({"type": "enum", "name": "E", "symbols": [f"s{at}" for at in range(50_000)]})),
        "taken",
    ),
    "an enum of a million symbols": (
        lambda: refused(record({"type": "enum", "name": "E", "symbols": [f"s{at}" for at in range(1_000_000)]})),
        "the schema has more than 1,048,576 characters",
    ),
    "two types of one name": (
        lambda: refused(record(record("int", name="A"), record("string", name="A"))),
        "not an Avro schema: SchemaParseException",
    ),
    "half a surrogate pair in a schema": (
        lambda: refused('{"type":"record","name":"R","fields":[{"name":"\\ud800","type":"int"}]}'),
        "the schema is not JSON",
    ),
    "a fixed type of negative size": (
        lambda: refused(record({"type": "fixed", "name": "F", "size": -1})),
        "the schema has a fixed type whose size is none",
    ),
    "a fixed type of 2^62 bytes": (lambda: data([{"type": "fixed", "name": "F", "size": 1 << 62}], b"x"), {BAD: 1}),
    "a logical type of nonsense": (
        lambda: sent([{"type": "int", "logicalType": "decimal", "precision": "x", "scale": -1}], b"\x02"),
        {"f0": 1},
    ),
}


def check(number):
    """Do one and hold it against what it must give."""
    name = list(CASES)[number]
    done, expected = CASES[name]
    found = done()
    plain = found if isinstance(found, str) else {key: value for key, value in found.items() if value != 0}
    assert expected == plain, f"{name}: {plain}"
    return {name: 1}
