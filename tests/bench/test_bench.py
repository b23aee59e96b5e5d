import json
import re
import shutil
import sys
from subprocess import run
from xml.etree import ElementTree as ET

import pytest
from tests.bench import race, report
from tests.bench.receiver import HEAD, Request, requests
from tests.bench.tables import TABLES
from tests.system.rig import PATIENCE

ID = "00000000-0000-4000-8000-00000000000"


def taken(*numbers, status=200, sender="a"):
    body = json.dumps({"batch": [{"messageId": f"{ID}{number}:x"} for number in numbers]}).encode()
    return Request(1.0, 2.0, status, sender, len(body), body)


def test_whatever_is_missing_repeated_or_another_s_makes_outputs_unequal():
    """Only what was answered with 200 has arrived, each sender's by itself."""
    whole = race.arrived([taken(1, 2), taken(3, status=503), taken(3), taken(1, sender="b")]).sums
    assert whole == race.arrived([taken(3, 1, sender="a"), taken(2), taken(1, sender="b")]).sums
    assert (3, 1) == (whole["a"].events, whole["b"].events)
    for other in ([taken(1, 2)], [taken(1, 2, 3, 3)], [taken(1, 2, 4)], [taken(1, 2), taken(3, sender="b")]):
        assert whole["a"] != race.arrived(other).sums["a"]


def test_what_was_written_down_is_what_came(tmp_path):
    """Request by request."""
    spool = tmp_path / "spool"
    spool.write_bytes(HEAD.pack(1.0, 2.0, 200, 1, 2, False) + b"a{}" + HEAD.pack(3.0, 4.0, 503, 2, 0, False) + b"bc")
    assert [Request(1.0, 2.0, 200, "a", 2, b"{}"), Request(3.0, 4.0, 503, "bc", 0, b"")] == list(requests(spool))


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    """A small race by the command itself."""
    home = tmp_path_factory.mktemp("bench")
    words = [sys.executable, "-m", "tests.bench", "--quick", "--events", "2000", "--rounds", "1", "--home", home]
    done = run(list(map(str, words)), capture_output=True, text=True, timeout=4 * PATIENCE, check=False)
    assert 0 == done.returncode, f"{done.stdout}\n{done.stderr}"
    return home, done.stdout


def test_ours_from_both_logs_and_the_others_deliver_the_same(raced):
    """Held against what is known from the making of the events; the table, the figures and the chart are made of it."""
    home, said = raced
    found = json.loads((home / "results.json").read_text())
    assert [True, True, True, True, None, True, None] == [row["equal"] for row in found["race"]]
    assert ["Kafka", "bucket"] == [row["source"] for row in found["race"][:2]]
    assert all(row["name"] in said and row["after_start"] > 0 for row in found["race"])
    assert all(row["memory"] > 50e6 for row in found["race"][:4])
    bars = ET.parse(home / "charts" / "cost.svg").findall(".//{http://www.w3.org/2000/svg}rect")
    assert len(found["race"]) == len(bars)
    assert (home / "tables.txt").read_text().strip() in said


def test_the_page_is_made_of_the_results(raced, tmp_path):
    """Between its markers; what was not measured stays as it is, and again gives the same."""
    home, _ = raced
    found = json.loads((home / "results.json").read_text())
    page = tmp_path / "performance.md"
    shutil.copy(report.PAGE, page)
    report.publish(found, page, home / "charts")
    first, before = page.read_text(), report.PAGE.read_text()
    assert f"| {found['race'][0]['name']} |" in first
    assert part(before, "latency") == part(first, "latency")
    assert part(before, "race") != part(first, "race")
    report.publish(found, page, home / "charts")
    assert first == page.read_text()
    assert {*TABLES, "about", "speed"} == set(re.findall(r"<!-- /(\w+) -->", first))
    assert {"cost.svg", "results.json"} == {file.name for file in (tmp_path / "performance").iterdir()}
    assert found == json.loads((tmp_path / "performance" / "results.json").read_text())


def part(page, name):
    return page.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]


def test_a_page_without_a_place_for_a_table_is_told(raced, tmp_path):
    """Rather than published without it."""
    home, _ = raced
    page = tmp_path / "performance.md"
    page.write_text("nothing\n")
    with pytest.raises(ValueError, match="no <!-- about -->"):
        report.publish(json.loads((home / "results.json").read_text()), page, home / "charts")
