import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.flows.clock import OFFSET_FILE, SLEW, Clock, clock

START = 1_800_000_000.0
HOUR = 3600.0


class Machine:
    """Its two clocks, moved by hand."""

    def __init__(self):
        self.elapsed, self.wall = 500.0, START
        self.clock = Clock(lambda: self.elapsed, lambda: self.wall)

    def passes(self, seconds, step=0.0):
        self.elapsed += seconds
        self.wall += seconds + step
        return self.clock()


@pytest.fixture
def machine():
    return Machine()


def test_without_a_step_it_is_the_wall_clock(machine):
    """At the start, and after two days."""
    assert START == machine.clock()
    assert START + 48 * HOUR == machine.passes(48 * HOUR)
    assert 0 == machine.clock.ahead()


@pytest.mark.parametrize("step", [10 * HOUR, 60 * HOUR, -10 * HOUR, -60 * HOUR])
def test_a_step_of_the_wall_clock_is_no_time_that_passes(machine, step):
    """48 hours stay 48 hours to the minute, whatever the wall clock was set to; how far apart they are can be told."""
    machine.passes(HOUR)
    before = machine.clock()
    assert machine.passes(1, step) == pytest.approx(before + 1, abs=0.001)
    assert machine.clock.ahead() == pytest.approx(step, abs=0.001)
    assert machine.passes(48 * HOUR) == pytest.approx(before + 48 * HOUR, abs=60)


@pytest.mark.parametrize("step", [30.0, -30.0])
def test_a_small_difference_heals(machine, step):
    """By a second in fifty minutes, and then the two are one again."""
    machine.passes(1, step)
    machine.passes(30 / SLEW / 2)
    assert step / 2 == pytest.approx(machine.clock.ahead(), abs=0.001)
    machine.passes(30 / SLEW / 2)
    assert 0 == pytest.approx(machine.clock.ahead(), abs=0.001)


@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(-1e6, 1e6))))
def test_it_never_goes_back_and_is_never_far_from_the_seconds_that_passed(story):
    """Through any story of steps: each stretch is measured within one part in 3,000."""
    machine = Machine()
    for seconds, step in story:
        before = machine.clock()
        after = machine.passes(seconds, step)
        assert seconds * (1 - SLEW) - 1e-3 <= after - before <= seconds * (1 + SLEW) + 1e-3


def test_a_test_moves_it_by_a_file(tmp_path):
    """The first number is time that passes, the second a step of the wall clock."""
    file = tmp_path / "offset"
    file.write_text("7200")
    passed, real = clock({OFFSET_FILE: str(file)}), clock({})
    assert 7200 == pytest.approx(passed() - real(), abs=1)
    file.write_text("7200 3600")
    stepped = clock({OFFSET_FILE: str(file)})
    assert 10800 == pytest.approx(stepped() - real(), abs=1)
