"""Endpoints that fail in every way that Segment or a network can: each connector has its own trouble, and in the end its own data, whole."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from tests.system.exports import Export, export
from tests.system.jobs import Job

from currents_segment.flows.simulate.expected_file import read_due

TROUBLES: dict[str, dict[str, Any] | None] = {
    "down": {"do": "status", "status": 503},
    "hanging": {"do": "hang", "count": 3},
    "healthy": None,
    "poisoned": {"do": "status", "status": 400},  # whatever holds a certain event
    "resetting": {"do": "reset", "kept": True, "count": 3},
    "wait_date": {"do": "status", "status": 429, "retry_after": 2, "retry_after_form": "date", "count": 1},
    "wait_seconds": {"do": "status", "status": 429, "retry_after": 2, "count": 1},
}
LIMITS: dict[str, dict[str, Any]] = {"hanging": {"timeout": "1s"}, "wait_date": {"in_flight": 1}, "wait_seconds": {"in_flight": 1}}
CONNECTORS = {name: {"limits": LIMITS.get(name, {})} for name in TROUBLES}
WAITED = 0.9  # s between the answer of 429 and the next request: an HTTP date knows whole seconds only


@dataclass
class Aftermath:
    """What was seen.

    Attributes:
        job: ended by itself when all was done.
        export: what was to be delivered.
        poison: the name of the events that are refused, and how many there are.
        while_down: what Segment had of each connector, when all but the one that was down had finished.
        summary: of the double at the end, by connector.
        requests: to the double, by connector.
        compared: the lines of the comparison.
    """

    job: Job
    export: Export
    poison: tuple[str, int]
    while_down: dict[str, int]
    summary: dict[str, dict[str, Any]]
    requests: dict[str, list[dict[str, Any]]]
    compared: list[str]


@pytest.fixture(scope="module")
def aftermath(segment, tmp_path_factory):
    """One run over seven connectors; six meet trouble, each its own."""
    home = tmp_path_factory.mktemp("outage")
    made = export(home / "export", connectors=tuple(TROUBLES), count=1_500)
    names = Counter(orjson.loads(due.content)["event"] for due in read_due(made.expected) if "poisoned" in due.connectors)
    poison = min(names.items(), key=lambda item: (item[1], item[0]))
    segment.reset()
    job = Job(home / "job", segment, made.folder, CONNECTORS)
    for name, trouble in TROUBLES.items():
        if trouble:
            segment.fault(source=name, **trouble, **({"match": {"event": poison[0]}} if name == "poisoned" else {}))
    due = {name: made.due(name) - (poison[1] if name == "poisoned" else 0) for name in TROUBLES}
    run = job.start("--once")
    job.until(lambda: all(segment.kept(name) >= count for name, count in due.items() if name != "down"), "all but one to be done")
    while_down = {name: segment.kept(name) for name in TROUBLES}
    segment.clear(source="down")
    assert 0 == run.end(), run.text()
    compared = job.compare(made, code=1).splitlines()  # a poisoned event is a difference
    yield Aftermath(
        job,
        made,
        poison,
        while_down,
        {name: segment.summary(name) for name in TROUBLES},
        {name: segment.requests(name) for name in TROUBLES},
        compared,
    )
    segment.clear()
    job.close()


def test_nothing_is_lost_and_nothing_is_spurious(aftermath):
    """Whatever the trouble was, Segment has exactly what it must have, but for the events that it refuses."""
    differences = [
        line for line in aftermath.compared if ": expected=" in line and "missing=0 spurious=0 corrupted=0 repeated=0" not in line
    ]
    assert ["poisoned"] == [line.partition(":")[0] for line in differences]
    assert f"missing={aftermath.poison[1]} spurious=0 corrupted=0 repeated=0" in differences[0]
    counts = [line for line in aftermath.compared if "the ledger has" in line]
    assert ["poisoned: delivered", "poisoned: rejected/refused"] == [line.rpartition(": ")[0] for line in counts]


def test_one_connector_is_never_in_the_way_of_another(aftermath):
    """While one connector's endpoint was down all others finished, and the one that was down had sent nothing."""
    assert 0 == aftermath.while_down["down"]
    assert aftermath.export.due("healthy") == aftermath.while_down["healthy"]
    assert set(aftermath.summary["down"]["requests"]) == {"503", "200"}


def test_a_poisoned_event_is_found_and_kept(aftermath):
    """A batch that is refused is split until the events that are to blame are alone: they alone become dead letters, with Segment's status."""
    event, count = aftermath.poison
    refused = [letter for letter in aftermath.job.letters() if letter.outcome == "rejected/refused"]
    assert count == len(refused)
    for letter in refused:
        assert ("poisoned", 400, event) == (letter.connector, letter.status, orjson.loads(letter.message)["event"])
    assert {"rejected/refused": count} == {
        name: number for name, number in aftermath.job.outcomes("poisoned").items() if name == "rejected/refused"
    }


def test_a_request_that_hangs_is_given_up_and_sent_again(aftermath):
    """After `timeout` a request that gets no answer is retried."""
    assert 3 == aftermath.summary["hanging"]["requests"]["hang"]


def test_a_lost_answer_leads_to_copies_that_segment_drops(aftermath):
    """What Segment took in before the connection broke is sent again under the same ids, so it is kept once."""
    summary = aftermath.summary["resetting"]
    assert 3 == summary["requests"]["reset"]
    assert 0 < summary["duplicates"]["ambiguous"]
    assert 0 == summary["duplicates"]["answered"]


@pytest.mark.parametrize("name", ["wait_seconds", "wait_date"])
def test_a_429_stops_the_whole_connector(aftermath, name):
    """After a 429 no request of the connector starts before the time that the endpoint asked for, whichever way it says it."""
    times = [(request["at"], request["status"]) for request in aftermath.requests[name]]
    told = next(at for at, status in times if status == "429")
    assert WAITED <= min(at for at, _ in times if at > told) - told
