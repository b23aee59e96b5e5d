"""Known ids outlive the process in files of their own, beside the recovery store."""

import shutil

from tests.system.exports import export, put


def test_without_the_files_of_known_ids_a_run_goes_on_and_says_so(job, double, tmp_path):
    """Copies are sent again under their messageIds, which Segment drops for 24 h; nothing is lost. With the files they are dropped here."""
    made, inbox = export(tmp_path / "one", count=2_000), tmp_path / "inbox"
    put(made, inbox)
    main = job(inbox)
    main.once()
    once, read = double.summary(), main.connector()["received"]
    shutil.copytree(made.folder, inbox, dirs_exist_ok=True)  # the same files under their own names: copies
    main.once()
    assert once["received"] == double.summary()["received"]
    assert 2 * read == main.connector()["received"]
    known = main.state / "known"
    assert any(known.glob("*.ids"))
    shutil.rmtree(known)
    put(export(tmp_path / "again", count=2_000), inbox)
    run = main.once()
    assert "known.lost" in run.text()
    again = double.summary()
    assert once["kept"] == again["kept"]
    assert 2 * made.due() == again["received"]
