"""The doctor looks, changes nothing, and what it says of a start is what a start does; a state that must not be used is refused."""

import os
import pickle
import signal
import sqlite3
from contextlib import closing

import pytest
from tests.system.exports import export, put
from tests.system.rig import command, everything_under

from currents_segment.flows.committed import parts


def contents(main):
    """All that is kept, byte for byte; SQLite's index of its log is made anew by whoever opens it."""
    return {path: path.read_bytes() for path in everything_under(main.state, main.dead_letters) if not path.name.endswith("-shm")}


def examined(main, *, code):
    """What the doctor says, having changed nothing."""
    before = contents(main)
    said = command("doctor", main.config, code=code).stdout
    assert before == contents(main)
    return said


def newer(main, step):
    """The state as if a later version had written it."""
    for part in parts(main.state):
        with closing(sqlite3.connect(part, isolation_level=None)) as file:
            for key, epoch, row in file.execute(
                "select state_key, snap_epoch, ser_change from snaps where step_id = ?", (step,)
            ).fetchall():
                state = pickle.loads(row) | {"version": 99}
                file.execute(
                    "update snaps set ser_change = ? where (step_id, state_key, snap_epoch) = (?, ?, ?)",
                    (pickle.dumps(state), step, key, epoch),
                )


def test_before_and_after_a_run_all_is_well(job, currents):
    """It says what the first start reads, and after it what there is."""
    main = job(currents.folder)
    said = examined(main, code=0)
    assert "store: none yet" in said
    assert f"begins anew at `start` (earliest) and reads {len(currents.files())} objects" in said
    main.once()
    said = examined(main, code=0)
    assert "shop: has read all there is" in said
    assert f"{len(main.letters())} letters" in said
    assert "all is well" in said.splitlines()[-1]


def test_during_a_run_it_says_who_has_the_state_and_disturbs_nobody(job, double, currents):
    """Again and again, from the first second on."""
    main = job(currents.folder)
    run = main.start()
    main.until_kept(200)
    for _ in range(3):
        said = command("doctor", main.config, code=0).stdout
        assert f"in use by process {run.process.pid} on " in said
        assert "if the run ended hard now, the next one" in said
    main.until_kept(currents.due())
    main.until(lambda: main.connector()["lag"]["objects"] == 0 == main.connector()["letters_pending"], "all of it")
    run.stop()
    main.proved(currents)
    assert 0 == sum(double.summary()["duplicates"].values())


def test_after_a_hard_end_it_says_what_is_sent_again(job, double, currents):
    """And nothing of it is lost."""
    double.fault(do="pass", delay=10)  # so that they are un-acked for as long as it takes to look
    main = job(currents.folder, {"shop": {"limits": {"batch_events": 100, "in_flight": 1}}})
    run = main.start("--once")
    main.until(lambda: "un-acked" in command("doctor", main.config, "--offline").stdout, "a commit with un-acked events")
    run.kill()
    said = examined(main, code=0)
    assert "the last run ended hard" in said
    assert "events again that were un-acked" in said
    double.clear()
    main.once()
    main.proved(currents)
    assert "the last run ended hard" not in examined(main, code=0)


def test_a_store_that_is_gone_or_damaged_is_told_with_the_way_out(job, currents):
    """And a start with a damaged one is refused."""
    main = job(currents.folder)
    main.once()
    kept = {part: part.read_bytes() for part in parts(main.state)}
    first, *others = kept
    first.write_bytes(b"no database" * 1000)
    assert "fault: store: " in examined(main, code=1)
    refused = main.start("--once")
    assert 2 == refused.end()
    assert "is damaged (file is not a database). Put a backup in its place" in refused.text()
    for part in kept:
        part.unlink()
    assert "is empty, though a run was here" in examined(main, code=1)
    for part, data in kept.items():
        part.write_bytes(data)
    examined(main, code=0)
    others[0].unlink()
    assert "2 of its 3 files are there" in examined(main, code=1)


