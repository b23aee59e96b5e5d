import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from obstore.exceptions import PreconditionError
from tests.flows.bucket.conftest import avro, until

from currents_segment.flows.bucket import reading, unit_of
from currents_segment.flows.bucket.layout import describe
from currents_segment.flows.bucket.store import open_store

DATA = bytes(range(256)) * 20


@given(st.integers(1, 6000), st.integers(1, 6000))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stream_gives_the_object_piece_by_piece(folder, monkeypatch, size, count):
    """Whatever the size of ranges and pieces, the bytes are those of the object, and none come only at its end."""
    monkeypatch.setattr(reading, "RANGE", size)
    folder.put("f.avro", DATA)
    stream = reading.Ranges(open_store(folder.source), describe("f.avro", len(DATA), 0.0), str(folder.path))
    pieces = list(iter(lambda: stream.read(count), b""))
    assert DATA == b"".join(pieces)
    assert max(map(len, pieces)) <= min(size, count)


def test_a_large_object_is_fetched_as_it_is_read(bucket):
    """Each range is fetched when it is needed, so that 40 MB are never in memory."""
    size = 3 * reading.RANGE
    bucket.put("f.avro", bytes(size))
    stream = reading.Ranges(open_store(bucket.source), describe("f.avro", size, 0.0), bucket.source.url)
    stream.read(16)
    stream.read(16)
    assert ["GET f.avro"] == bucket.requests
    assert size - 32 == sum(len(piece) for piece in iter(lambda: stream.read(size), b""))
    assert ["GET f.avro"] * 3 == bucket.requests


@pytest.mark.parametrize(
    ("remote", "then", "told"),
    [
        (False, None, reading.VanishedError),
        (True, None, reading.VanishedError),
        (False, b"short", PreconditionError),
        (True, b"short", reading.VanishedError),
    ],
)
def test_an_object_that_is_gone_or_replaced(folder, bucket, remote, then, told):
    """What was opened is not there any more; what is there instead is told from it, or ends too early in a store without conditions."""
    place = bucket if remote else folder
    size = 2 * reading.RANGE
    place.put("f.avro", bytes(size))
    made = reading.Ranges(open_store(place.source), describe("f.avro", size, 0.0), place.source.url)
    made.read(16)
    (place.path / "f.avro").unlink()
    if then is not None:
        place.put("f.avro", then)
    with pytest.raises(told):
        list(iter(lambda: made.read(size), b""))


@pytest.mark.parametrize("size", [1, 2 * reading.RANGE + 1])
def test_an_object_is_read_as_it_is_when_it_is_opened(folder, size):
    """Whatever its size was when it was listed."""
    folder.put("f.avro", bytes(size))
    made = reading.Ranges(open_store(folder.source), describe("f.avro", reading.RANGE, 0.0), str(folder.path))
    assert size == sum(len(piece) for piece in iter(lambda: made.read(reading.RANGE), b""))


def test_an_object_that_is_replaced_while_it_is_read(folder, open_log, monkeypatch):
    """It is read again from its beginning: of the new one nothing is missing, and of no event a part."""
    monkeypatch.setattr(reading, "RANGE", 4_000)
    old, new = ([f"{which}-{number:06d}" for number in range(9_000)] for which in ("old", "new"))
    key = folder.events(old, "f", sync_interval=1_000)
    reader = open_log(folder.source)
    until(lambda: not reader.log._lanes[unit_of(key)].room)  # it has read ahead as far as it may
    folder.put(key, avro(new, sync_interval=1_000))
    reader.all()
    before = len(reader.ids) - len(new)
    assert 0 < before < len(old)
    assert [*old[:before], *new] == reader.ids
    assert [] == reader.damage
