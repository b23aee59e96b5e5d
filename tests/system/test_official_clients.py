"""Segment's own clients work against the double unchanged: what they send is what Segment would keep."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from segment.analytics import request as python_client
from segment.analytics.client import Client

from currents_segment.flows.simulate.segment import Double

NODE = Path(__file__).parent / "clients" / "node"
EARLY = -0.01  # s: timers and clocks of clients count whole milliseconds
KINDS = ["identify", "track", "track", "page", "screen", "group", "alias"]


@pytest.fixture
def double():
    """A double with a source for each client."""
    return Double({"python": "python-key", "node": "node-key"})


@pytest.fixture
def url(double):
    """Where the double listens; the connections that the Python client keeps are closed with it."""
    with double.serving() as url:
        yield url
        python_client._session.close()


def view(double, source):
    """What Segment would keep of a source, in order of arrival."""
    return [line["message"] for line in double.view(source)]


def speak(client):
    """One message of each kind; gives what the client enqueued."""
    user = {"user_id": "user-1", "anonymous_id": "anonymous-1"}
    calls = [
        client.identify(**user, traits={"name": "Zoë"}),
        client.track(**user, event="Email Clicked", properties={"n": 1, "none": None, "list": ["a", "ü"]}),
        client.track(anonymous_id="anonymous-2", event="Email Opened"),
        client.page(**user, name="Home"),
        client.screen(**user, name="Main"),
        client.group(**user, group_id="group-1"),
        client.alias(user_id="user-1", previous_id="anonymous-1"),
    ]
    assert all(accepted for accepted, _ in calls)
    return [message for _, message in calls]


def python_session(url, errors, **settings):
    """The Python client as its users set it up, told where to send."""
    return Client("python-key", host=url, on_error=lambda error, _batch: errors.append(error), **settings)


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("sync", [False, True])
def test_the_python_client_delivers_every_kind_of_message(double, url, gzip, sync):
    """Plain or gzip, through its queue or at once: the view is what the client enqueued, nothing refused."""
    errors = []
    client = python_session(url, errors, gzip=gzip, sync_mode=sync)
    expected = speak(client)
    if not sync:
        client.shutdown()
    assert (expected, []) == (view(double, "python"), errors)
    assert KINDS == [message["type"] for message in expected]
    assert {("gzip" if gzip else None, "Basic")} == {
        (request["headers"].get("content-encoding"), request["headers"]["authorization"]) for request in double.requests("python")
    }


def test_the_python_client_delivers_many(double, url):
    """A thousand messages through its own batches arrive once each, in order."""
    client = python_session(url, errors := [], gzip=True)
    for number in range(1_000):
        client.track("user-1", "Email Sent", {"number": number})
    client.shutdown()
    assert (list(range(1_000)), []) == ([message["properties"]["number"] for message in view(double, "python")], errors)
    assert 10 <= len(double.requests("python"))


def test_the_python_client_retries_what_was_ambiguous(double, url):
    """A reset after processing is retried with the same ids: kept once, the repeats told apart as rightful."""
    double.script({"do": "reset", "kept": True, "count": 1})
    client = python_session(url, errors := [])
    expected = speak(client)
    client.shutdown()
    assert (expected, []) == (view(double, "python"), errors)
    assert {"answered": 0, "ambiguous": 7, "same_request": 0} == double.summary()["sources"]["python"]["duplicates"]


def test_the_python_client_honours_retry_after(double, url):
    """It waits as long as a 429 says, and its retry goes through."""
    double.script({"do": "status", "status": 429, "retry_after": 1, "count": 1})
    client = python_session(url, errors := [])
    expected = speak(client)
    client.shutdown()
    assert (expected, []) == (view(double, "python"), errors)
    first, *_, last = double.requests("python")
    assert ("429", "200") == (first["status"], last["status"])
    assert EARLY + 1 <= last["at"] - first["at"]


def test_the_python_client_is_told_of_a_mistake(double, url):
    """A 400 for poison reaches its error handler, and nothing of the batch is kept."""
    double.script({"do": "status", "status": 400, "match": {"event": "Email Clicked"}})
    client = python_session(url, errors := [])
    speak(client)
    client.shutdown()
    assert ([], [400]) == (view(double, "python"), [error.status for error in errors])


@pytest.fixture(scope="module")
def node():
    """The folder with the Node client, installed at its pinned version."""
    if shutil.which("node") is None:
        reason = "Segment's Node client is not tested: `node` (20 or newer) is not on the PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    if shutil.which("npm") is None:
        pytest.fail("`node` is on the PATH, `npm` is not: install npm, which comes with Node.js")
    install = ["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(install, cwd=NODE, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        pytest.fail(f"npm could not install the client of {NODE / 'package.json'}:\n{done.stderr}")
    return NODE


def node_session(folder, url, key="node-key"):
    """What the Node client says that it sent, and its errors."""
    done = subprocess.run(["node", "send.mjs", url, key], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    said = json.loads(done.stdout)
    return sorted(said["sent"], key=lambda message: message["messageId"]), said["failed"]


def by_id(messages):
    """Ordered as `node_session` gives them; `sentAt` is the client's own stamp at sending."""
    return sorted(
        ({name: value for name, value in message.items() if name != "sentAt"} for message in messages),
        key=lambda message: message["messageId"],
    )


def test_the_node_client_delivers_every_kind_of_message(double, url, node):
    """The view is what the client says it sent, nothing refused, and timestamps stand."""
    sent, failed = node_session(node, url)
    assert (by_id(sent), []) == (by_id(view(double, "node")), failed)
    assert sorted(KINDS) == sorted(message["type"] for message in sent)
    assert 0 == sum(double.summary()["sources"]["node"]["refused"].values())


@pytest.mark.parametrize(
    ("fault", "first", "repeats", "wait"),
    [
        ({"do": "reset", "kept": True}, "reset", 7, 0),
        ({"do": "status", "status": 503}, "503", 0, 0),
        ({"do": "status", "status": 429, "retry_after": 1}, "429", 0, 1),
    ],
)
def test_the_node_client_retries(double, url, node, fault, first, repeats, wait):  # noqa: PLR0917 - fixtures and a table
    """What is not answered as delivered is sent again after the wait that was asked for, and kept once; only what was ambiguous repeats."""
    double.script(fault | {"count": 1})
    sent, failed = node_session(node, url)
    assert (by_id(sent), []) == (by_id(view(double, "node")), failed)
    struck, retry = double.requests("node")
    assert [(first, None), ("200", 1)] == [(request["status"], request["retry_count"]) for request in (struck, retry)]
    assert wait + EARLY <= retry["at"] - struck["at"]
    assert {"answered": 0, "ambiguous": repeats, "same_request": 0} == double.summary()["sources"]["node"]["duplicates"]
