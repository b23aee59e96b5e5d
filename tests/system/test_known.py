"""Known ids outlive the process in files of their own, beside the recovery store."""

import shutil

from tests.system.exports import export


def test_a_start_without_the_files_of_known_ids_is_refused(job, double, tmp_path):
    """Copies would pass unnoticed; nothing is sent, and with the files back it goes on."""
    main = job(export(tmp_path / "one").folder)
    main.once()
    sent = double.summary()
    known = main.state / "known"
    assert any(known.glob("*.ids"))
    shutil.move(known, tmp_path / "away")
    refused = main.start("--once")
    assert 2 == refused.end()
    assert "time slots of a shard are not in the folder `known`" in refused.text()
    shutil.move(tmp_path / "away", known)
    main.once()
    assert sent == double.summary()
