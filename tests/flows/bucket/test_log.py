import itertools
import os
import time
from datetime import UTC, datetime
from threading import Event

import pytest
from tests.flows.bucket.conftest import until

from currents_segment.codecs.catalogue import load
from currents_segment.flows.bucket import CLASSES, Position, listing, log, unit_of
from currents_segment.flows.bucket.lane import AHEAD
from currents_segment.flows.bucket.layout import stamp
from currents_segment.flows.bucket.log import READERS, SLOW
from currents_segment.flows.errors import FailedError

ROOT = "dataexport.prod-01.S3.integration.5f3"
OPEN, CLICK = "users.messages.email.Open", "users.messages.email.Click"
NOW = datetime(2026, 3, 4, 5, 30, tzinfo=UTC).timestamp()


def names(prefix: str, count: int) -> list[str]:
    """So many ids."""
    return [f"{prefix}{n}" for n in range(count)]


def test_a_bounded_run_reads_what_is_there(folder, open_log):
    """Both layouts, several types, hours and codecs: each event once, in order within its object, and then the log is exhausted."""
    expected = []
    for n, codec in enumerate(["null", "deflate", "snappy", "zstandard", "bzip2", "xz"]):
        for kind, new in ((OPEN, False), (CLICK, True)):
            made = names(f"{kind}{n}.", 30)
            folder.events(made, f"f+0+{n}", kind=kind, hour=f"2026-03-04-0{n}", new=new, codec=codec)
            expected += made
    reader = open_log(folder.source).all()
    assert sorted(expected) == sorted(reader.ids)
    assert {OPEN, CLICK} == {records.hint for records in reader.records}
    assert reader.log.error is None
    assert (0, 0, None) == ((lag := reader.log.lag()).objects, lag.bytes, lag.oldest)
    assert all(unit == unit_of(records.origin.object) for unit, read in reader.reads for records in read.records)


def test_a_record_says_where_it_stands(folder, open_log):
    """Records name the log, their object, block and record, and arrived when their object did."""
    key = folder.events(names("", 3000), "f", sync_interval=4000)
    reader = open_log(folder.source).all()
    reads = [read for _, read in reader.reads]
    assert {(str(folder.path), key)} == {(records.origin.log, records.origin.object) for records in reader.records}
    places = [(records.origin.block, records.origin.record) for records in reader.records]
    assert sorted(places) == places
    assert (0, 0) == places[0]
    assert (key, *places[1]) == reads[0].position.reading
    assert reads[-1].position.reading is None
    assert all((folder.path / key).stat().st_mtime == pytest.approx(records.arrival, abs=1e-3) for records in reader.records)


def test_small_files_flow_together(folder, open_log):
    """Files that came at the same time are taken at once, up to so many events: one of a thousand costs little more than one of ten would."""
    for n in range(160):
        folder.events(names(f"{n}.", 10), f"f{n:03}")
    reader = open_log(folder.source, most=1000)
    until(lambda: not any(lane.busy or lane.pending for lane in reader.log._lanes.values()) and not reader.log._partial)
    reader.all()
    assert sorted(one for n in range(160) for one in names(f"{n}.", 10)) == sorted(reader.ids)
    assert len({unit for unit, _ in reader.reads}) == len(reader.reads)


def test_damage_among_small_files_is_its_own(folder, open_log):
    """It stands between what was read before and behind it, and names its own object."""
    wanted = [folder.events([str(n)], f"f{n}") for n in range(40)]
    key = folder.put(wanted[20], b"no Avro at all")
    reader = open_log(folder.source, most=1000).all()
    assert sorted(set(wanted) - {key}) == sorted(records.origin.object for records in reader.records if not records.damage)
    assert [f"{key}#0 not an Avro object container file"] == reader.damage


