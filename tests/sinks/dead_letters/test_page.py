"""A dead letter as a person reads it."""

import io
from dataclasses import replace

import orjson
import pytest
from fastavro import schemaless_writer

from currents_segment.codecs.chunk import Origin
from currents_segment.codecs.outcome import KEPT, Outcome
from currents_segment.sinks.dead_letters import DeadLetter
from currents_segment.sinks.dead_letters.page import COLUMNS, REMEDIES, page, row

SCHEMA = {"type": "record", "name": "Open", "fields": [{"name": "id", "type": "string"}]}
LETTER = DeadLetter(
    id="shop:1",
    connector="shop",
    workspace="store",
    outcome=Outcome.REFUSED,
    status=413,
    answer="413",
    attempts=2,
    detail="",
    origin=Origin("s3://bucket", "a.avro", 1, 2),
    arrival=1_800_000_000.5,
    at=1_800_000_100.25,
    count=1,
    message='{"event":"Email Opened","messageId":"shop:1"}',
    raw=None,
    schema="",
)


def _raw(body: bytes, schema: str = "") -> DeadLetter:
    return replace(LETTER, outcome=Outcome.BAD_DATUM, answer="", detail="cut", message=None, raw=body, schema=schema, count=3)


def test_row():
    """A row says when, whose, why, which event, and what the last answer was."""
    cells = dict(zip(COLUMNS, row(LETTER, replayed=False), strict=True))
    assert {
        "at": "2027-01-15T08:01:40Z",
        "connector": "shop",
        "outcome": "rejected/refused",
        "event": "Email Opened",
        "id": "shop:1",
        "replayed": "no",
        "detail": "last answer 413 after 2 failed attempts",
    } == cells


@pytest.mark.parametrize("message", [None, "no JSON", "[1]", "{}"])
def test_row_without_event(message):
    """Where there is no event name there is a dash."""
    assert "-" == dict(zip(COLUMNS, row(replace(LETTER, message=message), replayed=False), strict=True))["event"]


@pytest.mark.parametrize("letter", [LETTER, replace(LETTER, message="no JSON"), _raw(b"\x00\x01")])
def test_nothing_steers_the_terminal(letter):
    """No control character of the data reaches the terminal."""
    evil = replace(letter, id="\x1b[2Jshop", detail="a\nb\rc", message=letter.message and letter.message + "\x1b]0;x\x07")
    assert "\x1b" not in page(evil, replayed=False)
    assert all(cell.isprintable() for cell in row(evil, replayed=True))


def test_page():
    """A page holds everything: why, from where, when, what to do, and the message to read."""
    text = page(LETTER, replayed=False)
    for part in (
        "shop:1",
        "workspace store",
        "rejected/refused, 1 event\n",
        "last answer 413",
        "08:01:40Z",
        "s3://bucket | a.avro | block 1, record 2",
    ):
        assert part in text
    assert REMEDIES[Outcome.REFUSED] in text
    assert text.endswith('message:\n{\n  "event": "Email Opened",\n  "messageId": "shop:1"\n}')


def test_decoded():
    """Raw bytes are decoded by their writer's schema where they can be."""
    written = io.BytesIO()
    schemaless_writer(written, SCHEMA, {"id": "x"})
    text = page(_raw(written.getvalue(), orjson.dumps(SCHEMA).decode()), replayed=False)
    assert "undecodable/bad_datum, 3 events" in text
    assert text.endswith('raw bytes:  2 kept, they begin with 02 78\ndecoded:\n{\n  "id": "x"\n}')


@pytest.mark.parametrize(
    ("body", "schema"), [(b"\x80", orjson.dumps(SCHEMA).decode()), (b"\x02x", "no schema"), (b"\x02x", '{"type":"nothing"}')]
)
def test_not_decodable(body, schema):
    """Bytes that cannot be decoded are shown as they begin, with why."""
    assert f"they begin with {body.hex(' ')}\ndecoded:    not by their writer's schema: " in page(_raw(body, schema), replayed=False)


def test_remedies():
    """Every outcome that leaves a dead letter has a word of what to do."""
    assert {outcome for outcome in Outcome if outcome.state in KEPT} == set(REMEDIES)
