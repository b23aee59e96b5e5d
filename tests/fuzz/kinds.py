"""The kinds of input that are spoiled; each makes one case of its random numbers, holds the laws, and says what became of its events."""

import bz2
import io
import json
import lzma
import struct
import zlib
from collections import Counter

import cramjam
from backports import zstd
from tests.fuzz import wild
from tests.fuzz.laws import decoded, read
from tests.fuzz.mutator import evil_long, mutated, mutated_json, varint
from tests.fuzz.twins import held

from currents_segment.codecs.chunk import Origin, Records, Span
from currents_segment.codecs.container import records
from currents_segment.codecs.frames import HEADER, Framer, Framing, Unframed, fingerprint
from currents_segment.codecs.references import inline
from currents_segment.codecs.shape import SchemaError, parse

PACK = {
    "null": bytes,
    "deflate": lambda data: zlib.compress(data, 1)[2:-4],
    "snappy": lambda data: bytes(cramjam.snappy.compress_raw(data)) + struct.pack(">I", zlib.crc32(data)),
    "zstandard": zstd.compress,
    "bzip2": lambda data: bz2.compress(data, 1),
    "xz": lambda data: lzma.compress(data, preset=0),
}
SHARES = [6, 4, 4, 4, 2, 1]  # of the codecs: packing xz takes milliseconds
FINGERPRINTS = 0.1  # of the cases: each takes milliseconds


def file(random, schema, *, wrong=0.0):
    """A container file; each of its parts is wrong with that probability."""

    def or_else(good, evil):
        return evil() if random.random() < wrong else good

    def long(value):
        return or_else(varint(value), lambda: evil_long(random))

    def text(data):
        return long(len(data)) + or_else(data, lambda: mutated(random, data))

    codec = random.choices(list(PACK), weights=SHARES)[0]
    named = or_else(codec, lambda: random.choice([*PACK, "lz4"])).encode()
    marker = or_else(random.randbytes(16), lambda: random.choice((bytes(16), b"\xff" * 16, b"Obj\x01" * 4)))
    out = (
        b"Obj\x01"
        + long(2)
        + text(b"avro.schema")
        + text(json.dumps(schema).encode())
        + text(b"avro.codec")
        + text(named)
        + long(0)
        + marker
    )
    for _ in range(random.randrange(4)):
        count = random.randrange(1, 9)
        data = b"".join(wild.datum(random, schema) for _ in range(count))
        packed = PACK[codec](or_else(data, lambda data=data: mutated(random, data)))
        out += long(count) + text(packed) + or_else(marker, lambda: mutated(random, marker))
    return out


def container(random):
    """A file that is spoiled in bytes, in parts, or in both."""
    data = file(random, wild.schema(random), wrong=random.choice((0.0, 0.05, 0.3)))
    if random.random() < 0.7:
        data = mutated(random, data)
    return read(data, random, limit=random.choice((1, 3, 1000)))


def datum(random):
    """Datums back to back, spoiled; as many as there are, or as it is claimed."""
    schema = wild.schema(random)
    good = [wild.datum(random, schema) for _ in range(random.randrange(1, 6))]
    data = [mutated(random, each, b"".join(good)) if random.random() < 0.5 else each for each in good]
    spans = tuple(Span(7 + at, 0, 1, len(each)) for at, each in enumerate(data))
    joined = b"".join(data)
    if random.random() < 0.5:  # as a file has them: what is wrong with one hides the next
        return decoded(Records(json.dumps(schema), "", joined, random.choice((len(data), 1, 1000)), 5.0, Origin("log", "key")))
    return decoded(Records(json.dumps(schema), "", joined, len(data), 5.0, Origin("log", "0", 7), spans=spans))


def frame(random):
    """A message's value in one of the frames, spoiled, and what is made of it."""
    schema = wild.schema(random)
    text, good = json.dumps(schema), wild.datum(random, schema)
    mark = fingerprint(text) if random.random() < FINGERPRINTS else bytes(8)
    framed = b"\x00\x00\x00\x00\x07" + good
    value = random.choice((framed, b"\x01" + bytes(16) + good, b"\xc3\x01" + mark + good, good, b"")) or file(random, schema)
    headers = None
    if random.random() < 0.2:
        headers = [(HEADER, mutated(random, random.choice((framed[:5], b"\x01" + bytes(16)))))]
    if random.random() < 0.8:
        value = mutated(random, value, framed)
    framing = random.choice([*Framing, Framing.AUTO, Framing.AUTO])
    needs = framing is Framing.BARE or (framing is Framing.AUTO and random.random() < 0.5)
    framer = Framer(framing, text if needs else None)
    found = framer.of(value, headers)
    assert found == framer.of(value, headers) == Framer(framing, text if needs else None).of(value, headers)
    origin = Origin("topic", "0", 7)
    if isinstance(found, Unframed):
        return decoded(Records("", "", b"", 0, 5.0, origin, found.damage(value, origin)))
    assert 0 <= found.begin <= len(value)
    if found.kind is Framing.CONTAINER:
        return sum((decoded(piece) for piece, _ in records(io.BytesIO(value), log="t", key="0", hint="", arrival=5.0)), Counter())
    known = {7: text, None: text, mark: text}.get(found.ref, "")
    return decoded(Records(known, "", value[found.begin :], 1, 5.0, origin))


def schema(random):
    """A schema, spoiled as JSON or as text, with datums that were written with the good one or are noise."""
    good = wild.schema(random)
    text = json.dumps(mutated_json(random, good) if random.random() < 0.8 else good)
    if random.random() < 0.3:
        text = mutated(random, text.encode()).decode(errors="replace")
    shape = _parsed(text, fingerprint if random.random() < FINGERPRINTS else parse)
    data = b"".join(wild.datum(random, good) for _ in range(random.randrange(4))) if random.random() < 0.7 else random.randbytes(200)
    assert shape is None or shape.least > 0
    return decoded(Records(text, random.choice(("", wild.TYPE)), data, random.randrange(1, 5), 5.0, Origin("log", "key")))


def _parsed(text, look):
    try:
        look(text)
        return parse(text)
    except SchemaError:
        return None


def reference(random):
    """Schemas that refer to each other, spoiled; what is made of them is a schema or refused."""
    names = [f"{random.choice(('a.', 'b.'))}R{number}" for number in range(4)]
    schemas = []
    for number, name in enumerate(names):
        others = names[number + 1 :] or ["string"]  # no circles, but those that come of spoiling
        kinds = [random.choice(("string", *others, ["null", others[0]], {"type": "array", "items": others[-1]})) for _ in range(3)]
        fields = [{"name": f"f{at}", "type": kind} for at, kind in enumerate(["string", *kinds])]
        schemas.append({"type": "record", "name": name, "fields": fields})
    texts = [json.dumps(mutated_json(random, each) if random.random() < 0.2 else each) for each in schemas]
    try:
        made = inline(texts[0], texts[1:])
        assert made == inline(texts[0], texts[1:])
        parse(made)
    except SchemaError:
        return Counter({"refused": 1})
    return Counter({"resolved": 1})


def twins(random):
    """A hundred good events, both ways."""
    return held(random, spoiled=False)


def spoiled_twins(random):
    """A hundred spoiled ones."""
    return held(random, spoiled=True)


KINDS = {each.__name__: each for each in (container, datum, frame, schema, reference, twins, spoiled_twins)}