def test_only_selected_types_are_listed(bucket, open_log):
    """Folders of types that are not selected, and unknown ones, are never listed; a selected type is read under each of its names."""
    bucket.events(["a"], "a", kind="users.campaigns.Abort")
    bucket.events(["b"], "b", kind="users_campaigns_abort")
    bucket.events(["c"], "c", kind=CLICK)
    bucket.events(["d"], "d", kind="users.brand.New")
    reader = open_log(bucket.source, selected=load().select(["users.campaigns.Abort"]).types).all()
    assert ["a", "b"] == sorted(reader.ids)
    assert not [one for one in bucket.requests if CLICK in one or "brand" in one]


def test_a_connector_of_everything_reads_unknown_types(folder, open_log):
    """`*` lists every folder, so that events of types that the catalogue doesn't know are counted."""
    folder.events(["d"], "d", kind="users.brand.New")
    assert ["d"] == open_log(folder.source, everything=True).all().ids


def test_files_elsewhere_are_read_if_they_are_avro(folder, open_log):
    """Naming may change: `.avro` files outside the types' folders are read, and nothing else of them."""
    folder.put("readme.txt", b"hello")
    for n, place in enumerate(["f.avro", "new/way/f.avro", "date=2026-03-04-05/f.avro", "a/b/c/d/e/f/g/f.avro"]):
        (folder.path / folder.events([str(n)], "f")).rename(folder.path / folder.put(place, b""))
    assert names("", 4) == sorted(open_log(folder.source).all().ids)


@pytest.mark.parametrize("below", ["", ROOT, f"{ROOT}/event_type={OPEN}"])
def test_a_source_may_point_at_any_level(folder, open_log, below):
    """The bucket, the prefix, one export or one type's folder."""
    folder.events(["a"], "a")
    (source := folder.source).url += f"/{below}"
    assert ["a"] == open_log(source).all().ids


def test_a_file_that_appears_is_read_at_the_next_listing(folder, open_log):
    """A log that follows finds new objects, also of hours before, as long as they are not too late."""
    folder.events(["a"], "a")
    reader = open_log(folder.source, once=False, clock=lambda: NOW)
    reader.until(lambda: reader.ids == ["a"])
    folder.events(["b"], "b")
    folder.events(["c"], "c", hour="2026-03-03-23")
    reader.until(lambda: len(reader.ids) == 3)
    assert ["a", "b", "c"] == sorted(reader.ids)


def test_an_hour_that_is_closed_is_over(folder, open_log):
    """A file that appears more than `late` after the end of its hour is not read: that is the limit of what is remembered."""
    folder.events(["a"], "a")
    reader = open_log(folder.source, once=False, clock=lambda: NOW)
    reader.until(lambda: reader.ids == ["a"] and all(reader.log.position(unit).floor > 0 for unit in range(CLASSES)))
    floor = reader.log.position(0).floor
    assert stamp(floor) == "date=2026-03-03-23"
    folder.events(["late"], "b", hour="2026-03-03-22")
    folder.events(["in time"], "c", hour="2026-03-03-23")
    reader.until(lambda: len(reader.ids) == 2)
    assert ["a", "in time"] == reader.ids


@pytest.mark.parametrize("most", [1, 3000])
def test_a_restart_at_any_position_loses_and_doubles_nothing(folder, open_log, most):
    """From any position that was committed on, exactly the rest is read: within blocks, between blocks, between objects, and what was put together."""
    for n in range(4):
        folder.events(names(f"{n}.", 2500), f"f{n}", hour=f"2026-03-04-0{n % 2}", sync_interval=9000)
    for n in range(40):
        folder.events(names(f"small{n}.", 100), f"s{n}", hour="2026-03-04-02", new=n % 2 == 0)
    reads = open_log(folder.source, most=most).all().reads
    whole = sorted(
        [*(one for n in range(4) for one in names(f"{n}.", 2500)), *(one for n in range(40) for one in names(f"small{n}.", 100))]
    )
    for stop in range(0, len(reads), 5):
        units = dict.fromkeys(range(CLASSES))
        units |= {unit: Position.unpack(read.position.pack()) for unit, read in reads[:stop]}
        rest = open_log(folder.source, units=units).all()
        taken = open_log(folder.source)  # only to read ids
        taken.reads = reads[:stop]
        assert whole == sorted(taken.ids + rest.ids)