@pytest.mark.parametrize("step", ["currents_segment.read", "currents_segment.deliver"])
def test_a_state_of_a_newer_version_is_refused_in_a_sentence_and_left_as_it_is(job, double, currents, step):
    """By one process, by a local cluster and by the commands that read it; nothing is sent."""
    main = job(currents.folder)
    main.once()
    newer(main, step)
    before, sent = {part: part.read_bytes() for part in parts(main.state)}, double.summary()
    for processes in (1, 2):
        refused = main.start("--once", processes=processes)
        assert 2 == refused.end()
        (line,) = refused.text().splitlines()
        assert "of version 99, this program knows version 2; use the version of currents-segment that wrote it" in line
    assert "of version 99, this program knows version 2" in examined(main, code=1)
    command("connectors", "rewind", main.config, "shop", "--to", "earliest", "--yes", code=2)
    assert before == {part: part.read_bytes() for part in parts(main.state)}
    assert sent == double.summary()


def test_a_process_that_has_no_store_refuses_what_its_slots_are_given(job, currents):
    """In a cluster of machines only process 0 can look before; the others say the same sentence when their state reaches them."""
    main = job(currents.folder)
    main.once()
    newer(main, "currents_segment.read")
    blind = main.start(
        "--once", env={"CURRENTS_SEGMENT_LOCAL": f"{os.getpid()} quiet"}
    )  # as a child of a local cluster, whose parent has looked
    assert 2 == blind.end()
    assert "of version 99, this program knows version 2; use the version" in blind.text().splitlines()[-1]


def test_files_that_came_too_late_are_counted_and_its_remedy_sends_them(job, double, tmp_path):
    """They are in no ledger, since they were never read."""
    folder, late = tmp_path / "bucket", export(tmp_path / "late", count=600, seed=2)
    put(export(tmp_path / "early", count=600), folder)
    main = job(folder)
    main.once()
    kept = double.kept("shop")
    for file in late.files():
        place = folder / file.relative_to(late.folder).with_stem(f"{file.stem}-late")
        old = place.parents[-1] / "/".join("date=2026-01-31-08" if part.startswith("date=") else part for part in place.parts[1:])
        old.parent.mkdir(parents=True, exist_ok=True)
        old.write_bytes(file.read_bytes())
    main.once()
    assert kept == double.kept("shop")
    (line,) = [line for line in examined(main, code=1).splitlines() if line.startswith("warning: ")]
    assert f"{len(late.files())} files (" in line
    remedy = line.partition("to send them: connectors rewind ")[2].split()
    assert ["shop", "--to", "2026-01-31T08:00Z"] == remedy
    command("connectors", "rewind", main.config, *remedy, "--yes")
    main.once()
    assert kept + late.due() == double.kept("shop")
    examined(main, code=0)


def test_a_connector_that_fails_or_is_not_configured_is_told(job, double, currents):
    """With what its events wait for."""
    double.fault(do="status", status=503, source="shop")
    main = job(currents.folder, {"shop": {}, "other": {}})
    run = main.start()
    main.until(lambda: main.connector()["failing_since"] and main.connector()["in_flight"], "shop to fail with events held")
    main.until(lambda: "every attempt has failed since" in command("doctor", main.config, "--offline", code=1).stdout, "a commit of it")
    run.stop(signal.SIGINT)
    said = examined(main, code=1)
    assert "warning: shop: every attempt has failed since " in said
    del main.connectors["shop"]
    main.configure()
    (line,) = [line for line in examined(main, code=1).splitlines() if line.startswith("warning: ")]
    assert line.startswith("warning: shop: not configured: the state keeps its positions and ")


def test_a_mistake_in_its_arguments_is_one_line(tmp_path):
    """With exit code 2."""
    (line,) = command("doctor", tmp_path / "nothing.yaml", code=2).stderr.splitlines()
    assert "nothing.yaml" in line
