import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.flows.config.quantities import (
    COUNT_PATTERN,
    DURATION_PATTERN,
    SIZE_PATTERN,
    Quantity,
    WrongValueError,
    count,
    duration,
    shown,
    size,
    start,
)


@pytest.mark.parametrize(
    ("seconds", "text"), [(172_800, "48h"), (90, "90s"), (5400, "1h30m"), (0.25, "250ms"), (604_800, "7d"), (1.5, "1.5s")]
)
def test_durations(seconds, text):
    """A duration is numbers with units, added up."""
    assert seconds == duration(text)


@pytest.mark.parametrize(("expected", "text"), [(475_000, "475KB"), (65_536, "64KiB"), (1_500_000, "1.5MB"), (12, "12B"), (2**30, "1GiB")])
def test_sizes(expected, text):
    """KB is 1,000 bytes, KiB is 1,024."""
    assert expected == size(text)


@pytest.mark.parametrize(
    ("expected", "value"), [(100_000_000, "100M"), (250_000, 250_000), (250_000, "250000"), (1500, "1.5K"), (10**9, "1G")]
)
def test_counts(expected, value):
    """A count is a whole number, or a number of thousands, millions or billions."""
    assert expected == count(value)


@pytest.mark.parametrize(
    ("expected", "text"),
    [("earliest", "earliest"), ("now", "now"), (1_769_817_600.0, "2026-01-31T00:00:00Z"), (1_769_814_000.0, "2026-01-31T00:00:00+01:00")],
)
def test_starts(expected, text):
    """A start is a word or a time with its zone, as seconds since the epoch."""
    assert expected == start(text)


@pytest.mark.parametrize("parse", [duration, size, count, start])
@pytest.mark.parametrize(
    "value",
    [None, True, 1.5, -1, "", "2 parsecs", "-1s", "1h 30m", "48H", "1kb", "٣s", "3s\n", [], {}, "2026-01-31", "2026-01-31T00:00:00"],
)
def test_anything_else_is_refused(parse, value):
    """What is not a quantity is refused with the value and an example of how to write it."""
    with pytest.raises(WrongValueError, match=r"(?s) is not a .*such as|write earliest"):
        parse(value)


@given(st.text(alphabet="0123456789.smhdKMGiB -+e"))
def test_editors_agree(text):
    """The patterns of the JSON Schema accept exactly what the parsers accept."""
    for parse, pattern in ((duration, DURATION_PATTERN), (size, SIZE_PATTERN), (count, COUNT_PATTERN)):
        try:
            parse(text)
        except WrongValueError:
            assert not re.search(pattern.replace("$", r"\Z"), text)
        else:
            assert re.search(pattern, text)


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59))
def test_durations_add_up(hours, minutes, seconds):
    """Units can be combined in any number; what is written is what is meant."""
    assert 3600 * hours + 60 * minutes + seconds == duration(f"{hours}h{minutes}m{seconds}s")


def test_bounds_are_repeated_as_written():
    """A quantity out of bounds is told the bounds in the units that people write."""
    bounded = Quantity(duration, "1s", "5m", {})
    assert 300 == bounded.read("5m")
    with pytest.raises(WrongValueError, match=r'^"6m" is out of bounds: from 1s to 5m$'):
        bounded.read("6m")


@pytest.mark.parametrize(("expected", "value"), [("a mapping", {"a": 1}), ("a list", [1]), ('"x"', "x"), ("null", None), ("true", True)])
def test_values_are_shown_as_the_file_has_them(expected, value):
    """A wrong value is shown in YAML's words, not in Python's."""
    assert expected == shown(value)


def test_a_long_value_is_cut():
    """A message fits its line whatever the value is."""
    assert len(shown("x" * 1000)) <= 60
