"""Bytes and JSON that nobody would write on purpose, out of some that are good; the same random numbers give the same ones."""

import copy

WORDS = [
    0,
    1,
    -1,
    2,
    63,
    64,
    -64,
    127,
    128,
    255,
    1 << 14,
    1 << 20,
    (1 << 31) - 1,
    1 << 31,
    -(1 << 31),
    1 << 40,
    1 << 62,
    (1 << 63) - 1,
    -(1 << 63),
]
EVIL = [  # in the place of any part of a schema
    *("null", "int", "string", "R", "a.b.C", "", "\x00", "no such type", "x" * 100_000),
    *(None, True, 0, -1, 1 << 62, 1.5, [], {}, [[]], ["null"], ["null", "null"], ["int", ["int", ["int"]]]),
    {"type": "fixed", "name": "F", "size": 1 << 40},
    {"type": "fixed", "name": "F", "size": -1},
    {"type": "enum", "name": "E", "symbols": []},
    {"type": "enum", "name": "E", "symbols": [f"s{number}" for number in range(2_000)]},
    {"type": "array", "items": "null"},
    {"type": "map", "values": "null"},
    {"type": "bytes", "logicalType": "decimal", "precision": -1, "scale": 1 << 40},
    {"type": "string", "logicalType": ["uuid"]},
    {"type": "long", "logicalType": "timestamp-millis"},
    {"type": {"type": {"type": "int"}}},
    {"type": "record", "name": "R", "namespace": 5, "fields": [{"name": "r", "type": ["null", "R"]}]},
    {"type": "record", "name": "Same", "fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]},
    {"type": "record", "name": "None", "fields": []},
]


def varint(value):
    """An Avro long; of any size, also beyond 64 bits."""
    bits = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while bits > 127:
        out.append(bits & 127 | 128)
        bits >>= 7
    return bytes([*out, bits])


def evil_long(random):
    """A long at the edge of something, at times longer than any may be, or without an end."""
    return random.choice(
        (varint(random.choice(WORDS)), varint(random.getrandbits(random.randrange(1, 90))), b"\xff" * random.randrange(1, 14))
    )


def mutated(random, data, noise=b""):
    """The bytes with one to six things done to them; `noise` is what else may be put in."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        data = random.choice(OPERATIONS)(random, data, noise or data)
    return data


def _slice(random, data):
    begin = random.randrange(len(data) + 1)
    return begin, min(len(data), begin + int(random.paretovariate(0.6)))


def _flip(random, data, _):
    at, end = _slice(random, data)
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :] if at < end else data


def _put(random, data, _):
    at = random.randrange(len(data) + 1)
    return data[:at] + evil_long(random) + data[at + random.choice((0, 1, 1, 2)) :]


def _drop(random, data, _):
    begin, end = _slice(random, data)
    return data[:begin] + data[end:]


def _double(random, data, _):
    begin, end = _slice(random, data)
    return data[:end] + data[begin:]


def _fill(random, data, _):
    begin, end = _slice(random, data)
    return data[:begin] + bytes([random.choice((0, 0, 255, random.randrange(256)))]) * (end - begin) + data[end:]


def _splice(random, data, noise):
    at, (begin, end) = random.randrange(len(data) + 1), _slice(random, noise)
    return data[:at] + noise[begin:end] + data[at:]


def _cut(random, data, _):
    return data[: random.randrange(len(data) + 1)]


OPERATIONS = [_flip, _flip, _put, _put, _drop, _double, _fill, _splice, _cut]


def mutated_json(random, value):
    """The JSON value with some of its parts replaced, left out, doubled or exchanged."""
    value = copy.deepcopy(value)
    for _ in range(random.choice((1, 1, 2, 4))):
        places = list(_places(value))
        if not places:
            return random.choice(EVIL)
        holder, key = random.choice(places)
        match random.randrange(5):
            case 0 | 1:
                holder[key] = copy.deepcopy(random.choice(EVIL))
            case 2:
                del holder[key]
            case 3:
                holder[key] = _deep(random, holder[key])
            case _:
                other, its = random.choice(places)
                if its in other if isinstance(other, dict) else its < len(other):
                    holder[key] = copy.deepcopy(other[its])
    return value


def _deep(random, value):
    """The value behind many levels."""
    wrap = random.choice((lambda inner: [inner], lambda inner: {"type": "array", "items": inner}, lambda inner: {"type": inner}))
    for _ in range(random.choice((1, 5, 33, 60))):  # a thousand and more are among the directed cases
        value = wrap(value)
    return value


def _places(value):
    """Every part as (what holds it, its key or number)."""
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        keys = holder.keys() if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in keys:
            yield holder, key
            waiting.append(holder[key])
