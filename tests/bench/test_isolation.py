import sys
from dataclasses import replace
from subprocess import run

import pytest
from tests.bench.flat import growth
from tests.bench.isolation import Trial, kept, verdict
from tests.bench.load import Carried, longest_gap
from tests.system.rig import PATIENCE

CARRIED = Carried(events=100, seconds=10.0, stall=0.5, cpu=4.0, others=0.0, memory=300_000_000, store=20_000_000)
SMALL = ("--events", "400", "--keep", "0", "--stall", "60", "--growth", "1e9")  # too little for any ratio to mean something


def slower(ratio, stall=0.5):
    return Trial(before=CARRIED, onset=CARRIED, during=replace(CARRIED, seconds=CARRIED.seconds / ratio, stall=stall))


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        ([slower(0.95), slower(0.2), slower(0.5)], None),
        ([slower(0.94), slower(0.94), slower(0.9)], "503: the healthy connectors kept 94% of their throughput"),
        ([slower(1.0), slower(1.0, stall=2.0), slower(1.0)], "503: a healthy connector stalled for 2.0 s"),
    ],
)
def test_a_busy_machine_decides_nothing_about_throughput_but_one_stall_counts(trials, told):
    """Throughput is judged by the best of the rounds, since other work only takes away; stalls by the worst."""
    broken = verdict({"503": trials}, keep=0.95, stall=2.0)
    assert [told] == [line.partition(";")[0] for line in broken] if told else [] == broken


def test_what_is_kept_where_nothing_fails_is_told_and_excuses_nothing():
    """A machine that became slower meanwhile is no reason to end well."""
    trials = {"nothing": [slower(0.9)], "503": [slower(0.9)]}
    assert 1.0 == kept(trials, "503")
    assert 2 == len(verdict(trials, keep=0.95, stall=2.0))


def test_a_stall_is_the_longest_time_between_two_deliveries():
    """Requests overlap, so they are not told in the order of their beginning."""
    assert 4.0 == longest_gap([10.0, 17.0, 11.0, 13.0])
    assert 0.0 == longest_gap([10.0])


def test_whatever_is_kept_of_each_event_is_found_and_a_step_is_none():
    """What fills at the start does not count either."""
    waves = [replace(CARRIED, events=1_000, memory=300 + 8 * 1_000 * number, store=max(0, 5_000 - 3_000 * number)) for number in range(10)]
    assert (8.0, 0.0) == growth(waves)
    assert (0.0, 0.0) == growth([replace(CARRIED, events=1_000, store=90_000 if number > 6 else 10) for number in range(10)])


def command(*options):
    done = run(
        [sys.executable, "-m", "tests.bench.isolation", *SMALL, *options], capture_output=True, text=True, timeout=4 * PATIENCE, check=False
    )
    assert 0 == done.returncode, f"{done.stdout}\n{done.stderr}"
    return done.stdout.splitlines()


def test_the_command_shows_a_line_for_each_fault(tmp_path):
    """It counts for itself that every healthy connector delivered each wave, whole and once, and that the failing one did not end its work."""
    lines = command("--faults", "503", "--rounds", "1", "--backlog", "2000", "--home", tmp_path)
    rows = [line.split() for line in lines if line.startswith("503")]
    assert [11, 15] == sorted(map(len, rows))
    assert [] == list(tmp_path.iterdir())


def test_the_command_shows_memory_and_store_wave_by_wave(tmp_path):
    """All events are carried by the two healthy connectors, none by the one that is down, which holds what it read."""
    rows = [line.split() for line in command("--flat", "800", "--home", tmp_path) if line.strip()[:1].isdigit()]
    assert ["200", "400", "600", "800"] == [row[0] for row in rows]
    assert all(0 < int(row[5]) <= int(row[0]) // 2 for row in rows)