@pytest.mark.parametrize("dense", [{OPEN}, {CLICK}, {OPEN, CLICK}])
@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_a_huge_backlog_is_listed_piece_by_piece(request, open_log, monkeypatch, dense, where):
    """With more objects than a listing may hold, the oldest come first, and all come, whichever folder was cut."""
    place, expected = request.getfixturevalue(where), []
    for n in range(40):
        for kind in (OPEN, CLICK):
            if kind in dense or n % 20 == 19:
                place.events([f"{kind}{n}"], f"f{n}", kind=kind, hour=f"2026-03-{1 + n // 10:02}-{n % 10:02}")
                expected.append(f"{kind}{n}")
    monkeypatch.setattr(listing, "LEAST", 4)
    assert sorted(expected) == sorted(open_log(place.source, window=1).all().ids)


def test_a_start_now_survives_a_restart(folder, open_log):
    """With `now` the first start is in the position from the beginning: what came while the connector was down is read."""
    folder.events(["old"], "a")
    start = time.time() + 3600
    first = open_log(folder.source, start="now", once=False, clock=lambda: start)
    units = {unit: Position.unpack(first.log.position(unit).pack()) for unit in range(CLASSES)}
    assert {start // 1} == {position.after for position in units.values()}
    key = folder.events(["new"], "b", hour=stamp(int(start // 3600)).removeprefix("date="))
    os.utime(folder.path / key, (start + 5, start + 5))
    assert ["new"] == open_log(folder.source, start="now", units=units, clock=lambda: start + 9000).all().ids


def test_an_object_that_vanishes_is_counted(folder, open_log):
    """What was read of it is delivered, the rest is one stretch of damage that names the block, and the others go on."""
    key = folder.events([f"{n:>1000}" for n in range(9000)], "f")
    reader = open_log(folder.source)
    reader.until(lambda: reader.reads)
    (folder.path / key).unlink()
    reader.all()
    got = reader.ids
    assert [f"{n:>1000}" for n in range(len(got))] == got
    assert 0 < len(got) < 9000
    assert len(reader.damage) == 1
    assert reader.damage[0].startswith(f"{key}#")
    assert reader.damage[0].endswith("object vanished")
    assert reader.reads[-1][1].position.reading is None


def test_an_object_that_vanished_between_runs_is_counted(folder, open_log):
    """The object that a run had begun and the next one doesn't find ends in damage, too."""
    key = folder.events(names("", 5000), "f")
    unit = unit_of(key)
    position = Position().at(key, 1, 0)
    (folder.path / key).unlink()
    reader = open_log(folder.source, units={unit: position}).all()
    assert [f"{key}#1 object vanished"] == reader.damage
    assert reader.log.position(unit).reading is None


def test_a_deselected_object_is_put_down(folder, open_log):
    """An object that was half read when its type was deselected is not read on."""
    key = folder.events(names("", 5000), "f")
    reader = open_log(folder.source, units={unit_of(key): Position().at(key, 1, 0)}, selected=frozenset({CLICK})).all()
    assert reader.reads == []


@pytest.mark.parametrize("data", [b"", b"no Avro at all"])
def test_what_is_no_avro_is_damage(folder, open_log, data):
    """An empty or strange file is counted, and the log goes on to the next one."""
    key = folder.put("f.avro", data)
    folder.events(["a"], "a")
    reader = open_log(folder.source).all()
    assert ["a"] == reader.ids
    assert [key] == [one.split("#")[0] for one in reader.damage]


def test_a_missing_folder_is_named_and_waited_for(folder, open_log):
    """A log that follows says what is wrong and resumes by itself; nothing counts as read or as damage meanwhile."""
    (source := folder.source).url += "/later"
    reader = open_log(source, once=False)
    reader.until(lambda: reader.log.error)
    assert f"no such folder: {folder.path}/later; create the folder or correct the path" == reader.log.error
    folder.events(["a"], "a")
    (folder.path / "later").mkdir()
    (folder.path / ROOT).rename(folder.path / "later" / ROOT)
    reader.until(lambda: reader.ids == ["a"] and reader.log.error is None)
    assert reader.damage == []


def test_a_bounded_run_fails_when_a_fault_persists(folder, open_log):
    """After five tries a run that is to end ends, saying why."""
    (source := folder.source).url += "/nowhere"
    reader = open_log(source)
    with pytest.raises(FailedError, match="source 'currents': no such folder"):
        reader.until(lambda: False)


def test_a_network_fault_is_never_damage(bucket, open_log):
    """A read that fails is tried again from the last good place; no event is lost, doubled or counted as damage."""
    bucket.events([f"{n:>500}" for n in range(9000)], "f")
    answers = iter([None, (500, "InternalError"), (500, "InternalError"), (500, "InternalError"), None, (503, "SlowDown")])
    bucket.spoil = lambda _method, what: next(answers, None) if what.endswith(".avro") else None
    reader = open_log(bucket.source).all()
    assert [f"{n:>500}" for n in range(9000)] == reader.ids
    assert reader.damage == []


def test_denied_reading_holds(bucket, open_log):
    """Without access the unit waits and says so, without the store's text; when access is back it reads on."""
    bucket.events(["a"], "a")
    bucket.spoil = lambda _method, what: (403, "AccessDenied") if what.endswith(".avro") else None
    reader = open_log(bucket.source, once=False)
    reader.until(lambda: reader.log.error)
    assert reader.log.error.startswith("access denied: s3://shop/exports (dataexport")
    assert "hush" not in reader.log.error
    assert reader.log.lag().objects == 1
    bucket.spoil = lambda _method, _what: None
    reader.until(lambda: reader.ids == ["a"] and reader.log.error is None)
    assert reader.damage == []


def test_a_bucket_that_is_gone_makes_no_object_vanish(bucket, open_log):
    """A missing bucket is a fault of the configuration: its objects are held, not counted as lost."""
    bucket.events(["a"], "a")
    bucket.spoil = lambda _method, what: (404, "NoSuchBucket") if what.endswith(".avro") else None
    reader = open_log(bucket.source, once=False)
    reader.until(lambda: reader.log.error)
    assert reader.log.error.startswith("no such bucket: s3://shop/exports")
    bucket.spoil = lambda _method, _what: None
    reader.until(lambda: reader.ids == ["a"])
    assert reader.damage == []


def test_a_bucket_that_is_gone_at_a_restart_makes_no_object_vanish(bucket, open_log):
    """The object that was begun is held until its bucket answers, and then read on from where it was left."""
    made = names("", 5000)
    key = bucket.events(made, "f", sync_interval=9000)
    first = open_log(bucket.source)
    first.until(lambda: first.reads)
    position = first.reads[0][1].position
    first.log.close()
    bucket.spoil = lambda _method, what: (404, "NoSuchBucket") if what.endswith(".avro") else None
    rest = open_log(bucket.source, units={unit_of(key): position}, once=False)
    rest.until(lambda: rest.log.error)
    assert rest.log.error.startswith("no such bucket: ")
    bucket.spoil = lambda _method, _what: None
    taken = len(first.records[0].data)
    rest.until(lambda: rest.ids and rest.log.position(unit_of(key)).reading is None)
    assert taken > 0
    assert made[-len(rest.ids) :] == rest.ids
    assert first.records[0].count + len(rest.ids) == 5000
    assert rest.damage == []


def test_renewed_options_are_used_at_the_next_try(bucket, open_log):
    """A wrong endpoint or credential that is mended where the options refer to needs no restart."""
    bucket.events(["a"], "a")
    source = bucket.source
    right, source.options["endpoint"] = source.options["endpoint"], "http://127.0.0.1:1"
    reader = open_log(source, once=False)
    reader.until(lambda: reader.log.error)
    assert reader.log.error == "unreachable: s3://shop/exports; check `endpoint`, network and DNS"
    source.options["endpoint"] = right
    reader.until(lambda: reader.ids == ["a"] and reader.log.error is None)


def test_a_bug_in_a_thread_is_raised_where_the_log_is_read(folder, open_log, monkeypatch):
    """Nothing stands still in silence: what is no fault of a store ends the process."""

    def broken(*_args, **_more):
        raise ZeroDivisionError

    monkeypatch.setattr(log, "find_folders", broken)
    reader = open_log(folder.source)
    with pytest.raises(ZeroDivisionError):
        reader.until(lambda: False)


def test_a_bucket_is_read_like_a_folder(bucket, open_log):
    """Over the S3 protocol, with pages of listings: from the oldest open hour on, every event once."""
    expected = []
    for n in range(260):
        bucket.events([f"e{n}"], f"f{n}", hour=f"2026-03-0{1 + n % 3}-0{n % 10}", new=n % 2 == 0)
        expected.append(f"e{n}")
    reader = open_log(bucket.source).all()
    assert sorted(expected) == sorted(reader.ids)
    units = {unit: reader.log.position(unit) for unit in range(CLASSES)}
    floor = min(position.floor for position in units.values())
    del bucket.requests[:]
    again = open_log(bucket.source, units=units).all()
    assert again.ids == []
    assert floor > 0
    assert any("start-after" in one for one in bucket.requests)


def test_reading_ahead_is_bounded(folder, open_log):
    """A caller that doesn't take anything stops its unit; nothing piles up."""
    key = folder.events([f"{n:>1000}" for n in range(20_000)], "f")
    reader = open_log(folder.source)
    reader.log.read(unit_of(key), 1)
    lane = reader.log._lanes[unit_of(key)]
    while lane.room or lane.busy:
        Event().wait(0.001)
    assert sum(piece.events for piece in lane.ready) == lane.events
    assert 0 < lane.events <= AHEAD + 1000
    assert lane.held <= 2 << 20


def test_one_thread_reads_what_comes_at_once(folder, open_log):
    """Several would only hand the interpreter's lock to one another."""
    for n in range(40):
        folder.events([str(n)], f"f{n}")
    reader = open_log(folder.source, monotonic=lambda: 0.0).all()
    assert names("", 40) == sorted(reader.ids, key=int)
    assert [thread.name.rpartition(" ")[2] for thread in reader.log._threads] == ["list", "0"]


def test_more_threads_read_behind_a_store_that_makes_them_wait(folder, open_log):
    """Until there are four."""
    for n in range(400):
        folder.events([str(n)], f"f{n}")
    passed = itertools.count(step=2 * SLOW)
    reader = open_log(folder.source, monotonic=lambda: next(passed)).all()
    assert names("", 400) == sorted(reader.ids, key=int)
    assert 1 < sum(" read " in thread.name for thread in reader.log._threads) <= READERS


def test_a_request_that_hangs_holds_up_no_other_unit(bucket, open_log):
    """Another thread reads them meanwhile, and it when it answers."""
    hang = Event()
    keys = [bucket.events([str(n)], f"f{n}") for n in range(40)]
    bucket.spoil = lambda _method, what: hang.wait(20) and None if what == keys[0] else None
    reader = open_log(bucket.source)
    others = {str(n) for n, key in enumerate(keys) if unit_of(key) != unit_of(keys[0])}
    reader.until(lambda: others <= set(reader.ids))
    assert "0" not in reader.ids
    hang.set()
    assert names("", 40) == sorted(reader.all().ids, key=int)


def test_closing_takes_no_time(bucket, open_log):
    """Threads end within a second, even with a request that hangs."""
    hang, reached = Event(), Event()

    def spoil(_method, _what):
        reached.set()
        hang.wait(20)

    bucket.spoil = spoil
    reader = open_log(bucket.source, once=False)
    assert reached.wait(20)
    before = time.monotonic()
    reader.log.close()
    assert time.monotonic() - before < 1.5
    hang.set()
