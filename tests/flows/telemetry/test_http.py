import http.client
import json
import socket
import struct
import threading

import pytest
import structlog
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from currents_segment.flows.errors import UserError
from currents_segment.flows.telemetry import http as telemetry
from currents_segment.flows.telemetry.metrics import Requests

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def says():
    """What the probes answer; a test may change it."""
    return {"live": None, "ready": None}


@pytest.fixture
def server(document, says):
    """A server of `document` on a free port."""
    requests = Requests()
    requests.observe("crm", "200", 0.1, 100)
    server = telemetry.serve(
        "127.0.0.1", 0, lambda: document, live=lambda: says["live"], ready=lambda: says["ready"], collectors=[requests]
    )
    yield server
    server.close()


def get(server, path, method="GET", **headers):
    """Status, content type and body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(("path", "probe"), [("/livez", "live"), ("/readyz", "ready")])
def test_probe(server, says, path, probe):
    """A probe is 200 as long as there is nothing against it, and 503 with the reason otherwise; the other probe does not care."""
    assert get(server, path)[::2] == (200, "ok\n")
    says[probe] = "the recovery store is being read"
    assert get(server, path)[::2] == (503, "the recovery store is being read\n")
    other = {"/livez": "/readyz", "/readyz": "/livez"}[path]
    assert get(server, other)[0] == 200


def test_status(server, document):
    """/status is the document as JSON."""
    status, kind, body = get(server, "/status")
    assert (status, kind) == (200, "application/json")
    assert document == json.loads(body)


@pytest.mark.parametrize(
    ("accept", "parse", "kind"), [("text/plain", plain, "text/plain"), (OPENMETRICS, openmetrics, "application/openmetrics-text")]
)
def test_metrics(server, accept, parse, kind):
    """/metrics can be read by Prometheus' own parser in either format, and has the document, the histograms and the process."""
    status, content, body = get(server, "/metrics", Accept=accept)
    assert (status, content.partition(";")[0]) == (200, kind)
    families = {family.name: family for family in parse(body)}
    assert {"currents_segment_events", "currents_segment_request_duration_seconds", "process_cpu_seconds"} <= set(families)
    (delivered,) = [
        sample.value
        for sample in families["currents_segment_ledger_events"].samples
        if (sample.labels["connector"], sample.labels["state"]) == ("crm", "delivered")
    ]
    assert delivered == 100


def test_fresh_at_every_scrape(server, document):
    """The document is made at the scrape: nothing is remembered from the one before."""
    get(server, "/metrics")
    document["connectors"]["crm"]["in_flight"] = 77
    assert 'currents_segment_in_flight_events{connector="crm",workspace="shop"} 77.0' in get(server, "/metrics")[2]


def test_unknown_path(server):
    """An unknown path is told which paths there are."""
    status, _, body = get(server, "/metrcis?x=1")
    assert (status, True) == (404, all(path in body for path in telemetry.PATHS))


def test_head(server):
    """HEAD is GET without the body."""
    assert get(server, "/status", method="HEAD") == (200, "application/json", "")


def test_read_only(server):
    """Nothing but reading is offered."""
    assert get(server, "/status", method="POST")[0] == 501


def test_broken_document(server, document):
    """A document that cannot be made is a 500 and a log line with the reason; the probes still answer."""
    del document["dedup"]
    with structlog.testing.capture_logs() as logs:
        assert get(server, "/metrics")[::2] == (500, "KeyError; the log has the details\n")
    assert [(line["event"], line["path"]) for line in logs] == [("http.failed", "/metrics")]
    assert get(server, "/livez")[0] == 200


def test_port_taken(server, document):
    """A port that is taken is one line with the remedy."""
    with pytest.raises(UserError, match=rf"cannot listen on 127.0.0.1:{server.port}: Address already in use.*http.port") as caught:
        telemetry.serve("127.0.0.1", server.port, lambda: document, live=lambda: None, ready=lambda: None)
    assert "\n" not in str(caught.value)


def test_close(server):
    """After `close` the port is free, and closing again does nothing."""
    server.close()
    server.close()
    with pytest.raises(ConnectionRefusedError):
        get(server, "/livez")


def test_client_goes_away(server, document, capsys):
    """A client that goes away in the middle of an answer is no event of ours: a debug line, nothing on stderr, and the next is served."""
    document["connectors"]["crm"]["unknown"] = {f"name-{n}": n for n in range(200_000)}  # more than any socket buffer takes
    seen, lines = threading.Event(), []

    def note(_logger, method, event):
        lines.append((method, event["event"]))
        seen.set()
        raise structlog.DropEvent

    structlog.configure(processors=[note])
    try:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes with a reset
            client.sendall(b"GET /status HTTP/1.0\r\n\r\n")
            client.recv(1000)
        assert seen.wait(20)
    finally:
        structlog.reset_defaults()
    assert lines == [("debug", "http.broken")]
    assert get(server, "/livez")[0] == 200
    assert capsys.readouterr().err == ""


def test_silent_client(server):
    """A client that connects and says nothing keeps nobody else from an answer."""
    with socket.create_connection(("127.0.0.1", server.port)):
        assert get(server, "/livez")[0] == 200
