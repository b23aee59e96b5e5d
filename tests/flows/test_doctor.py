import os

import pytest
from tests.flows.stores import execute, made, slots

from currents_segment.codecs.chunk import Origin
from currents_segment.codecs.outcome import Outcome
from currents_segment.flows import doctor_store, recovery
from currents_segment.flows.bucket.position import Position
from currents_segment.flows.committed import KNOWN, POSITIONS, parts
from currents_segment.flows.config import load
from currents_segment.flows.doctor import inspect, moment
from currents_segment.flows.lock import hold
from currents_segment.flows.slots import SLOTS, Unit
from currents_segment.sinks.dead_letters import LOCK, DeadLetter, opened

HOUR = 3600.0
CONFIG = """
state: ./state
dead_letters: ./dead-letters
workspaces:
  acme:
    sources: {currents: {url: ./bucket}}
    connectors:
      shop: {write_key: env:KEY, region: us, events: ["*"], start: earliest, integration_name: n, contact_email: d@example.com}
"""
UNITS = [Unit("shop", "currents", partition) for partition in range(SLOTS)]
HERE = dict.fromkeys(UNITS, Position(floor=1))


@pytest.fixture
def config(tmp_path):
    (tmp_path / "bucket").mkdir()
    (tmp_path / "segment.yaml").write_text(CONFIG)
    return load(tmp_path / "segment.yaml", secrets=False)


def examined(config, *, now=None, offline=False):
    """The report of a moment, by default that at which the store was made."""
    if now is None:
        now = parts(config.state)[0].stat().st_mtime if parts(config.state) else 1e9
    return inspect(config, clock=lambda: now, offline=offline)


def told(report):
    return [f"{finding.level}: {finding.about}: {finding.text}" for finding in report.findings]


def letter(name, outcome=Outcome.EXPIRED):
    return DeadLetter(
        id=name, connector="shop", workspace="acme", outcome=outcome, status=None, answer="", attempts=0, detail="", origin=Origin("log", "a"),
        arrival=1.0, at=5.0, count=1, message=f'{{"messageId":"{name}"}}', raw=None, schema="",
    )  # fmt: skip


def test_a_whole_store_and_its_places_are_well(config):
    """What it holds is told; nothing needs attention."""
    made(config.state, slots(HERE))
    opened(config.dead_letters).write([letter("m-1"), letter("m-2"), letter("m-3", Outcome.REFUSED)])
    report = examined(config)
    assert [] == told(report)
    assert (3, 32) == (report.store.files, sum(extent.rows for extent in report.store.extents.values()))
    assert {("shop", "expired"): 2, ("shop", "rejected/refused"): 1} == report.letters.events
    assert (3, 0, 5.0) == (report.letters.letters, report.letters.replayed, report.letters.last)
    assert 0 == report.grounds["shop"]["currents"].ahead


def test_before_the_first_run_nothing_is_wrong(config):
    """A missing store is a first start, unless a run was here."""
    assert [] == told(examined(config))
    config.state.mkdir()
    (config.state / "status-0.json").write_text("{}")
    (line,) = [line for line in told(examined(config)) if line.startswith("fault: store: ")]
    assert "recovery is empty, though a run was here: a start would begin at `start` again; put a backup there" in line


def test_who_has_the_state_and_who_replays_are_named(config):
    """As in the refusals."""
    made(config.state, slots(HERE))
    (config.state.parent / "dead-letters").mkdir()
    with recovery.lock(config.state), hold(config.state.parent / "dead-letters" / LOCK, ""):
        report = examined(config)
    assert f"process {os.getpid()} on " in report.holder
    assert f"process {os.getpid()} on " in report.letters.replaying
    assert (None, None) == ((now := examined(config)).holder, now.letters.replaying)


def test_slots_without_a_state_would_begin_anew(config):
    """A store from which rows are missing is no state to start from."""
    rows = slots(HERE)
    del rows[POSITIONS, "03", 7], rows[POSITIONS, "09", 7]
    made(config.state, rows)
    assert any("currents_segment.read has no state of 2 of 16 slots (03, 09)" in line for line in told(examined(config, offline=True)))


def test_too_many_rows_are_told(config, monkeypatch):
    """A resume takes time in the square of them."""
    monkeypatch.setattr(doctor_store, "ROWS", 31)
    made(config.state, slots(HERE))
    assert ["warning: store: 32 rows: a start takes time in the square of them; a longer epoch and fewer connectors keep it small"] == told(
        examined(config)
    )


