"""Both paths on the same records: writers of all types in all versions, connectors of all kinds, values that are hard to write; datums spoiled or not."""

import json
import struct
from collections import Counter
from itertools import accumulate, pairwise

import numpy as np
from tests.fuzz import wild
from tests.fuzz.laws import values
from tests.fuzz.mutator import WORDS, mutated, varint

from currents_segment.codecs.catalogue import load
from currents_segment.codecs.chunk import Framed, Origin, Records, Span
from currents_segment.codecs.decoder import Decoder
from currents_segment.codecs.profile import Profile
from currents_segment.codecs.transcoder import Transcoder

EVENTS = 100
ENVELOPE = [("id", "string"), ("user_id", "string"), ("external_user_id", ["null", "string"]), ("time", "int")]
HARD = ['"', "\\", "\x00", "\b", "\t", "\n", "\v", "\f", "\r", "\x1f", " ", "\x7f", "\x80", "é", "߿", "ࠀ", "퟿", "\ue000", "�", "￿", "\U00010000", "\U0010ffff"]  # fmt: skip
NOT_UTF8 = [b"\x80", b"\xc0\x80", b"\xc1\xbf", b"\xc3", b"\xe0\x9f\xbf", b"\xe2\x82", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x8f\xbf\xbf", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xff"]  # fmt: skip


def counted(data):
    """Bytes behind their length."""
    return varint(len(data)) + data


def _texts(random):
    """Texts of all lengths around the steps in which they are copied, with what is hard at any place."""
    made = [b"", b"[REDACTED]", b"[REDACTED", b"[REDACTEd]", b"x"]
    for _ in range(20):
        text = ["abcdefghij"[at % 10] for at in range(random.choice((1, 7, 16, 31, 32, 33, 62, 63, 64, 65, 100, 127, 128, 129)))]
        for _ in range(random.choice((0, 0, 0, 1, 1, 3))):
            text[random.randrange(len(text))] = random.choice(HARD)
        made.append("".join(text).encode())
    made.append("".join(random.choices(HARD, k=30)).encode())
    return made


def _ids(random):
    hexed = random.randbytes(16).hex().encode()
    sizes = (1, 3, 4, 8, 9, 16, 17, 32, 33, 64, 65, 66, 67, 99, 100, 128, 129, 241)
    return [*[hexed] * 20, b'a"b', "ü".encode() * 17, *((hexed * 16)[: random.choice(sizes)] for _ in range(6))]


def _numbers(random):
    near = [19.99, 0.1, 1e-3, 0.000999, 123456.789, -5.25, 1e15, 999999999999999.0, 1e14, 2**53, 1e300, 5e-324]
    return [
        0.0,
        -0.0,
        float("nan"),
        float("inf"),
        *near,
        random.random() * 100,
        round(random.random() * 100, 2),
        -round(random.random(), 12),
    ]


class Pools:
    """Values of each type, encoded; made once a case, since making one takes longer than reading it."""

    def __init__(self, random, evil):
        texts = [counted(text) for text in _texts(random)]
        if evil:
            texts += [counted(random.choice((b"", b"ascii text of some length")) + random.choice(NOT_UTF8))]
        if random.random() < 0.1:
            texts += [counted(b"y" * random.choice((5_300, 5_400, 31_000, 33_000)))]
        numbers = [*WORDS, 0, 7, 1_767_323_045, random.getrandbits(62)]
        longs = [varint(number) for number in numbers if -(1 << 63) <= number < 1 << 63]
        self.of = {
            "null": [b""],
            "string": texts,
            "int": [varint(number) for number in (0, 1, -1, 63, 64, -64, -65, 2**31 - 1, -(2**31), random.getrandbits(31))],
            "long": longs,
            "boolean": [b"\x00", b"\x01"],
            "double": [struct.pack("<d", number) for number in _numbers(random)],
            "float": [struct.pack("<f", number) for number in _numbers(random) if not 1e38 < abs(number) < float("inf")],
            "id": [counted(event) for event in _ids(random)],
            "time": [varint(1_767_323_045)] * 30
            + [varint(time) for time in (0, 951_782_400, 4_107_542_400, 253_402_300_799, 253_402_300_800, -1)],
        }

    def values(self, random, name, kind):
        """Some values of a field."""
        if isinstance(kind, list):
            return [varint(at) + value for at, branch in enumerate(kind) for value in self.values(random, name, branch)]
        if isinstance(kind, dict) and kind["type"] == "array" and kind["items"] == "string":
            return [_array(random, self.of["string"]) for _ in range(4)]
        if name == "id" and kind == "string":
            return self.of["id"]
        if name == "time" and kind in {"int", "long"}:
            return self.of["time"]
        if isinstance(kind, str):
            return self.of.get(kind) or [wild.datum(random, kind)]
        return [wild.datum(random, kind) for _ in range(3)]


def _array(random, texts):
    out = b""
    for _ in range(random.choice((0, 1, 1, 2))):
        items = [random.choice(texts) for _ in range(random.randrange(1, 4))]
        data = b"".join(items)
        out += varint(-len(items)) + varint(len(data)) + data if random.random() < 0.3 else varint(len(items)) + data
    return out + b"\x00"


def _avro(field):
    kind = {"type": "array", "items": "string"} if field.type == "array<string>" else field.type
    return field.name, ["null", kind] if field.nullable else kind


