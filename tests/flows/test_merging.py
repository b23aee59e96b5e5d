import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.flows.documents import document, documents

from currents_segment.flows import merging, status


@given(documents(), documents(), documents())
def test_grouping(one, two, three):
    """Merging is associative: processes can be added in any grouping."""
    assert merging.merge([one, two, three]) == merging.merge([one, merging.merge([two, three])])


@given(st.lists(documents(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_order(parts, chance: random.Random):
    """Merging is commutative: the order in which processes answer does not matter."""
    assert merging.merge(parts) == merging.merge(chance.sample(parts, len(parts)))


@given(st.lists(documents(balanced=True), min_size=1, max_size=4))
def test_balanced_stays_balanced(parts):
    """Ledgers that add up add up together."""
    assert status.balance(merging.merge(parts)) == {}


@given(st.lists(documents(), min_size=1, max_size=4))
def test_imbalance_adds_up(parts):
    """A merged imbalance is the sum of the imbalances, in the field as in the counts."""
    merged = merging.merge(parts)
    for name, connector in merged["connectors"].items():
        expected = sum(status.imbalance(part["connectors"][name]) for part in parts if name in part["connectors"])
        assert (expected, expected) == (status.imbalance(connector), connector["balance"])


@given(documents(), documents())
def test_merged_is_json(one, two):
    """A merged document is JSON and has every connector of its parts."""
    merged = merging.merge([one, two])
    assert merged == json.loads(json.dumps(merged))
    assert {*one["connectors"], *two["connectors"]} == set(merged["connectors"])


def test_nothing_to_merge():
    """Nothing merged is a mistake of the caller, never an empty document."""
    with pytest.raises(ValueError, match="no status document"):
        merging.merge([])


def test_times_promise_least():
    """Two processes of one cluster: the worst health with its reason, the earliest failure and loss, the latest success and wait."""
    one = document(
        crm={"health": "failing", "why": "503", "failing_since": 50.0, "last_ok": 40.0, "time_to_loss": 900.0, "wait_until": None}
    )
    two = document(
        crm={"health": "working", "why": None, "failing_since": None, "last_ok": 90.0, "time_to_loss": None, "wait_until": 120.0}
    )
    merged = merging.merge([one, two])["connectors"]["crm"]
    expected = {"health": "failing", "why": "503", "failing_since": 50.0, "last_ok": 90.0, "time_to_loss": 900.0, "wait_until": 120.0}
    assert expected == {name: merged[name] for name in expected}


def test_losses_add_up():
    """What two processes hold and have not read is lost together; where one cannot estimate, the sum is not known."""
    one, two, three = (
        {"losses": [{"within": 3600.0, "events": events, "objects": 2, "bytes": 50, "unread": unread}]}
        for events, unread in ((1, 10), (2, 20), (4, None))
    )
    merged = merging.merge([document(crm=one), document(crm=two), document(crm={})])["connectors"]["crm"]["losses"]
    assert [{"within": 3600.0, "events": 3, "objects": 4, "bytes": 100, "unread": 30}] == merged
    assert None is merging.merge([document(crm=one), document(crm=three)])["connectors"]["crm"]["losses"][0]["unread"]


@pytest.mark.parametrize(
    ("phases", "together"),
    [
        (("stopped", "running"), "running"),
        (("running", "starting"), "starting"),
        (("running", "stopping"), "stopping"),
        (("stopped", "stopped"), "stopped"),
    ],
)
def test_phase(phases, together):
    """A cluster is as far as its least settled process."""
    assert together == merging.merge([document() | {"phase": phase} for phase in phases])["phase"]


def test_listing_unknown():
    """A lag is known only when every process has listed its part."""
    one, two = document(crm={}), document(crm={})
    one["connectors"]["crm"]["lag"]["listed_at"] = 5.0
    assert merging.merge([one, two])["connectors"]["crm"]["lag"]["listed_at"] is None
    two["connectors"]["crm"]["lag"]["listed_at"] = 4.0
    assert merging.merge([one, two])["connectors"]["crm"]["lag"]["listed_at"] == 4.0
