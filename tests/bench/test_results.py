import json

from tests.bench import results
from tests.bench.contenders import CLIENT, CONSUME, table
from tests.bench.data import NOT_SELECTED, SELECTED
from tests.bench.race import Lap
from tests.bench.rivals import redpanda
from tests.bench.rivals.job import Task

LAP = Lap(cpu=5.0, start=1.0, events=1_000_000, seconds=4.0, memory=100, equal=True, traffic=10, requests=2)


def test_a_row_has_the_medians_and_one_bad_round_is_one():
    """A busy moment of the machine decides nothing; an output that was wrong once does."""
    slow = Lap(**{name: getattr(LAP, name) for name in Lap.__slots__} | {"cpu": 50.0, "start": 60.0, "memory": 300})
    row = results.row(CLIENT, [LAP, slow, LAP], what="it")
    assert (4.0, 1.0, 5.0, 250_000.0, 300, True, "it") == tuple(
        row[name] for name in ("after_start", "start", "whole", "rate", "memory", "equal", "what")
    )
    wrong = Lap(**{name: getattr(LAP, name) for name in Lap.__slots__} | {"equal": False})
    assert False is results.row(CLIENT, [LAP, wrong, LAP])["equal"]
    assert None is results.row(CONSUME, [Lap(1.0, 0.0, 10, 1.0, 1, None, 0, 0)])["equal"]


def test_parts_that_are_run_alone_keep_the_others(tmp_path):
    """But figures of other data are not put beside them."""
    file = tmp_path / "results.json"
    results.begun(file, made={"events": 1})
    results.keep(file, race=[LAP])
    assert {"made", "race", "growth"} == set(results.keep(file, growth=[]))
    assert {"made", "race", "growth"} == set(results.begun(file, made={"events": 1}))
    assert {"made": {"events": 2}} == results.begun(file, made={"events": 2}) == json.loads(file.read_text())


def test_redpanda_connect_is_told_the_same_mapping():
    """A case for each type that is selected, by the id of its schema, with every field of the table; the others are dropped."""
    schemas = [json.dumps({"namespace": name.rpartition(".")[0], "name": name.rpartition(".")[2]}) for name in (*SELECTED, *NOT_SELECTED)]
    written = redpanda.configuration(Task("b", "t", 8, "r", "e", table()), schemas)
    _, *cases, rest, _ = written["pipeline"]["processors"][1]["mapping"].splitlines()
    assert len(SELECTED) == len(cases)
    assert "_ => deleted()," in rest
    for number, (case, name) in enumerate(zip(cases, SELECTED, strict=True), 1):
        event, places = table()[name]
        assert f'"{number}" => ' in case
        assert f'"event": "{event}"' in case
        assert all(f"this.{field}" in case for field, _ in places)
