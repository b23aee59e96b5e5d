"""A connector set back sends again what it sent, under the same messageIds and once; set forward, it leaves out what it has not read."""

import json
import subprocess
import time

import pytest
from tests.system.exports import export, put
from tests.system.rig import CLI, PATIENCE, command, wait

from currents_segment.flows.bucket import Position
from currents_segment.flows.committed import POSITIONS, committed, parts


def listed(main):
    """What the state knows of each connector."""
    lines = command("connectors", "list", main.config, "--json").stdout.splitlines()
    return {one["connector"]: one for one in map(json.loads, lines)}


def answered(double, source):
    """Messages that Segment had before, answered by 2xx then."""
    count: int = double.summary(source)["duplicates"]["answered"]
    return count


def test_set_back_to_the_beginning_a_connector_sends_everything_again_once(job, double, currents):
    """Deduplication forgets what it knew of this connector and of no other; copies within the log are still found; the next run sends nothing more."""
    main = job(currents.folder, {"shop": {}, "other": {}})
    main.once()
    due, store = currents.due(), {part: part.read_bytes() for part in parts(main.state)}
    told = command("connectors", "rewind", main.config, "shop", "--to", "earliest").stdout
    assert f"read and sent again  {len(currents.files())} objects" in told
    assert store == {part: part.read_bytes() for part in parts(main.state)}
    assert (due, 0) == (double.kept("shop"), answered(double, "shop"))
    assert "done: " in command("connectors", "rewind", main.config, "shop", "--to", "earliest", "--yes").stdout
    assert {"shop": 1, "other": 0} == {name: one["rewinds"] for name, one in listed(main).items()}
    main.once(processes=2)
    assert (due, due) == (double.kept("shop"), answered(double, "shop"))
    assert 0 == answered(double, "other")
    assert 2 * currents.ledgers["shop"]["received"] == main.connector()["received"]
    main.once()
    assert due == answered(double, "shop")


def test_set_forward_a_connector_leaves_out_what_it_has_not_read(job, double, currents, tmp_path):
    """What comes afterwards is sent; another connector sends all of it."""
    folder = tmp_path / "bucket"
    put(currents, folder)
    main = job(folder, {"shop": {}, "other": {}})
    main.once()
    put(export(tmp_path / "left-out", count=600, seed=2), folder, at=time.time() - 60)
    told = command("connectors", "rewind", main.config, "shop", "--to", "now", "--yes").stdout
    assert "NOT sent" in told
    before, later = double.kept("other"), export(tmp_path / "later", count=600, seed=3)
    main.once()
    assert double.kept("shop") == before < double.kept("other")
    put(later, folder)
    main.once()
    assert before + later.due() == double.kept("shop")


def test_a_state_that_a_run_holds_is_left_alone(job, double, currents):
    """The preview is given; the change is refused, names the run, and leaves it undisturbed."""
    double.fault(do="pass", delay=0.2)
    main = job(currents.folder, {"shop": {"limits": {"batch_events": 100, "in_flight": 1}}})
    run = main.start("--once")
    main.until_kept(100)
    main.until(lambda: listed(main)["shop"]["received"], "a commit")
    assert f"once process {run.process.pid} on " in command("connectors", "rewind", main.config, "shop", "--to", "now").stdout
    (line,) = command("connectors", "rewind", main.config, "shop", "--to", "now", "--yes", code=2).stderr.splitlines()
    assert f"in use by process {run.process.pid} on " in line
    double.clear()
    assert 0 == run.end(), run.text()
    main.proved(currents)


def test_killed_on_its_way_and_typed_again_after_a_run_that_was_killed(job, double, currents):
    """Neither leaves anything half done: all slots stand where they stood, or where they were set; then everything is sent."""
    main = job(currents.folder)
    run = main.start()
    main.until_kept(200)
    main.until(lambda: listed(main)["shop"]["received"], "a commit")
    run.kill()
    rewind = [*CLI, "connectors", "rewind", str(main.config), "shop", "--to", "earliest", "--yes"]
    process = subprocess.Popen(rewind, stdout=subprocess.DEVNULL)
    wait(lambda: f"process {process.pid} on" in (main.state / "lock").read_text() or process.poll() is not None, "it to hold the state")
    process.kill()
    process.wait(PATIENCE)
    command(*rewind[len(CLI) :])
    with committed(main.state) as found:
        rows = found.rows(POSITIONS)
    assert {1} == {row["rewinds"]["shop"][0] for row in rows.values()}
    assert {0} == {Position.unpack(packed).floor for row in rows.values() for packed in row["positions"].values()}
    main.once()
    assert currents.due() == double.kept("shop")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("shpo", "--to", "now"), "'shpo' is not in "),
        (("shop", "--to", "yesterday"), "neither earliest, nor now, nor a time"),
        (("shop", "--to", "2999-01-01"), "lies in the future"),
        (("shop", "--to", "earliest", "--yes"), "no recovery store"),
    ],
)
def test_a_mistake_in_its_arguments_is_one_line(job, currents, arguments, said):
    """And changes nothing, not even by making a folder."""
    main = job(currents.folder)
    (line,) = command("connectors", "rewind", main.config, *arguments, code=2).stderr.splitlines()
    assert said in line
    assert not main.state.exists()
