from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.flows.bucket import layout

OLD = "dataexport.prod-01.S3.integration.5f3/event_type=users.messages.email.Open/date=2026-03-04-05/42/prod-01/dataexport+0+17.avro"
NEW = "dataexport.prod-01.S3.integration.5f3/event_type=users.messages.email.Open/date=2026-03-04-05/version=7/prod/part-00-17.avro"
HOUR = int(datetime(2026, 3, 4, 5, tzinfo=UTC).timestamp() // 3600)


@pytest.mark.parametrize("key", [OLD, NEW])
def test_the_type_and_the_hour_are_in_the_path(key):
    """Type and hour are read from the folders' names, whatever stands around them."""
    assert layout.event_type(key) == "users.messages.email.Open"
    assert layout.dated(key) == HOUR
    assert layout.describe(f"deep/er/{key}", 9, 0.0).hour == HOUR


@pytest.mark.parametrize(
    "key",
    [
        "event_type=a/f.avro",
        "event_type=a/date=2026-03-04/f.avro",
        "event_type=a/date=2026-13-04-05/f.avro",
        "f.avro",
        "event_type=a/date=2026-03-04-055/f",
    ],
)
def test_without_a_date_the_time_of_arrival_names_the_hour(key):
    """What is no `date=YYYY-MM-DD-HH` is no date: the object's last_modified says the hour."""
    assert layout.dated(key) is None
    assert layout.describe(key, 1, HOUR * 3600.0 + 3599.9).hour == HOUR


@pytest.mark.parametrize(("key", "expected"), [(OLD, "old"), (NEW, "new"), ("event_type=a/f.avro", "unknown"), ("f.avro", "unknown")])
def test_layouts_are_told_apart(key, expected):
    """Old: schema id, zone, file; new: version=, environment; anything else is unknown and read all the same."""
    assert layout.layout(key) == expected


@pytest.mark.parametrize(
    ("key", "size", "expected"),
    [
        (OLD, 10, True),
        (OLD, 0, True),  # an empty Avro file is damage, and damage is counted
        ("event_type=a/date=2026-03-04-05/part-0", 10, True),  # naming may change
        ("event_type=a/date=2026-03-04-05/part-0", 0, False),
        ("event_type=a/date=2026-03-04-05/", 0, False),
        ("event_type=a/_SUCCESS", 3, False),
        ("event_type=a/_temporary/0/f.avro", 3, False),
        ("event_type=a/.f.avro.crc", 3, False),
        ("event_type=a/f.avro.crc", 3, False),
        ("event_type=a/f.avro.tmp", 3, False),
        ("elsewhere/f.avro", 3, True),
        ("elsewhere/f.parquet", 3, False),
        ("README.md", 3, False),
    ],
)
def test_what_holds_no_events_is_not_read(key, size, expected):
    """Markers, hidden and temporary names, and strangers outside the types' folders are left alone; nothing else is."""
    assert layout.holds_events(key, size) is expected


@pytest.mark.parametrize(("key", "expected"), [("a", 15), ("event_type=x/f.avro", 4), (OLD, 7)])
def test_a_class_is_for_ever(key, expected):
    """The class of a key never changes: positions of earlier versions depend on it."""
    assert layout.unit_of(key) == expected


@given(st.integers(0, 900_000))
def test_a_folder_is_named_by_its_hour(hour):
    """Naming an hour's folder and reading the name give the same hour."""
    assert layout.dated(f"event_type=a/{layout.stamp(hour)}/f.avro") == hour


@given(st.text(min_size=1))
def test_the_class_is_the_hash(key):
    """An object's class and its key's class are one."""
    item = layout.describe(key, 0, 0.0)
    assert layout.unit_of(key) == item.unit
    assert item.unit in range(layout.CLASSES)
