"""A dead letter's form on disk."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.codecs.chunk import Origin
from currents_segment.codecs.outcome import KEPT, Outcome
from currents_segment.sinks.dead_letters.letter import DeadLetter, dump, fields, load

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

texts = st.text(st.characters(codec="utf-8"), max_size=20)
letters = st.builds(
    DeadLetter,
    id=texts,
    connector=texts,
    workspace=texts,
    outcome=st.sampled_from([outcome for outcome in Outcome if outcome.state in KEPT]),
    status=st.none() | st.integers(100, 599),
    answer=texts,
    attempts=st.integers(0, 10**6),
    detail=texts,
    origin=st.builds(Origin, texts, texts, st.integers(0, 2**40), st.integers(0, 10**6)),
    arrival=st.integers(0, 2**32).map(lambda n: n / 2),
    at=st.integers(0, 2**32).map(lambda n: n / 2),
    count=st.integers(1, 10**6),
    message=st.none()
    | texts
    | st.dictionaries(texts, texts | st.integers(-(2**63), 2**63 - 1) | st.lists(texts)).map(lambda o: orjson.dumps(o).decode()),
    raw=st.none() | st.binary(),
    schema=texts,
)


@given(letters)
def test_comes_back(letter):
    """A letter comes back as it was: any text, any bytes, a message that is JSON and one that is not."""
    line = dump(letter)
    assert letter == load(line)
    assert b"\n" == line[-1:]
    assert 1 == line.count(b"\n")


def test_for_people():
    """A line shows the message as an object, times as RFC 3339 and raw bytes in base64."""
    shown = fields(LETTER)
    assert "Email Opened" == shown["message"]["event"]
    assert ("2027-01-15T08:00:00.500000Z", "2027-01-15T08:01:40.250000Z") == (shown["arrival"], shown["at"])
    assert "T2JqAQ==" == fields(replace(LETTER, message=None, raw=b"Obj\x01"))["raw"]


@pytest.mark.parametrize(
    ("why", "line"),
    [
        ("not a line of JSON", b'{"format":1,"id":"very priv'),
        ("not a dead letter", b"[]"),
        ("not a dead letter", b'{"format":1,"id":"very private"}'),
        ("format 2 is not 1", dump(LETTER).replace(b'"format":1', b'"format":2')),
        ("not a valid Outcome", dump(LETTER).replace(b"rejected/refused", b"lost")),
    ],
)
def test_not_a_letter(why, line):
    """What is no letter of this format is refused in words that do not show it."""
    with pytest.raises(ValueError, match=why) as error:
        load(line)
    assert "very priv" not in str(error.value)
