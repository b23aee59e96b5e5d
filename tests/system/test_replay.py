"""An outage of more than 48 hours, mended by hand: what expired reaches Segment after all, although the replay is killed on its way."""

import os
import subprocess

from tests.system.exports import export
from tests.system.jobs import OFFSET_FILE
from tests.system.rig import CLI, PATIENCE, command, wait

HOUR = 3600.0  # s


def test_what_expired_is_delivered_by_a_replay(job, double, tmp_path):
    """Segment has every message exactly as if nothing had failed; what cannot be sent stays, a second replay sends nothing, and drop leaves the rest."""
    made = export(tmp_path / "export", count=3_000)
    offset = tmp_path / "offset"
    offset.write_text("0")
    down = double.fault(do="status", status=503)
    main = job(made.folder)
    run = main.start(env={OFFSET_FILE: str(offset)})
    main.until(lambda: main.connector()["requests"].get("503"), "a failed attempt")
    offset.write_text(str(49 * HOUR))
    main.until(lambda: main.letter_counts()["shop", "expired"] == made.due(), "all events to expire")
    run.stop()
    double.clear(name=down)
    double.fault(do="pass", delay=0.05)
    process = subprocess.Popen(
        [*CLI, "dead-letters", "replay", str(main.config), "--reason", "expired", "--yes"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ,
    )
    wait(lambda: double.kept() >= 600, "the first messages")
    process.kill()
    process.wait(PATIENCE)
    double.clear()
    assert double.kept() < made.due()
    others = [letter for letter in main.letters() if letter.outcome != "expired"]

    assert " 0 refused again, 0 left" in command("dead-letters", "replay", main.config, "--reason", "expired", "--yes").stdout
    assert (
        "missing=0 spurious=0 corrupted=0 repeated=0" in main.compare(made, code=1).splitlines()[0]
    )  # 1: the run's own ledger says expired
    assert 200 >= sum(double.summary()["duplicates"].values())  # one batch: what was under way when it was killed

    requests = len(double.requests("shop"))
    command("dead-letters", "replay", main.config, "--since", "1970-01-01", "--yes", code=1 if others else 0)
    assert requests == len(double.requests("shop"))
    command("dead-letters", "drop", main.config, "--replayed", "--yes")
    assert sorted(others, key=repr) == sorted(
        main.letters(), key=repr
    )  # what stays of an object has another name, so another place in the order
