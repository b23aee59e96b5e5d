import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.flows.simulate.compare import SHOWN, Message, counts, message, messages
from currents_segment.flows.simulate.expected import Due, encode

EVENTS = [
    {
        "type": "track",
        "event": f"Event {n % 3}",
        "userId": f"customer-{n}",
        "timestamp": f"2026-01-02T03:04:{n:02d}.000Z",
        "properties": {"n": n, "flag": True, "links": ["a", "b"]},
        "context": {"traits": {"email": f"{n}@example.com"}},
    }
    for n in range(12)
]


def verdict(kept, expected=EVENTS):
    due = [Due(("shop",), encode(event)) for event in expected]
    view = [Message("shop", f"id-{n}", event) for n, event in enumerate(kept)]
    return messages(lambda: iter(due), view, ["shop"])["shop"]


def found(kept, expected=EVENTS):
    it = verdict(kept, expected)
    return {name: count for name in ("missing", "spurious", "corrupted", "repeated") if (count := getattr(it, name))}


def changed(message, /, **values):
    return {**message, **values}


def test_what_must_be_there_and_nothing_else_is_equal():
    """The order of messages and of keys does not matter."""
    kept = [dict(reversed(event.items())) for event in reversed(EVENTS)]
    assert {} == found(kept)
    assert verdict(kept).equal
    assert (12, 12) == (verdict(kept).expected, verdict(kept).kept)


def test_one_that_was_dropped_is_missing():
    """It is named by event and time, never by who it was about."""
    assert {"missing": 1} == found(EVENTS[:5] + EVENTS[6:])
    (line,) = verdict(EVENTS[:5] + EVENTS[6:]).examples["missing"]
    assert "Event 2 of 2026-01-02T03:04:05.000Z" in line
    assert "customer-5" not in line


def test_one_that_was_added_is_spurious():
    """It is named by its messageId, by which it can be found in the view."""
    kept = [*EVENTS, changed(EVENTS[0], userId="nobody", timestamp="2020-01-01T00:00:00.000Z", properties={"n": -1})]
    assert {"spurious": 1} == found(kept)
    assert "id-12" in verdict(kept).examples["spurious"][0]


def test_one_that_was_doubled_is_repeated():
    """Under whatever messageId the same content comes again."""
    assert {"repeated": 2} == found([*EVENTS, EVENTS[3], EVENTS[3]])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"properties": {"n": 4, "flag": True, "links": ["a", "c"]}}, "properties.links differs"),
        ({"properties": {"n": 4, "flag": 1, "links": ["a", "b"]}}, "properties.flag has another type"),
        ({"properties": {"n": 4, "flag": True}}, "properties.links is not there"),
        ({"properties": {**EVENTS[4]["properties"], "new": None}}, "properties.new should not be there"),
        ({"timestamp": "2026-01-02T04:04:04.000Z"}, "timestamp differs"),
        ({"event": "Another"}, "event differs"),
        ({"userId": "customer-40"}, "userId differs"),
        ({"anonymousId": "[REDACTED]"}, "anonymousId should not be there"),
        ({"context": {"traits": {"email": "x@example.com"}}}, "context.traits.email differs"),
        ({"context": {"traits": {"email": "4@example.com"}, "device": {}}}, "context.device should not be there"),
    ],
)
def test_one_that_was_changed_is_corrupted(change, named):
    """It is neither missing nor spurious; the fields that differ are named, their values are not."""
    kept = [*EVENTS[:4], changed(EVENTS[4], **change), *EVENTS[5:]]
    assert {"corrupted": 1} == found(kept)
    (line,) = verdict(kept).examples["corrupted"]
    assert line.endswith(f"messageId id-4: {named}")
    assert "example.com" not in line


@given(drop=st.sets(st.integers(0, 5)), double=st.sets(st.integers(6, 8)), change=st.sets(st.integers(9, 11)), add=st.integers(0, 3))
def test_differences_add_up(drop, double, change, add):
    """Whatever is done to the messages is found, each thing under its own name."""
    kept = [event for n, event in enumerate(EVENTS) if n not in drop | change]
    kept += [EVENTS[n] for n in double]
    kept += [changed(EVENTS[n], properties={"n": n}) for n in change]
    kept += [{"event": "Made up", "userId": str(n)} for n in range(add)]
    wanted = {"missing": len(drop), "spurious": add, "corrupted": len(change), "repeated": len(double)}
    assert {name: count for name, count in wanted.items() if count} == found(kept)


def test_equal_contents_are_counted():
    """Two expected events that look alike are two: one of them alone is one too few, three are one too many."""
    twice = [EVENTS[0], EVENTS[0]]
    assert [{"missing": 1}, {}, {"repeated": 1}] == [found(EVENTS[:1] * n, twice) for n in (1, 2, 3)]


def test_few_examples_stand_for_many():
    """Each kind shows its first few."""
    it = verdict([])
    assert (12, SHOWN) == (it.missing, len(it.examples["missing"]))


def test_connectors_are_told_apart():
    """What one connector must deliver is missing there even if another delivered it; a connector without messages has a verdict, too."""
    due = [Due(("shop", "app"), encode(EVENTS[0]))]
    verdicts = messages(lambda: iter(due), [Message("shop", "1", EVENTS[0]), Message("stranger", "2", EVENTS[1])], ["shop", "app", "idle"])
    assert {"shop": (0, 0), "app": (1, 0), "idle": (0, 0), "stranger": (0, 1)} == {
        name: (it.missing, it.spurious) for name, it in verdicts.items()
    }


def test_a_line_of_the_view():
    """The source is a connector's name unless it is mapped; id, library and integration are not content."""
    line = orjson.dumps({"source": "web", "message": {"messageId": "m", "event": "e", "context": {"library": {}}}, "receivedAt": "now"})
    assert Message("shop", "m", {"event": "e"}) == message(line, {"web": "shop"})
    assert "web" == message(line, {}).connector


def ledger(received, in_flight=0, **outcomes):
    return {"received": received, "in_flight": in_flight, "outcomes": outcomes}


def test_equal_ledgers_have_no_differences():
    """An outcome of 0 and one that is not named are the same; other connectors are not our business."""
    expected = {"shop": {"received": 3, "outcomes": {"delivered": 3}}}
    assert [] == counts(expected, {"shop": ledger(3, delivered=3, duplicate=0), "other": ledger(9)})


def test_each_count_that_differs_is_a_line():
    """Received, in flight and every outcome, with both numbers; a connector that is not there is a line as well."""
    expected = {"shop": {"received": 3000, "outcomes": {"delivered": 2999, "duplicate": 1}}, "app": {"received": 0, "outcomes": {}}}
    assert [
        "shop: received: expected 3,000, the ledger has 2,999",
        "shop: in flight: expected 0, the ledger has 4",
        "shop: delivered: expected 2,999, the ledger has 2,995",
        "shop: duplicate: expected 1, the ledger has 0",
        "app: the status has no such connector",
    ] == counts(expected, {"shop": ledger(2999, 4, delivered=2995)})
