"""Dead letters written and read again, in a folder and in a bucket."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from currents_segment.codecs.chunk import Origin
from currents_segment.codecs.outcome import Outcome
from currents_segment.sinks.dead_letters import DeadLetter, Scope, opened
from currents_segment.sinks.dead_letters.letter import dump
from currents_segment.sinks.dead_letters.places import Folder

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

    return list(opened(str(place)).read(Scope(**filters), unreadable))


def test_layout(tmp_path):
    """One object a connector, day and call, whose path says which."""
    opened(str(tmp_path)).write([*_letters(3), *_letters(2, connector="a b/c"), replace(LETTER, id="later", at=NOON + DAY)])
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
    opened(str(tmp_path)).write(letters)
    opened(str(tmp_path)).write(letters[::-1])
    assert 1 == len(_files(tmp_path))
    assert 5 == len(_read(tmp_path))


def test_overlap(tmp_path):
    """A letter that is in two objects, as after a crash, is read once."""
    place = opened(str(tmp_path))
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
    opened(str(tmp_path)).write(others)
    assert 4 == len(_read(tmp_path))


def test_file_url(tmp_path):
    """A folder may be named by path or by URL."""
    place = tmp_path / "with space"
    opened(place.as_uri()).write([LETTER])
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
    opened(str(tmp_path)).write(
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
    place = opened(str(tmp_path))
    place.write(_letters(2000))
    place.write([replace(LETTER, id="whole", at=NOON + DAY)])
    victim = _files(tmp_path)[0]
    victim.write_bytes(damage(victim.read_bytes()))
    told: list[tuple[str, str]] = []
    ids = [letter.id for letter in opened(str(tmp_path)).read(Scope(), lambda name, what: told.append((name, what)))]
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
        opened(str(folder)).write(letters)
    assert {letter.identity for letters in written for letter in letters} == {letter.identity for letter in _read(folder)}
    assert len(_read(folder)) == len({letter.identity for letters in written for letter in letters})


def _take(place, *, really=True, unreadable=None, wanted=lambda _: True, **which):
    def fault(name, what):
        raise AssertionError(name, what)

    return list(opened(str(place)).take_out(Scope(**which), wanted=wanted, unreadable=unreadable or fault, really=really))


def _lines(place: Path) -> set[bytes]:
    return {line for path in _files(place) for line in gzip.decompress(path.read_bytes()).splitlines()}


@given(
    st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 1)), max_size=5), max_size=4),
    st.fixed_dictionaries(
        {},
        optional={
            "connector": st.sampled_from("ab"),
            "since": st.sampled_from([NOON, NOON + 1]),
            "ids": st.frozensets(st.sampled_from("0123"), min_size=1),
        },
    ),
)
@settings(max_examples=50)  # each writes files and syncs them
def test_taken_out(tmp_path_factory, calls, which):
    """Exactly the letters of the scope are gone, every other line is what it was, byte for byte, and names still follow from contents."""
    folder = tmp_path_factory.mktemp("place")
    for call in calls:
        opened(str(folder)).write([replace(LETTER, connector=each, id=str(2 * n + day), at=NOON + day * DAY) for each, n, day in call])
    before, scope = _read(folder), Scope(**which)
    lines = _lines(folder)
    _take(folder, **which)
    assert {letter for letter in before if not scope.holds(letter)} == set(_read(folder))
    assert {dump(letter).rstrip() for letter in before if not scope.holds(letter)} == _lines(folder) <= lines
    assert [] == _take(folder, **which)


def test_taken_out_in_thought_only(tmp_path):
    """Without `really` it is only told."""
    opened(str(tmp_path)).write(_letters(3))
    before = {path: path.read_bytes() for path in _files(tmp_path)}
    (taken,) = _take(tmp_path, ids=frozenset({"shop:1"}), really=False)
    assert (frozenset({_letters(3)[1].digest}), 2) == (taken.letters, taken.stay)
    assert before == {path: path.read_bytes() for path in _files(tmp_path)}


def test_a_crash_while_taking_out(tmp_path, monkeypatch):
    """What stays is there before anything goes: a crash in between loses nothing, and the next one ends it."""
    opened(str(tmp_path)).write(_letters(3))

    def crash(*_):
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "delete", crash)
        with pytest.raises(OSError, match="power cut"):
            _take(tmp_path, ids=frozenset({"shop:1"}))
    assert {"shop:0", "shop:1", "shop:2"} == {letter.id for letter in _read(tmp_path)}
    assert 2 == len(_files(tmp_path))
    _take(tmp_path, ids=frozenset({"shop:1"}))
    assert ["shop:0", "shop:2"] == [letter.id for letter in _read(tmp_path)]
    assert 1 == len(_files(tmp_path))


def test_damage_is_not_taken_out(tmp_path):
    """An object that cannot be read in whole is told and left as it is: what cannot be read might be wanted."""
    opened(str(tmp_path)).write(_letters(2000))
    (victim,) = _files(tmp_path)
    torn = victim.read_bytes()[:-100]
    victim.write_bytes(torn)
    told: list[str] = []
    assert [] == _take(tmp_path, unreadable=lambda name, _: told.append(name))
    assert [victim.relative_to(tmp_path).as_posix()] == told
    assert torn == victim.read_bytes()
