import pytest
from tests.bench.shell import Work, measure

WORK = Work(processes=0, chunk=500, events=48_000, dropped=0.2)


@pytest.mark.parametrize("processes", [1, 2])
def test_the_shell_delivers_what_a_bare_loop_does(processes):
    """All but the copies; so it is the same work whose cost is compared."""
    loop, flow = measure(WORK), measure(Work(processes, WORK.chunk, WORK.events, WORK.dropped))
    assert (48_000, loop.delivered) == (loop.events, flow.delivered) == (flow.events, flow.delivered)
    # of six chunks of each slot the first has no copies
    assert 40_000 == pytest.approx(flow.delivered, rel=0.05)
    assert loop.each > 0 < flow.each
