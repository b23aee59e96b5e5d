import time

import pytest
from tests.flows.stores import made, slots
from tests.system.exports import Export, export, put

from currents_segment.flows import source
from currents_segment.flows.bucket.layout import HOUR, describe
from currents_segment.flows.bucket.position import Position
from currents_segment.flows.committed import POSITIONS, SLOTS, committed
from currents_segment.flows.config import load
from currents_segment.flows.errors import UserError
from currents_segment.flows.rewind import carry_out, plan, stands
from currents_segment.flows.slots import NAMES, Unit

UNITS = [Unit(connector, "currents", partition) for connector in ("shop", "other") for partition in range(16)]
CONFIG = """
state: ./state
workspaces:
  acme:
    sources: {{currents: {{url: "{folder}"}}}}
    connectors:
      shop: &usual {{write_key: env:KEY, region: us, events: ["*"], start: earliest, integration_name: n, contact_email: d@example.com}}
      other: *usual
"""


@pytest.fixture(scope="module")
def currents(tmp_path_factory) -> Export:
    return export(tmp_path_factory.mktemp("currents"), count=600)


@pytest.fixture
def config(tmp_path, currents):
    put(currents, tmp_path / "bucket", at=time.time() - 60)
    (tmp_path / "segment.yaml").write_text(CONFIG.format(folder=tmp_path / "bucket"))
    return load(tmp_path / "segment.yaml", secrets=False)


def objects(config):
    root = config.state.parent / "bucket"
    files = [path for path in root.rglob("*") if path.is_file()]
    return [describe(path.relative_to(root).as_posix(), path.stat().st_size, path.stat().st_mtime) for path in files]


def read(items, position):
    """A position that has read these of its unit's objects."""
    for item in items:
        position = position.finish(item)
    return position


def planned(config, to, positions, **kept):
    made(config.state, slots(positions, **kept))
    with committed(config.state) as found:
        return plan(config, "shop", to, found=found, now=time.time())


def test_everything_that_was_read_is_read_again_from_the_beginning(config):
    """The number of events is estimated from a few objects that are opened."""
    everything = objects(config)
    first = min(item.hour for item in everything)
    where = {unit: read([item for item in everything if item.unit == unit.partition], Position(floor=first)) for unit in UNITS}
    rewind = planned(config, "earliest", where)
    (passage,) = rewind.passages
    assert (len(everything), sum(item.size for item in everything)) == (passage.again.objects, passage.again.bytes)
    assert (0, 0) == (passage.ahead.objects, passage.skipped.objects)
    assert first * HOUR == passage.stood
    assert passage.again.events == pytest.approx(600, rel=0.3)


def test_an_object_that_was_half_read_is_read_again(config):
    """From its beginning."""
    everything = objects(config)
    begun = everything[0]
    rewind = planned(
        config, "earliest", {unit: Position(reading=(begun.key, 1, 0) if unit.partition == begun.unit else None) for unit in UNITS}
    )
    (passage,) = rewind.passages
    assert (1, len(everything) - 1, 0) == (passage.again.objects, passage.ahead.objects, passage.skipped.objects)


def test_forward_what_was_not_read_is_left_out_and_no_id_is_forgotten(config):
    """Copies of what was sent before are still found."""
    rewind = planned(config, "now", dict.fromkeys(UNITS, Position()), rewinds={"shop": (2, 5.0)})
    (passage,) = rewind.passages
    assert (0, 0, len(objects(config))) == (passage.again.objects, passage.ahead.objects, passage.skipped.objects)
    assert {2} == {row["rewinds"]["shop"][0] for row in rewind.rows[POSITIONS].values()}


def test_only_the_connector_s_units_are_changed_each_in_its_own_slot(config):
    """And its count of rewinds, in every slot; what is kept of others stays, also of those that are not configured."""
    gone = Unit("gone", "elsewhere", 3)
    rewind = planned(config, 7200.0, {unit: Position(floor=9) for unit in [*UNITS, gone]}, rewinds={"gone": (1, 2.0)})
    carry_out(config.state, rewind)
    with committed(config.state) as found:
        rows = found.rows(POSITIONS)
    assert sorted(NAMES) == sorted(rows)
    assert len(UNITS) + 1 == sum(len(row["positions"]) for row in rows.values())
    assert {2, 9} == {stands(rows, unit).floor for unit in UNITS}
    assert all(Position(floor=2) == stands(rows, unit) for unit in UNITS if unit.connector == "shop")
    assert Position(floor=9) == stands(rows, gone)
    assert {(1, 2.0)} == {row["rewinds"]["gone"] for row in rows.values()}


def test_what_is_read_again_has_its_full_time(config):
    """A failure from before would let it expire at the next one. What the endpoint asked for stays, and so does what is known of others."""
    everything = objects(config)
    where = {unit: read([item for item in everything if item.unit == unit.partition], Position()) for unit in UNITS}
    health = {"shop": (100.0, 90.0, 130.0), "other": (100.0, 90.0, 130.0)}
    carry_out(config.state, planned(config, "earliest", where, health=health))
    with committed(config.state) as found:
        assert {"shop": (None, 90.0, 130.0), "other": (100.0, 90.0, 130.0)} == found.rows(SLOTS)[NAMES[0]]["health"]
        assert set(plan(config, "shop", "now", found=found, now=time.time()).rows) == {POSITIONS}


def test_typed_twice_it_is_done_once(config):
    """Nothing is to be read again that is to be read anyway, so no generation is added."""
    everything = objects(config)
    where = {unit: read([item for item in everything if item.unit == unit.partition], Position()) for unit in UNITS}
    carry_out(config.state, planned(config, "earliest", where))
    with committed(config.state) as found:
        again = plan(config, "shop", "earliest", found=found, now=time.time())
    assert {1} == {row["rewinds"]["shop"][0] for row in again.rows[POSITIONS].values()}


def test_an_older_state_is_changed_as_one_of_today(config):
    """It needs no run in between."""
    rewind = planned(config, "earliest", {unit: Position(floor=9) for unit in UNITS}, version=1)
    assert {source.VERSION} == {row["version"] for row in rewind.rows[POSITIONS].values()}


def test_before_the_first_commit_there_is_nothing_to_change(config):
    """`start` says where a connector begins."""
    made(config.state, {})
    with committed(config.state) as found, pytest.raises(UserError, match="nothing was committed yet: `start` of shop"):
        plan(config, "shop", "earliest", found=found, now=0.0)
