import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from currents_segment.flows.bucket import reading
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


@pytest.mark.parametrize("then", [None, b"short"])
@pytest.mark.parametrize("remote", [False, True])
def test_an_object_that_is_gone_or_shorter_has_vanished(folder, bucket, remote, then):
    """Deleted, or replaced by something shorter: what was listed is not there any more."""
    place = bucket if remote else folder
    size = 2 * reading.RANGE
    place.put("f.avro", bytes(size))
    made = reading.Ranges(open_store(place.source), describe("f.avro", size, 0.0), place.source.url)
    made.read(16)
    (place.path / "f.avro").unlink()
    if then is not None:
        place.put("f.avro", then)
    with pytest.raises(reading.VanishedError):
        list(iter(lambda: made.read(size), b""))
