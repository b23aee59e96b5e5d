import pytest

from currents_segment.flows.slots import SLOTS, Place, Unit, place


def test_every_slot_has_exactly_one_owner_whatever_the_number_of_processes():
    """A slot that two processes owned would send everything twice; one that nobody owned would never be read."""
    for processes in range(1, 17):
        owned = [slot for process in range(processes) for slot in Place(process, processes).slots]
        assert list(range(SLOTS)) == sorted(owned)


def test_a_unit_stays_in_its_slot_for_ever():
    """The slot is part of every recovery store: these numbers must never change."""
    assert [6, 7, 8, 9, 10] == [Unit("shop-to-segment", "currents", partition).slot for partition in range(5)]


def test_a_process_alone_owns_everything():
    """Nothing in the environment means no cluster."""
    assert (Place(0, 1), []) == place({"HOSTNAME": "laptop-3"})


def test_a_stateful_set_tells_a_process_its_number():
    """The ordinal at the end of a pod's name is the number of the process."""
    assert Place(1, 2) == place({"CURRENTS_SEGMENT_ADDRESSES": "a-0:9001;a-1:9001", "HOSTNAME": "a-1"})[0]


@pytest.mark.parametrize("environ", [{"HOSTNAME": "a-2"}, {"HOSTNAME": "a"}, {"CURRENTS_SEGMENT_PROCESS_ID": "x"}])
def test_a_number_that_is_not_one_of_the_addresses_is_told(environ):
    """The message names the variable to set."""
    with pytest.raises(ValueError, match="CURRENTS_SEGMENT_PROCESS_ID"):
        place({"CURRENTS_SEGMENT_ADDRESSES": "a-0:9001;a-1:9001"} | environ)
