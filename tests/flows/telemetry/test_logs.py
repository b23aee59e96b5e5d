import json
import logging
import warnings

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.flows.errors import UserError
from currents_segment.flows.telemetry import logs


@pytest.fixture(autouse=True)
def restored():
    """Leaves logging as it was found."""
    handlers = logging.getLogger().handlers
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers = handlers
    logging.captureWarnings(capture=False)


def lines(capsys):
    """What was logged, a JSON object a line; nothing may be on stdout."""
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_json(capsys):
    """A line is one JSON object on stderr: time, level and event first, then the fields as they are."""
    logs.configure(terminal=False)
    structlog.get_logger().info("connector.failing", connector="crm", why="503", wait=1.5, share=None, on=True)
    (line,) = lines(capsys)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line.pop("timestamp").endswith("Z")
    assert line == {"level": "info", "event": "connector.failing", "connector": "crm", "why": "503", "wait": 1.5, "share": None, "on": True}


def test_terminal(capsys, monkeypatch):
    """A terminal gets a readable line, without colour when NO_COLOR is set."""
    monkeypatch.setenv("NO_COLOR", "1")
    logs.configure(terminal=True)
    structlog.get_logger().info("connector.failing", connector="crm")
    (line,) = capsys.readouterr().err.splitlines()
    assert "connector.failing" in line
    assert "connector=crm" in line
    assert "\x1b" not in line


def test_level(capsys):
    """Lines below the level are dropped."""
    logs.configure(terminal=False, level="warning")
    structlog.get_logger().info("run.started")
    structlog.get_logger().warning("connector.held")
    assert [line["event"] for line in lines(capsys)] == ["connector.held"]


def test_unknown_level():
    """A level that does not exist is refused with those that do."""
    with pytest.raises(UserError, match="no log level 'loud'; use one of debug, info, warning, error"):
        logs.configure(terminal=False, level="loud")


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        "write_key",
        "writeKey",
        "Authorization",
        "OAUTH-TOKEN",
        "password",
        "client_secret",
        "email_address",
        "to_phone_number",
        "external_user_id",
        "anonymousId",
    ],
)
def test_private_fields(capsys, terminal, name):
    """A private field is hidden under every spelling of its name, at every depth, in both forms of the log."""
    logs.configure(terminal=terminal)
    structlog.get_logger().info("x", **{name: "leaked1"}, deep={"list": [{name: "leaked2"}], name: {"inner": "leaked3"}})
    shown = capsys.readouterr().err
    assert shown.count(logs.HIDDEN) == 3
    assert "leaked" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Basic c2VjcmV0OnNlY3JldA==", "Authorization: Basic [redacted]"),
        ("bearer abc.def-ghi", "bearer [redacted]"),
        ("GET https://key:pass@example.com/x", "GET https://[redacted]@example.com/x"),
        ("bounced: ann.lee+x@example.co.uk!", "bounced: [redacted]!"),
        ("503 from https://api.segment.io/v1/batch", "503 from https://api.segment.io/v1/batch"),
    ],
)
def test_private_text(text, shown):
    """Keys, credentials in URLs and addresses are hidden within text; the rest of it stays."""
    assert {"why": shown} == logs.redact(None, "info", {"why": text})


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_redaction_hides_whole_values(value):
    """Nothing of the text or structure under a private name is left, whatever it is."""
    (shown,) = logs.redact(None, "info", {"write_key": value}).values()
    assert shown == (value if value is None or isinstance(value, bool) else logs.HIDDEN)


@pytest.mark.parametrize("terminal", [True, False])
def test_exception(capsys, terminal):
    """A traceback is logged without the local variables of its frames and with private text hidden."""
    logs.configure(terminal=terminal)

    def send(key):
        message = f"refused {len(key)} for ann@example.com"
        raise RuntimeError(message)

    secret = "k3y-in-a-local"
    try:
        send(secret)
    except RuntimeError:
        structlog.get_logger().exception("sender.bug")
    shown = capsys.readouterr().err
    assert "RuntimeError: refused 14 for [redacted]" in shown
    assert "k3y-in-a-local" not in shown


def test_libraries(capsys):
    """What libraries and `warnings` say comes as lines of the same form; their chatter below a warning does not."""
    logs.configure(terminal=False)
    logs.configure(terminal=False)
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("retry of %s", "https://u:p@host/")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old way", UserWarning, stacklevel=1)
    first, second = lines(capsys)
    assert {name: value for name, value in first.items() if name != "timestamp"} == {
        "level": "warning",
        "event": "library.message",
        "logger": "some.library",
        "message": "retry of https://[redacted]@host/",
    }
    assert (second["logger"], "old way" in second["message"]) == ("py.warnings", True)


def test_any_value(capsys):
    """A value that is not JSON is shown as Python shows it; a log line never raises."""
    logs.configure(terminal=False)
    structlog.get_logger().info("x", path=object, many={1})
    (line,) = lines(capsys)
    assert (line["path"], line["many"]) == ("<class 'object'>", [1])
