import base64

import httpx
import orjson
import pytest
import typer
from typer.testing import CliRunner

from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.commands.compare import _split, compare
from currents_segment.flows.errors import UserError
from currents_segment.flows.simulate.expected import Due, encode
from currents_segment.flows.simulate.expected_file import Writer
from currents_segment.flows.simulate.segment import Double

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
app.command()(compare)

EVENTS = [
    {"type": "track", "event": "Email Sent", "userId": f"customer-{n}", "timestamp": "2026-01-02T03:04:05.000Z", "properties": {"n": n}}
    for n in range(5)
]


@pytest.fixture
def expected(tmp_path):
    """Five messages that the connector `shop` must have delivered."""
    path = tmp_path / "expected.gz"
    with Writer(path) as writer:
        writer.write(Due(("shop",), encode(event)) for event in EVENTS)
        writer.finish({"shop": {Outcome.DELIVERED: len(EVENTS)}})
    return str(path)


def viewed(path, events, source="shop"):
    lines = [
        orjson.dumps({"source": source, "message": {**event, "messageId": f"id-{n}", "context": {}}}) for n, event in enumerate(events)
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return str(path)


def run(*arguments):
    result = CliRunner().invoke(app, list(arguments))
    if isinstance(result.exception, UserError):
        raise result.exception
    return result.exit_code, result.output


def status(path, delivered, in_flight=0):
    connector = {"received": delivered + in_flight, "in_flight": in_flight, "outcomes": {"delivered": delivered}}
    path.write_bytes(orjson.dumps({"connectors": {"shop": connector}}))
    return str(path)


def test_all_as_expected(expected, tmp_path):
    """One line a connector, exit code 0."""
    arguments = ("--expected", expected, "--view", viewed(tmp_path / "view", EVENTS), "--status", status(tmp_path / "status", 5))
    assert (0, "shop: expected=5 kept=5 missing=0 spurious=0 corrupted=0 repeated=0\n") == run(*arguments)


def test_differences_are_named(expected, tmp_path):
    """Dropped, changed, doubled and added messages, each under its kind; exit code 1."""
    added = {"type": "track", "event": "Made up", "userId": "x", "timestamp": "2020-01-01T00:00:00.000Z"}
    kept = [EVENTS[0], EVENTS[1], EVENTS[1], {**EVENTS[2], "properties": {"n": "2"}}, EVENTS[3], added]
    code, output = run("--expected", expected, "--view", viewed(tmp_path / "view", kept))
    first, *examples = output.splitlines()
    assert 1 == code
    assert "shop: expected=5 kept=6 missing=1 spurious=1 corrupted=1 repeated=1" == first
    assert ["corrupted", "missing", "repeated", "spurious"] == sorted(line.split()[0].strip(":") for line in examples)
    assert "properties.n has another type" in output


def test_a_ledger_that_differs_is_a_difference(expected, tmp_path):
    """Even when Segment has everything."""
    view = viewed(tmp_path / "view", EVENTS)
    code, output = run("--expected", expected, "--view", view, "--status", status(tmp_path / "status", 4, in_flight=1))
    assert 1 == code
    assert "shop: delivered: expected 5, the ledger has 4" in output
    assert "shop: in flight: expected 0, the ledger has 1" in output


def test_a_source_may_have_another_name(expected, tmp_path):
    """Without the mapping its messages belong to no connector."""
    view = viewed(tmp_path / "view", EVENTS, source="Web shop")
    assert 0 == run("--expected", expected, "--view", view, "--source", "shop=Web shop")[0]
    assert 1 == run("--expected", expected, "--view", view)[0]


def test_the_double_is_asked_itself(expected):
    """What it kept is compared, and what it dropped as sent again is told."""
    double = Double({"shop": "write-key"})
    batch = {"batch": [{**event, "messageId": f"id-{n}"} for n, event in enumerate(EVENTS)]}
    headers = {"authorization": f"Basic {base64.b64encode(b'write-key:').decode()}"}
    with double.serving() as url:
        for _ in range(2):
            assert 200 == httpx.post(f"{url}/v1/batch", json=batch, headers=headers).status_code
        for view in (url, f"{url}/_double/view"):
            code, output = run("--expected", expected, "--view", view)
            assert 0 == code
            assert "received 10 messages, dropped 5 as sent again (5 answered, 0 ambiguous, 0 same request) and refused 0" in output


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (["--view", "absent"], "--view absent: cannot be read"),
        (["--view", "wrong"], "--view wrong: line 1 is not of a double's view"),
        (["--view", "http://127.0.0.1:9"], "http://127.0.0.1:9/_double/view: cannot be read"),
        (["--view", "view", "--status", "absent"], "--status absent: cannot be read"),
        (["--view", "view", "--status", "wrong"], "--status wrong: not a status document"),
        (["--view", "view", "--status", "http://127.0.0.1:9/status"], "--status http://127.0.0.1:9/status: cannot be read"),
        (["--view", "view", "--source", "shop"], "CONNECTOR=SOURCE"),
        (["--view", "view", "--source", "nobody=x"], "no connector nobody"),
    ],
)
def test_mistakes_are_one_line(expected, tmp_path, monkeypatch, arguments, mistake):
    """They name the option and what is wrong with it."""
    monkeypatch.chdir(tmp_path)
    viewed(tmp_path / "view", EVENTS)
    (tmp_path / "wrong").write_text('{"neither": "nor"}\n')
    with pytest.raises(UserError) as caught:
        run("--expected", expected, *arguments)
    assert mistake in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lines_end_at_line_feeds_only():
    """A message may hold U+2028, U+0085 and their like, and parts may end anywhere."""
    lines = ['{"a":"\u2028\u0085"}'.encode(), b"{}", '{"b":"\u2029"}'.encode()]
    whole = b"\n".join(lines) + b"\n"
    assert lines == list(_split(iter([whole])))
    assert lines == list(_split(whole[at : at + 1] for at in range(len(whole))))
