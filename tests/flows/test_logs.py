"""The logs of all connectors as one."""

from currents_segment.flows.logs import in_turn
from currents_segment.flows.slots import Unit


def test_all_connectors_advance_alike():
    """A slot asks one unit of each connector before the next of any, however many each has."""
    shop = [Unit("shop", "currents/t", number) for number in (0, 16, 32)]
    cafe, none = [Unit("cafe", "currents/t", 5)], []
    assert [shop[0], cafe[0], shop[1], shop[2]] == in_turn([shop, none, cafe])
