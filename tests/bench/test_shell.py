from dataclasses import replace

import pytest
from tests.bench.shell import Work, measure

WORK = Work(chunk=500, events=48_000, dropped=0.2)


@pytest.mark.parametrize("processes", [1, 2])
def test_the_shell_delivers_what_a_bare_flow_does(processes):
    """All but the copies; so it is the same work whose cost is compared."""
    work = replace(WORK, processes=processes)
    floor, flow = measure(replace(work, bare=True)), measure(work)
    assert (48_000, floor.delivered) == (floor.events, flow.delivered) == (flow.events, flow.delivered)
    # of six chunks of each slot the first has no copies
    assert 40_000 == pytest.approx(flow.delivered, rel=0.05)
    assert floor.each > 0 < flow.each
