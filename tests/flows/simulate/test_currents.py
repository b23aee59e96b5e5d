from collections import Counter
from dataclasses import replace
from io import BytesIO
from itertools import islice

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from currents_segment.flows.simulate.currents import Export, Simulator, paced, spread
from currents_segment.flows.simulate.currents_file import NOT_AVRO
from currents_segment.flows.simulate.currents_mess import TIDY, Mess
from currents_segment.flows.simulate.currents_types import VERSIONS, choose, load

BASE = 1767322800.0  # 2026-01-02T03:00:00Z
TYPES = load()
SOME = choose(TYPES, ["users.messages.email.*", "users.messages.sms.InboundReceive", "users_canvas_abort"])


def exported(events=600, hours=2, **settings):
    export = Export(**{"types": SOME, "seed": 3, "events_per_file": 50, "block": 8, "mess": TIDY} | settings)
    return list(Simulator(export).files(spread(events, hours, BASE)))


def shape(files):
    return [(file.key, file.data) for file in files]


def keys(records):
    return Counter(record["id"] for record in records)


def test_a_seed_decides_every_byte():
    """Two runs with the same arguments write the same files; another seed writes others."""
    assert shape(exported(mess=Mess())) == shape(exported(mess=Mess()))
    assert shape(exported(mess=Mess())) != shape(exported(mess=Mess(), seed=4))


def test_codec_and_layout_leave_the_events_alone():
    """The same seed gives the same events however they are packed and wherever they lie."""
    one, two = exported(codec="null", layout="old"), exported(codec="xz", layout="new")
    assert [file.records for file in one] == [file.records for file in two]


def test_keys_are_unique():
    """No file replaces another."""
    files = exported(mess=Mess())
    assert len(files) == len({file.key for file in files})


@given(events=st.integers(1, 400), hours=st.integers(1, 5), size=st.integers(1, 60))
@settings(max_examples=25, deadline=None)
def test_there_are_as_many_events_as_were_asked_for(events, hours, size):
    """Whole events, none lost between hours, types and files, and no file above its limit."""
    files = exported(events, hours, events_per_file=size)
    assert events == sum(len(file.records) for file in files)
    assert max(len(file.records) for file in files) <= size


def test_every_type_is_there_when_there_are_events_enough():
    """Each type gets one event before any gets more."""
    files = exported(len(TYPES), 1, types=tuple(TYPES.values()))
    assert set(TYPES) == {file.kind.name for file in files}


@pytest.mark.parametrize("layout", ["old", "new"])
def test_a_reader_finds_in_a_file_what_is_said_to_be_there(layout):
    """The records and the schema's name, read back by fastavro."""
    for file in exported(layout=layout, types=tuple(TYPES.values())):
        reader = fastavro.reader(BytesIO(file.data))
        assert file.records == list(reader)
        assert reader.writer_schema["name"].rpartition(".inner.")[2] in file.kind.spellings


def test_events_lie_in_their_hour():
    """The time of an event is in the hour that its folder names."""
    for file in exported(hours=3):
        assert all(file.at - 3600 <= record["time"] < file.at for record in file.records)
    assert {"date=2026-01-02-00", "date=2026-01-02-01", "date=2026-01-02-02"} == {file.key.split("/")[2] for file in exported(hours=3)}


def test_all_spellings_of_a_type_occur():
    """Both names of an abort are met, in folders as in schemas."""
    folders = {file.key.split("/")[1] for file in exported(2000)}
    assert {"event_type=users_canvas_abort", "event_type=users.canvas.Abort"} <= folders


def test_users_do_not_meet_themselves():
    """No user has two events of a type in one second: an event's content is its own."""
    files = exported(3000, types=SOME[:1])
    assert 1 == max(Counter((record["user_id"], record["time"]) for file in files for record in file.records).values())


def test_duplicates_within_a_file_are_copies():
    """The share of a file's events comes a second time, field for field."""
    files = exported(mess=replace(TIDY, duplicates=0.1))
    repeated = sum(len(file.records) - len(keys(file.records)) for file in files)
    assert 600 * 0.1 == pytest.approx(repeated, abs=2 * len(SOME))
    for file in files:
        assert len(keys(file.records)) == len({str(sorted(record.items(), key=str)) for record in file.records})


def test_duplicates_across_files_are_copies():
    """What comes again in a later file came in an earlier one of the same type."""
    files = exported(3000, mess=replace(TIDY, again=0.05))
    seen, again = {}, 0
    for file in files:
        before = set(seen)
        for record in file.records:
            assert record == seen.setdefault(record["id"], record)
            again += record["id"] in before
    assert 3000 * 0.05 == pytest.approx(again, rel=0.3)


