"""Schemas of every Avro type, and datums of them, at random; an event's own fields are among them, so that most become messages."""

import struct

from tests.fuzz.mutator import varint

TYPE = "users.messages.email.Click"
SECRET = b"PRIVATE"
"""Stands in every text: it must never stand in words about what is wrong."""


def schema(random):
    """A record of a known type: its envelope, some of its fields, and fields of any type."""
    names = iter(f"N{number}" for number in range(1_000))
    envelope = [
        ("id", "string"),
        ("user_id", ["null", "string"]),
        ("external_user_id", ["null", "string"]),
        ("time", "int"),
        ("campaign_name", "string"),
    ]
    fields = [*envelope, *((f"wild_{number}", type_of(random, names, 3)) for number in range(random.randrange(5)))]
    return {"type": "record", "name": f"dataexport.test.inner.{TYPE}", "fields": [{"name": name, "type": kind} for name, kind in fields]}


def type_of(random, names, depth):
    """Any type, nested so many levels deep at the most."""
    leaves = [*LEAVES, "fixed", "enum"]
    match random.choice([*leaves, "record", "array", "map", "union"] if depth else leaves):
        case "fixed":
            made = {"type": "fixed", "name": next(names), "size": random.choice((0, 1, 16))}
        case "enum":
            made = {"type": "enum", "name": next(names), "symbols": ["a", "b", "c"]}
        case "record":
            fields = [{"name": f"f{number}", "type": type_of(random, names, depth - 1)} for number in range(random.randrange(1, 4))]
            made = {"type": "record", "name": next(names), "fields": fields}
        case "array":
            made = {"type": "array", "items": _item(random, names, depth - 1)}
        case "map":
            made = {"type": "map", "values": type_of(random, names, depth - 1)}
        case "union":
            made = ["null", "string", "double"]
        case leaf:
            made = leaf
    return made


def _item(random, names, depth):
    """A type that takes a byte at least: arrays of others are refused."""
    fields = [{"name": "solid", "type": "int"}, {"name": "any", "type": type_of(random, names, depth)}]
    return random.choice(("string", {"type": "record", "name": next(names), "fields": fields}))


def datum(random, schema):
    """One datum of such a schema, as bytes."""
    if isinstance(schema, list):
        branch = random.randrange(len(schema))
        return varint(branch) + datum(random, schema[branch])
    if isinstance(schema, str):
        return LEAVES[schema](random)
    return OTHERS[schema["type"]](random, schema)


def _counted(data):
    return varint(len(data)) + data


def _blocks(random, item):
    """The items of an array or a map in some blocks, with their size or without."""
    out = b""
    for _ in range(random.randrange(3)):
        count = random.randrange(1, 4)
        data = b"".join(item() for _ in range(count))
        out += varint(-count) + varint(len(data)) + data if random.random() < 0.5 else varint(count) + data
    return out + b"\x00"


LEAVES = {
    "null": lambda _: b"",
    "boolean": lambda random: random.choice((b"\x00", b"\x01")),
    "int": lambda random: varint(random.choice((0, 1_767_323_045, -1, random.getrandbits(31)))),
    "long": lambda random: varint(random.choice((0, (1 << 63) - 1, -(1 << 63), random.getrandbits(63)))),
    "float": lambda random: struct.pack("<f", random.choice((0.5, float("nan"), float("inf"), -0.0, 3e38))),
    "double": lambda random: struct.pack("<d", random.choice((0.5, float("nan"), float("-inf"), 5e-324, 1.7e308))),
    "bytes": lambda random: _counted(random.randbytes(random.randrange(20))),
    "string": lambda random: _counted(random.choice((b"", SECRET, SECRET + "-ü-\U0001f600-\x00".encode(), b"x" * random.randrange(300)))),
}
OTHERS = {
    "fixed": lambda random, schema: random.randbytes(schema["size"]),
    "enum": lambda random, schema: varint(random.randrange(len(schema["symbols"]))),
    "record": lambda random, schema: b"".join(datum(random, field["type"]) for field in schema["fields"]),
    "array": lambda random, schema: _blocks(random, lambda: datum(random, schema["items"])),
    "map": lambda random, schema: _blocks(random, lambda: _counted(random.randbytes(2).hex().encode()) + datum(random, schema["values"])),
}