def test_known_ids_without_their_files_are_told(config):
    """A start would not recognise their copies; a file that holds more than counts is whole."""
    rows = slots(HERE) | {(KNOWN, "03", 7): {"version": 2, "past": (9, 0.0, 0.0, ((1.0, 2), (2.0, 3)))}}
    made(config.state, rows)
    assert ["warning: store: 5 of 5 known ids are not in "] == [line[: line.index(str(config.state))] for line in told(examined(config))]
    (config.state / "known").mkdir()
    (config.state / "known" / "03-00000008.ids").write_bytes(b"\1" * 16)
    (config.state / "known" / "03-00000009.ids").write_bytes(b"\1" * 40)
    report = examined(config)
    assert [] == told(report)
    assert 5 == report.store.known


def test_a_store_of_another_version_is_told_as_a_start_would(config):
    """It is read no further."""
    rows = slots(HERE)
    rows[POSITIONS, "00", 7] |= {"version": 99}
    made(config.state, rows)
    (line,) = told(examined(config))
    assert line.startswith("fault: store: state: positions of version 99, this program knows version 2; use the version")


def test_a_change_that_was_cut_short_is_told(config):
    """It is undone by the next that may write; to look it need not be."""
    made(config.state, slots(HERE))
    (config.state / "recovery" / "part-0.sqlite3-journal").write_bytes(b"half")
    assert ["warning: store: a change of it was cut short: the next start or rewind undoes it"] == told(examined(config))


def test_names_that_the_configuration_does_not_have_are_told(config):
    """A connector or a source that was renamed would send everything again."""
    elsewhere = {Unit("gone", "currents", 0): Position(floor=1), Unit("shop", "old-name", 0): Position(floor=1)}
    made(config.state, slots(HERE | elsewhere))
    gone, shop = told(examined(config))
    assert gone.startswith(
        "warning: gone: not configured: the state keeps its positions until it is again; one that was renamed needs its old name"
    )
    assert shop.startswith("warning: shop: its positions in old-name wait for a source of that name")


def test_what_fails_is_told_with_the_time_at_which_events_begin_to_expire(config):
    """And how many would, once that has passed: also of those that are not read yet."""
    path = config.state.parent / "bucket" / "event_type=users.messages.email.Open" / "one.avro"
    path.parent.mkdir()
    path.write_bytes(b"x")
    os.utime(path, (3 * HOUR, 3 * HOUR))
    lane = (b"", b"\0\0\0\0" * 4, 3 * HOUR, None, ("log", "a", 0, 0))
    kept = {"version": 2, "health": {"shop": (3 * HOUR, None, 0.0)}, "lanes": {"shop": [lane]}}
    made(config.state, slots(HERE, **kept))
    (line,) = [line for line in told(examined(config, now=40 * HOUR)) if line.startswith("warning: shop")]
    assert "since 1970-01-01 03:00:00 UTC: its events begin to expire at 1970-01-03 03:00:00 UTC; mend its endpoint or key before" in line
    failing, waiting, unread = [line for line in told(examined(config, now=52 * HOUR)) if line.startswith("warning: shop")]
    assert "its events that have waited so long expire with the next attempt that fails" in failing
    assert "4 un-acked events become dead letters if the first attempt fails" in waiting
    assert "the events of 1 unread files become dead letters if the first attempt fails" in unread


def test_a_clock_that_was_set_back_is_told(config):
    """The store knows when it was made."""
    made(config.state, slots(HERE))
    for part in parts(config.state):
        execute(part, "update parts set created_at = '2026-01-31 08:00:00'")
        execute(part, "update exs set created_at = '2026-01-31 08:00:00'")
    now = moment("2026-01-31 07:00:00")
    assert [
        "warning: clock: the state knows of a time 3,600 s from now: this machine's clock was set back, or is wrong; set it by NTP"
    ] == told(examined(config, now=now))


def test_letters_that_cannot_be_read_are_told(config):
    """With the first of them."""
    made(config.state, slots(HERE))
    opened(config.dead_letters).write([letter("m-1")])
    (name,) = (config.state.parent / "dead-letters").rglob("*.gz")
    name.write_bytes(b"torn")
    (line,) = told(examined(config))
    assert line.startswith("fault: dead_letters: 1 objects cannot be read whole, first connector=shop/date=1970-01-01/")
    assert [] == told(examined(config, offline=True))


def test_a_source_that_cannot_be_listed_is_a_fault_of_its_connector(config):
    """The rest is looked at."""
    made(config.state, slots(HERE))
    (config.state.parent / "bucket").rmdir()
    (line,) = told(examined(config))
    assert line.startswith("fault: shop, source currents: source 'currents': no such folder")
