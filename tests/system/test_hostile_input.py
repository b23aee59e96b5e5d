"""Files that were made to do harm: the run goes on, all that is good is delivered, and what is not is counted and kept."""

import json

from tests.fuzz.directed import EVENT, MANY, bomb, event, file, nested, record
from tests.system.exports import export, put

FRAME, SCHEMA, DATUM = "undecodable/bad_frame", "undecodable/unknown_schema", "undecodable/bad_datum"


def named(name):
    """A schema with a field of this name, which need not be text."""
    schema = event()
    return schema | {"fields": [*schema["fields"], {"name": name, "type": "null"}]}


LISTS = {"type": "array", "items": {"type": "array", "items": "int"}}
HOSTILE = {  # name: the file, what becomes of its events
    **{f"bomb-{codec}": (file(codec.encode(), bomb(codec)), {FRAME: 10}) for codec in ("deflate", "zstandard", "bzip2", "xz", "snappy")},
    "metadata": (b"Obj\x01" + MANY + bytes(4 << 20), {FRAME: 1}),
    "no-name": (file(b"null", EVENT, 1, named(None)), {SCHEMA: 1}),
    "list-for-a-name": (file(b"null", EVENT, 1, named([])), {SCHEMA: 1}),
    "heavy": (file(b"null", EVENT + MANY + bytes(2 << 20), 1, event({"type": "array", "items": nested(20)})), {SCHEMA: 1}),
    "lists": (file(b"null", EVENT + MANY + bytes(2 << 20), 1, event(LISTS)), {DATUM: 1}),
    "itself": (file(b"null", EVENT, 1, record("string", ["null", "R"])), {SCHEMA: 1}),
    "huge-schema": (file(b"null", EVENT, 1, event() | {"doc": "x" * 1_500_000}), {SCHEMA: 1}),
    "tiny": (file(b"null", bytes(2_000), 2_000, event() | {"fields": [{"name": "x", "type": "int"}]}), {DATUM: 2_000}),
    "not-utf8": (file(b"null", EVENT.replace(b"id", b"\xff\xff") + EVENT, 2), {DATUM: 1}),
}


def test_hostile_files_cost_only_their_own_events(job, tmp_path):
    """Each file's events end in the state that they must, in its folder among the others; the process needs no restart."""
    good = export(tmp_path / "good", "--tidy", "--types", "users.messages.email.Open", count=300)
    inbox = tmp_path / "inbox"
    put(good, inbox)
    folder = next(inbox.rglob("*.avro")).parent
    expected: dict[str, int] = {}
    for name, (data, outcomes) in HOSTILE.items():
        (folder / f"{name}.avro").write_bytes(data)
        for outcome, count in outcomes.items():
            expected[outcome] = expected.get(outcome, 0) + count
    main = job(inbox)
    main.once()
    outcomes = main.outcomes()
    assert good.due() == outcomes["delivered"]
    kept: dict[str, int] = {}
    for letter in main.letters():
        name = letter.origin.object.rpartition("/")[2].removesuffix(".avro")
        assert letter.outcome in HOSTILE[name][1], (name, json.dumps(letter.detail))
        kept[letter.outcome] = kept.get(letter.outcome, 0) + letter.count
    assert expected == kept == {outcome: count for outcome, count in outcomes.items() if outcome.startswith("undecodable")}
