"""Dead letters written and read again, in a folder and in a bucket."""
# expected on the left

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.codecs.chunk import Origin
from currents_segment.codecs.outcome import Outcome
from currents_segment.sinks.dead_letters import DeadLetter, DeadLetters, read

NOON = 1_800_014_400.0  # 2027-01-15 12:00 UTC
DAY = 86_400.0
LETTER = DeadLetter(
    id="shop:1",
    connector="shop",
    workspace="store",
    outcome=Outcome.EXPIRED,
    status=None,
    answer="timeout",
    attempts=2,
    detail="",
    origin=Origin("s3://bucket", "a.avro", 1, 2),
    arrival=NOON - 100,
    at=NOON,
    count=1,
    message='{"event":"Email Opened","messageId":"shop:1"}',
    raw=None,
    schema="",
)


def _letters(n: int, **changes) -> list[DeadLetter]:
    return [replace(LETTER, id=f"shop:{i}", **changes) for i in range(n)]


def _files(place: Path) -> list[Path]:
    return sorted(path for path in place.rglob("*") if path.is_file())


def _read(place, **filters) -> list[DeadLetter]:
    """Everything; whatever is unreadable fails the test."""

    def unreadable(name, what):
        raise AssertionError(name, what)

    return list(read(str(place), unreadable=unreadable, **filters))


def test_layout(tmp_path):
    """One object a connector, day and call, whose path says which."""
    DeadLetters(str(tmp_path)).write([*_letters(3), *_letters(2, connector="a b/c"), replace(LETTER, id="later", at=NOON + DAY)])
    names = [path.relative_to(tmp_path).as_posix().split("/") for path in _files(tmp_path)]
    assert [
        ["connector=a b%2Fc", "date=2027-01-15"],
        ["connector=shop", "date=2027-01-15"],
        ["connector=shop", "date=2027-01-16"],
    ] == [name[:2] for name in names]
    assert all(name[2].startswith("120000-") and name[2].endswith(".jsonl.gz") for name in names)
    assert [3] == [gzip.decompress(path.read_bytes()).count(b"\n") for path in _files(tmp_path)[1:2]]
    assert 6 == len(_read(tmp_path))


def test_written_again(tmp_path):
    """Writing the same letters again, in any order, doubles nothing."""
    letters = _letters(5)
    DeadLetters(str(tmp_path)).write(letters)
    DeadLetters(str(tmp_path)).write(letters[::-1])
    assert 1 == len(_files(tmp_path))
    assert 5 == len(_read(tmp_path))


def test_overlap(tmp_path):
    """A letter that is in two objects, as after a crash, is read once."""
    place = DeadLetters(str(tmp_path))
    place.write(_letters(3))
    place.write(_letters(5))
    assert 2 == len(_files(tmp_path))
    assert [f"shop:{i}" for i in range(5)] == sorted(letter.id for letter in _read(tmp_path))


def test_not_the_same(tmp_path):
    """The same id of another connector, outcome or place in the log is another letter."""
    others = [
        LETTER,
        replace(LETTER, connector="other"),
        replace(LETTER, outcome=Outcome.REFUSED),
        replace(LETTER, origin=replace(LETTER.origin, object="b.avro")),
    ]
    DeadLetters(str(tmp_path)).write(others)
    assert 4 == len(_read(tmp_path))


def test_file_url(tmp_path):
    """A folder may be named by path or by URL."""
    place = tmp_path / "with space"
    DeadLetters(place.as_uri()).write([LETTER])
    assert [LETTER] == _read(place) == _read(place.as_uri())


@pytest.mark.parametrize(
    ("ids", "filters"),
    [
        ({"a", "b", "c"}, {}),
        ({"c"}, {"connector": "other"}),
        (set(), {"connector": "oth"}),
        ({"b", "c"}, {"reason": "rejected"}),
        ({"b"}, {"reason": "refused"}),
        ({"c"}, {"reason": "rejected/too_large"}),
        ({"a"}, {"reason": "expired"}),
        ({"b", "c"}, {"since": NOON + 1}),
        ({"b", "c"}, {"since": NOON + DAY}),
        ({"a"}, {"until": NOON + DAY}),
        ({"a", "b"}, {"until": NOON + DAY + 0.5}),
        ({"b"}, {"since": NOON + 1, "until": NOON + DAY + 0.5}),
        (set(), {"since": NOON + 9 * DAY}),
    ],
)
def test_filters(tmp_path, ids, filters):
    """Letters are chosen by connector, outcome or state or reason, and time; `since` is within, `until` is without."""
    DeadLetters(str(tmp_path)).write(
        [
            replace(LETTER, id="a"),
            replace(LETTER, id="b", outcome=Outcome.REFUSED, at=NOON + DAY),
            replace(LETTER, id="c", connector="other", outcome=Outcome.TOO_LARGE, at=NOON + DAY + 0.5),
        ]
    )
    assert ids == {letter.id for letter in _read(tmp_path, **filters)}


def test_nothing_there(tmp_path):
    """A place that was never written to holds nothing."""
    assert [] == _read(tmp_path / "nowhere")


def _damaged(tmp_path, damage) -> tuple[list[str], list[tuple[str, str]]]:
    """Ids that are still read, and what is told, after one of two objects was damaged."""
    place = DeadLetters(str(tmp_path))
    place.write(_letters(2000))
    place.write([replace(LETTER, id="whole", at=NOON + DAY)])
    victim = _files(tmp_path)[0]
    victim.write_bytes(damage(victim.read_bytes()))
    told: list[tuple[str, str]] = []
    ids = [letter.id for letter in read(str(tmp_path), unreadable=lambda name, what: told.append((name, what)))]
    assert [victim.relative_to(tmp_path).as_posix()] == [name for name, _ in told]
    return ids, told


def test_torn(tmp_path):
    """Of a torn object the letters before the tear are read, the tear is named, and reading goes on."""
    ids, [(_, what)] = _damaged(tmp_path, lambda data: data[: len(data) // 2])
    assert 500 < len(ids) < 1500
    assert [f"shop:{i}" for i in range(len(ids) - 1)] == ids[:-1]
    assert "whole" == ids[-1]
    assert f"what stands after line {len(ids) - 1}: the object is cut off" == what


@pytest.mark.parametrize("damage", [lambda _: b"", lambda _: b"no gzip at all", lambda data: data[:5] + b"\xff" * len(data)])
def test_unreadable(tmp_path, damage):
    """An object that is none at all is named, and reading goes on."""
    ids, _ = _damaged(tmp_path, damage)
    assert ["whole"] == ids


def test_wrong_lines(tmp_path):
    """Lines that are no letters are counted, and the others read."""
    ids, [(_, what)] = _damaged(tmp_path, lambda data: gzip.compress(b"{}\nnonsense\n" + gzip.decompress(data)))
    assert 2001 == len(ids)
    assert "2 of 2002 lines: not a line of JSON" == what


@given(st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.integers(0, 3)), max_size=6), max_size=5))
def test_calls(tmp_path_factory, calls):
    """However letters are spread over calls, exactly the different ones are read."""
    folder = tmp_path_factory.mktemp("place")
    written = [[replace(LETTER, connector=connector, id=str(n), at=NOON + day * DAY) for connector, n, day in call] for call in calls]
    for letters in written:
        DeadLetters(str(folder)).write(letters)
    assert {letter.identity for letters in written for letter in letters} == {letter.identity for letter in _read(folder)}
    assert len(_read(folder)) == len({letter.identity for letters in written for letter in letters})
