import pytest
from tests.bench import tables
from tests.bench.contenders import CONSUME, GZIP, LOOP
from tests.bench.stages import PACK, READ, SHELL

ROW = {
    "name": "it", "group": "ours", "source": "Kafka", "processes": 1, "connectors": 1, "after_start": 3.2, "spread": [3.0, 3.5], "start": 1.2, "whole": 4.4, "rate": 100_000.0,
    "memory": 4e8, "events": 1_000_000, "equal": True, "rounds": 3, "requests": 2_000, "traffic": 100_000_000,
}  # fmt: skip
POD = {"source": "Kafka", "connectors": 1, "processes": 1, "cores": 0.4, "rate": 90_000.0, "cpu": 4.0, "used": 0.95, "equal": True}
FOUND = {
    "race": [
        ROW,
        ROW | {"source": "bucket", "after_start": 3.51},
        ROW | {"name": "another", "group": "others", "after_start": 32.0, "equal": False, "rounds": 1},
        ROW | {"name": LOOP.name, "group": "floor", "after_start": tables.BARE},
        ROW
        | {"name": GZIP.name, "group": "floor", "after_start": 0.7, "start": 0.0, "memory": 0, "equal": None, "traffic": 0, "rounds": 1},
        ROW | {"name": CONSUME.name, "group": "floor", "after_start": 1.1, "equal": None, "traffic": 0},
    ],
    "absent": [{"name": "nobody", "why": "not there"}],
    "pods": {"why": None, "runs": [POD, POD | {"rate": 104_000.0}, POD | {"processes": 2, "rate": 169_000.0}, POD | {"rate": 100_000.0}]},
    "shell": [
        {
            "processes": processes,
            "chunk": 1000,
            "bare": bare,
            "events": 1_000_000,
            "delivered": 1_000_000,
            "cpu": cpu,
            "seconds": 1.0,
            "memory": 1,
        }
        for processes, bare, cpu in ((1, True, 0.4), (1, False, 0.5), (1, False, 0.4), (1, False, 0.9), (2, True, 0.5), (2, False, 0.71))
    ],
    "growth": [ROW | {"what": "half"}],
    "profile": {"events": 1_000_000, "stages": {READ: 1.0, PACK: 0.8, SHELL: 0.2}},
    "latency": [{"rate": 5_000, "percentiles": {"99": 2.0}, "cpu": 0.1, "idle": 0.02}],
    "outage": {"rate": 99_999.0, "memory": [[0.0, 1]], "store": [[0.0, 1]]},
    "known": {
        "starts": [{"ids": 10_000_000, "first": 4.9}],
        "tables": [{"ids": 10_000_000, "size": 12.0}, {"ids": 100_000_000, "size": 21.0}],
    },
}


def test_a_goal_is_reached_or_it_is_said():
    """The limit itself is within it."""
    assert ["reached", "yes", "yes", "NO", "NO", "yes", "yes", "yes", "NO", "NO", "NO", "yes", "NO", "yes", "NO"] == [
        row[-1] for row in tables.goals(FOUND)
    ]


def test_what_could_not_be_measured_is_neither_reached_nor_missed():
    """Its reason stands in its table."""
    found = FOUND | {"pods": {"why": "no rights", "runs": []}}
    assert ["at least 1.7", "not measured", ""] == next(row[1:] for row in tables.goals(found) if "pods" in row[0])
    head, row = tables.pods(found)
    assert (len(head), "not measured: no rights") == (len(row), row[0])


def test_two_pods_are_held_against_the_median_of_one():
    """One bad moment of the machine decides nothing; an output that was wrong once does."""
    assert ["Kafka", "1", "100,000", "169,000", "1.69", "4.00", "4.00", "95%", "95%", "yes"] == tables.pods(FOUND)[1]
    wrong = [*FOUND["pods"]["runs"], POD | {"equal": False}]
    assert "NO" == tables.pods(FOUND | {"pods": {"why": None, "runs": wrong}})[1][-1]


def test_the_same_times_the_bare_loop_is_beside_a_goal():
    """A machine that is twice as slow makes both twice as dear."""
    slow = [row | {"after_start": 2 * row["after_start"]} for row in FOUND["race"]]
    fast, half = ([row for row in tables.goals(each) if "times the bare loop" in row[0]] for each in (FOUND, FOUND | {"race": slow}))
    assert fast == half
    assert [["at most 1.39", "1.39", "yes"], ["at most 1.52", "1.53", "NO"]] == [row[1:] for row in fast]


def test_the_shell_alone_is_held_against_a_bare_flow():
    """By the median of its runs."""
    assert ["1", "1,000", "0.50", "0.40", "1.25", "1,000,000", "1,000,000"] == tables.shells(FOUND)[1]


def test_a_stage_has_its_floor_beside_it():
    """Where nobody can do it for less; without the race there is none."""
    assert {READ: "1.10", PACK: "0.70", SHELL: "", "all": "2.30"} == {row[0]: row[-1] for row in tables.stages(FOUND)[1:]}
    assert {""} == {row[-1] for row in tables.stages({"profile": FOUND["profile"]})[1:]}


def test_everyone_is_compared_with_ours():
    """What is not equal stands out, and who was not there is told."""
    head, ours, _, other, _, floor, _, nobody = tables.race(FOUND)
    assert {len(head)} == {len(row) for row in tables.race(FOUND)}
    assert ["it", "3.20 (3.00 to 3.50)", "1.00", "1.20"] == ours[:4]
    assert ("MB sent per million", "100", "") == (head[7], ours[7], floor[7])
    assert ("10", "NO") == (other[2], other[-1])
    assert ("", "") == (floor[3], floor[-1])
    assert ["nobody", "not there", ""] == nobody[:3]


@pytest.mark.parametrize("name", ["goals", "sizing", "race", "pods", "shell", "growth", "stages"])
def test_a_table_needs_the_parts_that_it_says(name):
    """So that parts that were run alone make the tables that they can."""
    needs, table = tables.TABLES[name]
    assert table(FOUND)
    for part in needs:
        with pytest.raises(KeyError):
            table({name: found for name, found in FOUND.items() if name != part})
