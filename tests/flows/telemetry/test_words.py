import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.flows import status
from currents_segment.flows.telemetry import words

AT = 1_800_000_000.0  # 2027-01-15 08:00:00Z


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3600 + 59, "1 h"),
        (7384, "2 h 3 min"),
        (86400 * 2 + 3600, "2 d 1 h"),
        (86400 + 60, "1 d"),
    ],
)
def test_duration(seconds, expected):
    """A duration is told in its two largest units."""
    assert expected == words.duration(seconds)


@given(st.floats(0, 1e9))
def test_duration_is_never_longer(seconds):
    """A duration is cut, never rounded up: what is told has passed."""
    size = {"d": 86400, "h": 3600, "min": 60, "s": 1}
    numbers = words.duration(seconds).split()
    told = sum(int(count) * size[unit] for count, unit in zip(numbers[::2], numbers[1::2], strict=True))
    assert told <= seconds
    assert seconds - told < max(1, seconds / 2)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "idle"),
        ({"health": "working", "last_ok": AT - 3}, "working, last accepted 3 s ago"),
        (
            {
                "health": "failing",
                "why": "503",
                "failing_since": AT - 7200,
                "last_ok": AT - 7201,
                "wait_until": AT + 10,
                "time_to_loss": 165600.0,
            },
            (
                "failing for 2 h (since 2027-01-15 06:00:00Z), next attempt 2027-01-15 08:00:10Z: 503; "
                "the first event expires in 1 d 22 h (at 2027-01-17 06:00:00Z) unless it recovers"
            ),
        ),
        (
            {"health": "held", "why": "Segment refuses the write key", "failing_since": AT - 60, "time_to_loss": 0.0},
            "held for 1 min (since 2027-01-15 07:59:00Z): Segment refuses the write key; the first event expires now unless it recovers",
        ),
        ({"health": "waiting", "why": "429", "wait_until": AT + 30}, "waiting, until 2027-01-15 08:00:30Z: 429"),
    ],
)
def test_health(changes, expected):
    """Health says since when, why, what happens next, and when the first event will be lost."""
    assert expected == words.health(status.fresh("shop") | changes, AT)


def loss(hours, events, unread=0, objects=0):
    return {"within": hours * 3600.0, "events": events, "objects": objects, "bytes": objects * 1000, "unread": unread}


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([], ""),
        ([loss(1, 0), loss(6, 0)], ""),
        ([loss(1, 0), loss(6, 1200), loss(24, 1200)], "1,200 events within 6 h"),
        ([loss(1, 10), loss(24, 1200, 53_000, 40)], "10 events within 1 h, about 54,200 events within 1 d"),
        ([loss(1, 0, None, 3)], "0 events and 3 unread objects (3.0 kB) within 1 h"),
    ],
)
def test_how_many_are_lost_by_when(losses, expected):
    """Only where it becomes more; what is estimated is called so, and what cannot be is told as what it is."""
    assert expected == words.losses(status.fresh("shop") | {"losses": losses})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "not listed yet"),
        ({"listed_at": AT - 3}, "all read, listed 3 s ago"),
        (
            {"listed_at": AT - 3, "objects": 1200, "bytes": 5_000_000, "oldest": AT - 60},
            "1,200 objects (5.0 MB) to read, the oldest came 1 min ago",
        ),
        (
            {"listed_at": AT - 90, "error": "403 from the bucket"},
            "all read, listed 1 min 30 s ago; the log CANNOT BE READ: 403 from the bucket",
        ),
        ({"listed_at": AT - 3, "messages": 1200}, "1,200 messages to read"),
        (
            {"listed_at": AT - 3, "objects": 2, "bytes": 1000, "messages": 3, "lost": 4000},
            "2 objects (1.0 kB) and 3 messages to read; 4,000 messages LOST, deleted before they were read",
        ),
    ],
)
def test_lag(changes, expected):
    """The lag says what is left to read, and what is not known."""
    connector = status.fresh("shop")
    connector["lag"] |= changes
    assert expected == words.lag(connector, AT)


def test_report(document):
    """The report names each connector with its health, its dead letters and what the catalogue does not know."""
    crm, web = words.report(document).split("\n\n")
    assert crm.startswith("crm (workspace shop): failing for 5 min")
    assert "lost unless it recovers: 4 events within 1 h, about 710 events within 6 h" in crm
    assert "dead letters: 5 events, 2 of them not yet written" in crm
    assert "unknown to the catalogue: users.messages.fax.Send (7)" in crm
    assert "decoded on the slow path: 1,203 events (schema 1,200, number 3)" in crm
    assert web.startswith("web (workspace blog): idle")
    assert "dead letters" not in web


def test_many_unknown_names(document):
    """Of many unknown names the most frequent are shown, and how many more there are."""
    document["connectors"]["crm"]["unknown"] = {f"type{n}": n for n in range(1, 9)}
    assert "type8 (8), type7 (7), type6 (6), type5 (5), type4 (4) and 3 more" in words.report(document)


def test_window_cut(document):
    """A window that the cap on ids cuts is told loudly; one that is whole is not."""
    assert words.dedup(document) == "deduplication: 42 ids, window 1 d, CUT to 12 h by dedup.max_ids: older duplicates pass"
    document["dedup"]["effective_window"] = 86400.0
    assert words.dedup(document) == "deduplication: 42 ids, window 1 d"


def test_headline(document):
    """The headline names version, phase, processes and age."""
    document["process"]["of"] = 3
    assert words.headline(document) == "currents-segment 0.1.0: running, 3 processes, started 8 min 20 s ago"
