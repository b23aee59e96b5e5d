import pytest
from tests.bench import tables

ROW = {
    "name": "it", "group": "ours", "source": "Kafka", "processes": 1, "connectors": 1, "after_start": 3.2, "spread": [3.0, 3.5], "start": 1.2, "whole": 4.4, "rate": 100_000.0,
    "memory": 4e8, "events": 1_000_000, "equal": True, "rounds": 3, "requests": 2_000,
}  # fmt: skip
FOUND = {
    "race": [
        ROW,
        ROW | {"source": "bucket", "after_start": 3.51},
        ROW | {"processes": 2, "rate": 169_000.0},
        ROW | {"name": "another", "group": "others", "after_start": 32.0, "equal": False, "rounds": 1},
        ROW | {"name": "floor", "group": "floor", "start": 0.0, "memory": 0, "equal": None, "rounds": 1},
    ],
    "absent": [{"name": "nobody", "why": "not there"}],
    "latency": [{"rate": 5_000, "percentiles": {"99": 2.0}, "cpu": 0.1, "idle": 0.02}],
    "outage": {"rate": 99_999.0, "memory": [[0.0, 1]], "store": [[0.0, 1]]},
    "known": {
        "starts": [{"ids": 10_000_000, "first": 4.9}],
        "tables": [{"ids": 10_000_000, "size": 12.0}, {"ids": 100_000_000, "size": 21.0}],
    },
}


def test_a_goal_is_reached_or_it_is_said():
    """The limit itself is within it."""
    assert ["reached", "yes", "NO", "yes", "NO", "yes", "NO", "yes", "NO"] == [row[-1] for row in tables.goals(FOUND)]


def test_everyone_is_compared_with_ours():
    """What is not equal stands out, and who was not there is told."""
    head, ours, *_, other, floor, nobody = tables.race(FOUND)
    assert {len(head)} == {len(row) for row in tables.race(FOUND)}
    assert ["it", "3.20 (3.00 to 3.50)", "1.00", "1.20"] == ours[:4]
    assert ("10", "NO") == (other[2], other[-1])
    assert ("", "") == (floor[3], floor[-1])
    assert ["nobody", "not there", ""] == nobody[:3]


@pytest.mark.parametrize("name", ["goals", "sizing", "race"])
def test_a_table_needs_the_parts_that_it_says(name):
    """So that parts that were run alone make the tables that they can."""
    needs, table = tables.TABLES[name]
    assert table(FOUND)
    for part in needs:
        with pytest.raises(KeyError):
            table({name: found for name, found in FOUND.items() if name != part})
