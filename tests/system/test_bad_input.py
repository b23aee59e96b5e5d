"""Objects that no reader can read whole: what is readable is delivered, the rest is counted and kept, by object and block."""

import json
from collections import Counter

import fastavro
import pytest
from tests.system.exports import Export, export, put
from tests.system.rig import command


@pytest.fixture(scope="module")
def tidy(tmp_path_factory):
    """Mails, nothing odd: files of 50 events in blocks of 10."""
    return export(
        tmp_path_factory.mktemp("tidy"), "--tidy", "--types", "users.messages.email.*", "--block", 10, "--codec", "null", count=1_000
    )


def test_damage_is_counted_kept_and_named(job, tidy, tmp_path):
    """A file cut short, a broken block, something else than Avro and an empty file cost what cannot be read of them, and no more."""
    inbox = tmp_path / "inbox"
    put(tidy, inbox)
    cut, broken, other, empty = [path for path in sorted(inbox.rglob("*.avro")) if 5 == len(blocks(path))][:4]
    events = {path.name: blocks(path) for path in (cut, broken, other, empty)}
    cut.write_bytes(cut.read_bytes()[:-20])  # in the last block of ten: neither its end nor its mark is there
    damaged = bytearray(broken.read_bytes())
    at = [i for i in range(len(damaged)) if damaged.startswith(bytes(damaged[-16:]), i)][2]  # the mark behind the second block
    damaged[at : at + 16] = bytes(16)
    broken.write_bytes(damaged)
    other.write_bytes(b"PAR1 is not Avro" * 10)
    empty.write_bytes(b"")
    main = job(inbox)
    main.once()
    outcomes = main.outcomes()
    letters = [letter for letter in main.letters() if letter.outcome == "undecodable/bad_frame"]
    assert {path.name for path in (cut, broken, other, empty)} == {letter.origin.object.rpartition("/")[2] for letter in letters}
    begins = {letter.origin.object.rpartition("/")[2]: letter.origin.block for letter in letters}
    assert {cut.name: 4, other.name: 0, empty.name: 0} == {name: begins[name] for name in (cut.name, other.name, empty.name)}
    lost: Counter[str] = Counter()
    for letter in letters:
        lost[letter.origin.object.rpartition("/")[2]] += letter.count
    assert events[cut.name][4] == lost[cut.name]
    assert 1 == lost[other.name] == lost[empty.name]
    assert events[broken.name][1] <= lost[broken.name] <= sum(events[broken.name][1:3])
    assert outcomes["undecodable/bad_frame"] == lost.total()
    assert outcomes["delivered"] == tidy.due() - sum(events[other.name] + events[empty.name]) - lost[cut.name] - lost[broken.name]
    listed = [json.loads(line) for line in command("dead-letters", "list", main.config, "--json").stdout.splitlines()]
    assert {letter.id for letter in letters} == {letter["id"] for letter in listed}
    for letter in letters:
        shown = command("dead-letters", "show", letter.id, main.config).stdout
        assert letter.origin.object in shown


def test_an_object_that_is_deleted_while_being_read(job, double, tmp_path):
    """What was read of it is delivered; the rest is one dead letter that names the object and where the reading had come."""
    made = export(
        tmp_path / "big", "--tidy", "--types", "users.messages.email.Click", "--events-per-file", 40_000, "--codec", "null", count=40_000
    )
    (file,) = made.files()
    small = export(tmp_path / "small", "--tidy", "--types", "users.messages.email.Open", count=200, seed=2)
    inbox = tmp_path / "inbox"
    put(Export(made.folder, made.expected), inbox)
    down = double.fault(do="status", status=503)
    main = job(inbox)
    run = main.start()
    main.until(lambda: main.connector()["health"] == "failing", "the endpoint to be seen down")
    assert file.stat().st_size > 8 << 20  # more than is read ahead
    next(inbox.rglob("*.avro")).unlink()
    put(small, inbox)
    double.clear(name=down)
    main.until(lambda: main.connector()["outcomes"].get("undecodable/bad_frame"), "the end of the object to be counted")
    main.until(lambda: main.letters() and main.connector()["in_flight"] == 0, "all to be delivered and kept")
    main.until(lambda: double.kept() == main.connector()["outcomes"]["delivered"], "the ledger to know what was delivered")
    run.stop()
    outcomes = main.outcomes()
    (letter,) = main.letters()
    assert ("undecodable/bad_frame", "object vanished") == (letter.outcome, letter.detail)
    assert letter.origin.object.rpartition("/")[2].startswith(file.stem)
    assert 100 * letter.origin.block + letter.origin.record + small.due() == outcomes["delivered"] == double.kept()
    compared = main.compare(made, small, code=1).splitlines()[0]
    assert "spurious=0 corrupted=0 repeated=0" in compared


def blocks(path):
    """How many events each block of a container file holds."""
    with path.open("rb") as file:
        return [block.num_records for block in fastavro.block_reader(file)]