def schema(random):
    """A type's schema in some version: fields are missing, new, in another order, nullable or not, and sometimes of another type."""
    known = random.choice(list(load().types.values()))
    fields = [_avro(field) for field in known.fields.values()] or list(ENVELOPE)
    if random.random() < 0.3:
        fields = [field for field in fields if random.random() < 0.9]
    if random.random() < 0.2:
        random.shuffle(fields)
    if random.random() < 0.2:
        fields = [(name, _other(random, kind)) for name, kind in fields]
    names = iter(f"N{number}" for number in range(1_000))
    for number in range(random.choice((0, 0, 0, 1, 3))):
        kind = random.choice(
            ("string", ["null", "string"], "long", "boolean", "double", ["null", "float"], {"type": "array", "items": "string"})
        )
        fields.append((f"new_{number}", kind if random.random() < 0.95 else wild.type_of(random, names, 2)))
    name = known.name if random.random() < 0.95 else "users.messages.hologram.Send"
    return {"type": "record", "name": f"dataexport.test.inner.{name}", "fields": [{"name": name, "type": kind} for name, kind in fields]}


def _other(random, kind):
    bare = next((branch for branch in kind if branch != "null"), "null") if isinstance(kind, list) else kind
    others = [[bare, "null"], [bare, "null"], ["null", bare], bare, [bare], kind, kind, kind]
    if bare == "int":
        others.append("long")
    if bare == "string":
        others.append(["null", "string", "long"])
    if random.random() < 0.03:
        others = ["null", "long", "string", "double", "bytes"]
    return random.choice(others)


def profile(random):
    """A connector of any kind."""
    known = load()
    every = sorted(known.types)
    return Profile(
        connector=random.choice(("shop", "café", 'a"b\\c')),
        workspace=random.choice(("ws", "w" * 150)),
        selected=frozenset(every if random.random() < 0.7 else random.sample(every, 50)),
        anonymous_users=random.random() < 0.5,
        names={
            **known.names(random.choice(("glossary", "legacy"))).of,
            **(dict.fromkeys(every, 'Ünd "so"') if random.random() < 0.2 else {}),
        },
        message_id=random.choice(("namespaced", "namespaced", "raw")),
        unknown_fields=random.choice(("pass", "pass", "drop")),
        integrations=random.choice((None, None, {}, {"All": True, "Mixpanel": {"x": ["ü", None]}})),
        integration_name=random.choice(("", "Shop to Segment")),
    )


def records(random, spoiled):
    """Records of some writers in one of the shapes in which they flow."""
    writers = [schema(random) for _ in range(random.choice((1, 2, 4)))]
    pools = Pools(random, spoiled or random.random() < 0.3)
    fields = [[pools.values(random, each["name"], each["type"]) for each in writer["fields"]] for writer in writers]
    texts = [json.dumps(writer) for writer in writers]
    which = [random.randrange(len(writers)) for _ in range(EVENTS)]
    datums = [b"".join([random.choice(values) for values in fields[writer]]) for writer in which]
    if spoiled:
        noise = b"".join(datums[:3])
        datums = [mutated(random, datum, noise) for datum in datums]
    if random.random() < 0.5:
        return [_framed(random, texts, which, datums)]
    return [
        _stood(random, texts[number], [datum for writer, datum in zip(which, datums, strict=True) if writer == number])
        for number in range(len(texts))
    ]


def _framed(random, texts, which, datums):
    ends = list(accumulate(5 + len(datum) for datum in datums))
    begins = [end - len(datum) for end, datum in zip(ends, datums, strict=True)]
    data = b"".join(b"\x00\x00\x00\x00\x07" + datum for datum in datums)
    writers = tuple((text, random.choice(("", wild.TYPE))) for text in texts)
    order = np.argsort(which, kind="stable") if random.random() < 0.5 else np.arange(len(datums))
    return Framed(
        writers,
        np.array(which, np.uint16)[order],
        data,
        np.array(begins, np.int64)[order],
        np.array(ends, np.int64)[order],
        order + 7,
        5.0,
        Origin("topic", "0", 7),
    )


def _stood(random, text, datums):
    data, hint = b"".join(datums), random.choice(("", wild.TYPE))
    match random.randrange(3):
        case 0:
            ends = np.cumsum([len(datum) for datum in datums], dtype=np.int64)
            return Records(text, hint, data, len(datums), 5.0, Origin("t", "0", 7), ends=ends, blocks=np.arange(len(datums)) * 2)
        case 1:
            cuts = [0, *sorted(random.randrange(len(datums) + 1) for _ in range(5)), len(datums)]
            spans = [
                Span(9 + at, at % 2, end - begin, sum(map(len, datums[begin:end])))
                for at, (begin, end) in enumerate(pairwise(cuts))
                if end > begin
            ]
            return Records(text, hint, data, len(datums), 5.0, Origin("log", "key", 9, 0), spans=tuple(spans))
    return Records(text, hint, data, random.choice((len(datums), len(datums), len(datums) + 3, 1)), 5.0, Origin("log", "key"))


def held(random, *, spoiled):
    """Make some records, decode them both ways, and hold that it is the same; returns what became of the events, and how many took the slow path."""
    connector = profile(random)
    reference, fast = Decoder(connector, load()), Transcoder(connector, load())
    became = Counter()
    for each in records(random, spoiled):
        expected, made = reference.decode(each), fast.decode(each)
        assert values(expected) == values(made)
        assert made.ends.dtype == np.int64
        assert made.ids.dtype == np.uint64
        became += Counter({outcome.value: count for outcome, count in made.tally.items()} | {"messages": len(made.ids)})
        became += Counter({f"slow/{why}": count for why, count in made.slow.items()})
    return became