def test_the_share_of_anonymous_users():
    """Users without an external id stay so in all their events."""
    records = [record for file in exported(3000, mess=replace(TIDY, anonymous=0.25)) for record in file.records]
    assert 0.25 == pytest.approx(sum(record["external_user_id"] is None for record in records) / len(records), abs=0.03)
    assert not {r["user_id"] for r in records if r["external_user_id"]} & {r["user_id"] for r in records if r["external_user_id"] is None}


def test_events_with_neither_id():
    """Null where the type allows it or `[REDACTED]`: no id is left that can be sent."""
    records = [record for file in exported(mess=replace(TIDY, no_identity=1)) for record in file.records]
    assert {None, "[REDACTED]"} == {record["user_id"] for record in records} == {record["external_user_id"] for record in records}


def test_events_with_one_redacted_id():
    """Either of the two ids is redacted, the other can be sent."""
    records = [record for file in exported(mess=replace(TIDY, redacted=1)) for record in file.records]
    usable = [{name for name in ("user_id", "external_user_id") if record[name] not in {None, "[REDACTED]"}} for record in records]
    assert {frozenset({"user_id"}), frozenset({"external_user_id"})} == set(map(frozenset, usable))


@pytest.mark.parametrize(("kind", "least", "most"), [("long", 6_000, 12_000), ("oversize", 40_000, 40_000)])
def test_long_texts(kind, least, most):
    """Long means long and sendable; oversize means far over what Segment takes."""
    for file in exported(200, mess=replace(TIDY, **{kind: 1})):
        for record in file.records:
            assert least <= max(len(value.encode()) for value in record.values() if isinstance(value, str)) <= most


def test_strange_texts():
    """Every strange event has text that is not plain printable ASCII."""
    for file in exported(200, mess=replace(TIDY, strange=1)):
        for record in file.records:
            texts = [value for name, value in record.items() if isinstance(value, str) and name != "email_address"]
            assert any(not (text.isascii() and text.isprintable()) or '"' in text for text in texts)


def test_versions_of_schemas():
    """Files of all three ages occur, each with its own fields."""
    files = exported(3000, mess=replace(TIDY, older=0.3, newer=0.3))
    assert set(VERSIONS) == {file.kind.version for file in files}
    for file in files:
        fields = {field.name for field in TYPES[file.kind.name].of(file.kind.version).fields}
        assert all(set(record) == fields for record in file.records)


def test_misplaced_files_hold_another_type():
    """Folder and schema disagree in the share of files that is asked for, and nowhere else."""
    assert all(file.folder != file.kind.name for file in exported(mess=replace(TIDY, misplaced=1)))
    assert all(file.folder == file.kind.name for file in exported())


@pytest.mark.parametrize("kind", ["corrupt", "truncated"])
@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_damaged_files_account_for_every_event(kind, codec):
    """What can be read and what is lost are together what was written; each file lost something, at most a block."""
    files = exported(codec=codec, mess=replace(TIDY, **{kind: 1}))
    assert 600 == sum(len(file.records) + file.damaged for file in files)
    assert all(1 <= file.damaged <= 8 for file in files)


def test_extra_files():
    """One that is no Avro, one of nobody's type and an empty one lie beside the regular files; the first two kinds of damage count as one event."""
    files = exported(mess=replace(TIDY, unknown=0.1, not_avro=0.1, empty=0.1))
    assert {NOT_AVRO, b""} == {file.data for file in files if file.kind is None}
    assert {1} == {file.damaged for file in files if file.kind is None}
    unknown = [file for file in files if file.kind is not None and not file.kind.known]
    assert unknown
    assert all(file.folder not in TYPES for file in unknown)


def test_a_paced_export_keeps_its_rate():
    """Every round has the events of its span; the rounds follow each other without gaps until the end."""
    rounds = list(paced(2.5, 7.0, 2.0, BASE))
    assert [(0.0, 2.0, 5), (2.0, 4.0, 5), (4.0, 6.0, 5), (6.0, 7.0, 3)] == [(r.start - BASE, r.end - BASE, r.events) for r in rounds]


def test_a_paced_export_without_a_duration_never_ends():
    """It goes on for as long as it is asked for more."""
    assert 10 * 1000 == sum(r.events for r in islice(paced(1000, None, 1.0, BASE), 10))


def test_at_a_low_rate_the_types_take_turns():
    """A round has few files of a decent size, and after some rounds each type had its turn."""
    export = Export(SOME, least=20, mess=TIDY)
    files = list(Simulator(export).files(paced(50, 20.0, 1.0, BASE)))
    assert 2 == max(Counter(file.at for file in files).values())
    assert {kind.name for kind in SOME} == {file.kind.name for file in files}
