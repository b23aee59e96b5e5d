from datetime import UTC, datetime

import pytest

from currents_segment.flows.bucket import survey
from currents_segment.flows.errors import UserError

OPEN, CLICK = "users.messages.email.Open", "users.messages.email.Click"


def at(*when: int) -> float:
    """Seconds since the epoch."""
    return datetime(*when, tzinfo=UTC).timestamp()


def test_a_survey_says_what_a_first_start_would_send(folder):
    """Folders, types, layouts and hours as they are, and which objects a start at a time would read."""
    folder.events(["a"], "a", hour="2026-03-04-05")
    folder.events(["b"], "b", hour="2026-03-04-07", new=True)
    folder.events(["c"], "c", kind=CLICK, hour="2026-03-05-01")
    folder.put("f.avro", b"12345")
    sizes = {path.name: path.stat().st_size for path in folder.path.rglob("*.avro")}
    seen = survey(folder.source, selected=frozenset({OPEN}), everything=False, start=at(2026, 3, 4, 6, 30), now=at(2026, 3, 5))
    assert (f"dataexport.prod-01.S3.integration.5f3/event_type={OPEN}",) == seen.folders
    assert (CLICK,) == seen.unselected
    assert {OPEN: 2, "": 1} == seen.types
    assert {"old": 1, "new": 1, "unknown": 1} == seen.layouts
    assert (3, 2, 1) == (seen.objects, seen.first_objects, seen.loose)
    assert sizes["a.avro"] + sizes["b.avro"] + 5 == seen.bytes
    assert sizes["b.avro"] + 5 == seen.first_bytes
    assert at(2026, 3, 4, 5) == seen.oldest
    assert str(folder.path) == seen.url


def test_a_start_now_would_send_nothing(bucket):
    """What is in the bucket before the first start is not sent with `now`; over the S3 protocol like in a folder."""
    for n in range(130):
        bucket.events(["a"], f"a{n}", hour=f"2026-03-04-{n % 24:02}")
    seen = survey(bucket.source, selected=frozenset(), everything=True, start="now", now=at(2099, 1, 1))
    assert (130, 0, None) == (seen.objects, seen.first_objects, None)
    assert (at(2026, 3, 4, 0), at(2026, 3, 4, 23)) == (seen.oldest, seen.newest)


def test_an_empty_folder_has_nothing(folder):
    """Nothing is a survey, too."""
    seen = survey(folder.source, selected=frozenset({OPEN}), everything=False, start="earliest", now=0.0)
    assert (0, (), None, None) == (seen.objects, seen.folders, seen.oldest, seen.newest)


def test_a_fault_is_a_line_for_the_user(bucket, folder):
    """What, where, and what to do about it."""
    bucket.spoil = lambda _method, _what: (403, "AccessDenied")
    with pytest.raises(UserError, match="source 'currents': access denied: s3://shop/exports; check the credentials"):
        survey(bucket.source, selected=frozenset(), everything=True, start="now", now=0.0)
    folder.path.rmdir()
    with pytest.raises(UserError, match=r"source 'currents': no such folder: .*; create the folder"):
        survey(folder.source, selected=frozenset(), everything=True, start="now", now=0.0)
