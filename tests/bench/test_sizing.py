import pytest
from tests.bench.sizing import sizes, spent

FULL = {
    "group": "ours", "source": "Kafka", "processes": 1, "connectors": 1, "after_start": 3.0, "rate": 200_000.0, "memory": 400e6, "requests": 2_000,
    "events": 1_000_000,
}  # fmt: skip
FOUND = {
    "race": [FULL],
    "latency": [{"rate": 1_000, "cpu": 0.05, "idle": 0.02}, {"rate": 20_000, "cpu": 0.1, "idle": 0.04}],
    "outage": {"memory": [(0, 100e6), (1, 350e6)], "store": [(0, 1e6), (1, 20e6)]},
    "known": {"tables": [{"ids": 1_000_000, "size": 15.0}, {"ids": 100_000_000, "size": 12.0}]},
}


@pytest.mark.parametrize(("rate", "cores"), [(0, 0.03), (500, 0.04), (1_000, 0.05), (10_500, 0.075), (20_000, 0.1), (120_000, 0.4)])
def test_between_what_was_measured_a_straight_line_and_beyond_it_the_full_speed(rate, cores):
    """Nothing is cheaper than idling."""
    assert cores == pytest.approx(spent(FOUND, rate, 3.0))


def test_twice_the_cores_the_ids_of_a_day_and_no_process_above_its_share():
    """100,000 events/s need the ids that the default allows, and the window is as short as they are."""
    small, *_, large = sizes(FOUND)
    assert (0.25, 1, 86_400.0) == (small.cores, small.processes, small.window)
    assert (0.75, 1, 1_000.0, 200.0) == (large.cores, large.processes, large.window, large.requests)
    assert (400e6 + 100e6 * 12) * 1.25 <= large.memory < (400e6 + 100e6 * 12) * 1.25 + 128e6
    assert 40e6 + 800e6 == large.store
