import io
from collections import Counter

import fastavro
import numpy as np
import pytest
from tests.bench.data import NOT_SELECTED, TYPES, WAVES, currents


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Four thousand events."""
    return currents(tmp_path_factory.mktemp("data"), 4_000)


def bucket(data, waves):
    """The events of its files, with the number of their type."""
    numbers = {name: number for number, name in enumerate(TYPES, 1)}
    return [
        (numbers[found.writer_schema["name"]], event)
        for file in data.bucket(waves).rglob("*.avro")
        for found in [fastavro.reader(io.BytesIO(file.read_bytes()))]
        for event in found
    ]


@pytest.mark.parametrize("waves", [1, WAVES])
def test_both_logs_hold_the_same_events(data, waves):
    """Whichever log is read, and however many waves of it, the same has to be done."""
    values = [bytes(value) for value in data.each(0, data.first(waves))]
    with_files = Counter((number, event["id"]) for number, event in bucket(data, waves))
    assert with_files == Counter((value[4], value[6:42].decode()) for value in values)
    assert len(TYPES) == len(data.schemas)


def test_what_is_due_is_the_first_of_each_event_that_is_selected_and_of_somebody(data):
    """Told from the files alone."""
    due = {
        event["id"] for number, event in bucket(data, WAVES) if list(TYPES)[number - 1] not in NOT_SELECTED and event["external_user_id"]
    }
    assert len(due) == data.truth().events == int(data.due.sum())
    assert 0.78 < data.due.mean() < 0.86
    assert 0 < np.count_nonzero(data.messages) < 60


def test_the_same_seed_gives_the_same(data, tmp_path):
    """And another one other events."""
    again, other = currents(tmp_path, 4_000), currents(tmp_path, 4_000, seed=2)
    assert data.values.tobytes() == again.values.tobytes()
    assert data.truth() == again.truth() != other.truth()
