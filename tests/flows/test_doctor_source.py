import os

import pytest

from currents_segment.flows.bucket.layout import HOUR, describe, stamp
from currents_segment.flows.bucket.position import Position
from currents_segment.flows.config import load
from currents_segment.flows.doctor_source import findings, ground
from currents_segment.flows.errors import FailedError

NOW = 1_770_000_000.0
OPEN = int(NOW // HOUR) - 3  # an hour that may still get files
CONFIG = """
workspaces:
  acme:
    sources: {{currents: {{url: "{folder}", late: 6h}}}}
    connectors:
      shop: {{write_key: env:KEY, region: us, events: ["*"], start: earliest, integration_name: n, contact_email: d@example.com}}
"""


@pytest.fixture
def bucket(tmp_path):
    (tmp_path / "bucket").mkdir()
    (tmp_path / "segment.yaml").write_text(CONFIG.format(folder=tmp_path / "bucket"))
    return tmp_path / "bucket"


def lay(bucket, name, *, hour=OPEN, modified=NOW - 60, size=100):
    """A file that came at a time; it need not be Avro, since nobody opens it."""
    key = f"event_type=users.messages.email.Open/{stamp(hour)}/1/prod/{name}.avro"
    path = bucket / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (modified, modified))
    return describe(key, size, modified)


def seen(bucket, position, *, since=0.0):
    config = load(bucket.parent / "segment.yaml", secrets=False)
    source = config.workspaces["acme"].sources["currents"]
    positions = position if isinstance(position, dict) else dict.fromkeys(range(16), position)
    return ground(config.connectors["shop"], source, positions, since=since, now=NOW)


def told(found):
    return [finding.text for finding in findings("shop", "currents", found, NOW)]


def test_what_lies_ahead_is_counted_and_all_is_well(bucket):
    """Objects, bytes, the age of the oldest, and how many have waited longer than an event may while its connector fails."""
    read = lay(bucket, "read")
    lay(bucket, "ahead", modified=NOW - 100, size=7)
    lay(bucket, "old", modified=NOW - 49 * HOUR, size=5)
    found = seen(bucket, Position(floor=OPEN - 100).finish(read))
    assert (2, 12, 1) == (found.ahead, found.bytes, found.old)
    assert (NOW - 49 * HOUR, NOW - 60) == (found.oldest, found.newest)
    assert [] == told(found)


def test_a_connector_that_never_read_begins_at_its_start(bucket):
    """Everything lies ahead of `earliest`."""
    lay(bucket, "one")
    assert 1 == seen(bucket, None).ahead


def test_files_that_came_when_their_hour_was_closed_are_counted_with_the_way_to_send_them(bucket):
    """Those that were there before the store was made, or came in time, are none of them; nor what came before a connector's `now`."""
    lay(bucket, "late", hour=OPEN - 20, modified=NOW - 60)
    lay(bucket, "later", hour=OPEN - 10, modified=NOW - 50)
    lay(bucket, "in-time", hour=OPEN - 20, modified=(OPEN - 15) * HOUR)
    found = seen(bucket, Position(floor=OPEN))
    assert (2, (OPEN - 20) * HOUR) == (found.late, found.late_hour)
    (text,) = told(found)
    assert "2 files (" in text
    assert "raise `late`; to send them: connectors rewind shop --to 2026-02-01T03:00Z" in text
    assert 0 == seen(bucket, Position(floor=OPEN), since=NOW - 10).late
    assert 0 == seen(bucket, Position(floor=OPEN, after=NOW - 10)).late


def test_files_that_are_gone_too_soon_are_told(bucket):
    """What was read within the last hours should still be there; so should what is half read."""
    read, half = lay(bucket, "read"), lay(bucket, "half")
    (bucket / read.key).unlink()
    (bucket / half.key).unlink()
    positions = dict.fromkeys(range(16), Position(floor=OPEN))
    positions[read.unit] = positions[read.unit].finish(read)
    positions[half.unit] = positions[half.unit].at(half.key, 1, 0)
    half_read, gone = told(seen(bucket, positions))
    assert f"1 half-read files are gone ({half.key})" in half_read
    assert "1 of the 1 files read in the hours still open are gone" in gone


def test_files_from_the_future_show_a_wrong_clock(bucket):
    """Ours or the bucket's."""
    lay(bucket, "one", modified=NOW + 600)
    assert ["the newest file of currents comes 600 s from now: set this machine's clock by NTP, or the bucket's"] == told(
        seen(bucket, Position())
    )


def test_a_source_that_cannot_be_listed_is_told(bucket):
    """With the remedy."""
    bucket.rmdir()
    with pytest.raises(FailedError, match="source 'currents': no such folder"):
        seen(bucket, None)
