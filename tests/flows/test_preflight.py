import socket
import ssl
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from textwrap import dedent

import pytest
from tests.authority import Authority

from currents_segment.flows import machine
from currents_segment.flows.config import load
from currents_segment.flows.preflight import Answer, ask, inspect

NOW = 1_769_860_800.0  # 2026-01-31 12:00 UTC
FOLDER = "dataexport.prod-01.S3.integration.0123456789abcdef01234567"


@pytest.fixture
def endpoint():
    """A server that answers 405 to a GET, with NOW as its date; a list of what it was asked is its `asked`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append((self.command, self.headers.get("authorization"), self.headers.get("content-length")))
            self.send_response_only(405)
            self.send_header("Date", formatdate(NOW, usegmt=True))
            self.end_headers()

        def log_message(self, *_):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}/v1/batch"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def nobody():
    """The URL of a port where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{one.getsockname()[1]}/v1/batch"


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """A configuration with one connector; its endpoint and start can be chosen."""
    monkeypatch.setenv("TEST_KEY", "sk-live-123")

    def make(endpoint, *, start="earliest", events="[Email]", more="http: null\ndedup: {max_ids: 1K}\n"):
        path = tmp_path / "segment.yaml"
        path.write_text(
            more
            + dedent(f"""\
                workspaces:
                  shop:
                    sources:
                      currents: {{url: ./in}}
                    connectors:
                      shop: {{write_key: env:TEST_KEY, region: us, events: {events}, start: {start}, endpoint: {endpoint!r}}}
                """)
        )
        return load(path)

    return make


def put(folder, kind, hour, count=1):
    """Objects of one type and hour, 100 bytes each, in Braze's layout."""
    place = folder / FOLDER / f"event_type={kind}" / f"date={hour}" / "314" / "prod-01"
    place.mkdir(parents=True)
    for number in range(count):
        (place / f"{number}+0+0.avro").write_bytes(b"x" * 100)


def texts(preflight, level):
    """What was found of a level, as `about: text`."""
    return [f"{finding.about}: {finding.text}" for finding in preflight.findings if finding.level == level]


def clock():
    """A clock that stands."""
    return NOW


def test_an_endpoint_is_asked_without_a_key(endpoint):
    """Any answer shows that the way is open; neither a key nor an event is sent to find out."""
    assert Answer(405, 0.0, 0.0) == ask(endpoint.url, clock)
    assert [("GET", None, None)] == endpoint.asked


def test_an_endpoint_that_is_not_there(nobody):
    """No answer is told with its reason and what to look at."""
    assert f"{nobody} does not answer: [Errno 111] Connection refused; check name, network, proxy and TLS certificates" == ask(
        nobody, clock
    )


def test_an_endpoint_without_tls(endpoint):
    """A TLS fault is no answer."""
    found = ask(endpoint.url.replace("http:", "https:"), clock)
    assert isinstance(found, str)
    assert "SSL" in found


def test_who_is_trusted(endpoint, monkeypatch, tmp_path):
    """The same authorities as the run trusts: those that the environment names, so that `check` says what a start will meet."""
    authority = Authority.new(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.issue("endpoint"))
    endpoint.socket = tls.wrap_socket(endpoint.socket, server_side=True, do_handshake_on_connect=False)
    url = endpoint.url.replace("http:", "https:")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert "CERTIFICATE_VERIFY_FAILED" in str(ask(url, clock))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    assert Answer(405, 0.0, 0.0) == ask(url, clock)


def test_what_a_first_start_would_read(configured, endpoint, tmp_path):
    """A time as start counts only what lies from then on; what is not selected is named."""
    put(tmp_path / "in", "users.messages.email.Open", "2026-01-30-10", 3)
    put(tmp_path / "in", "users.messages.email.Open", "2026-01-31-11", 2)
    put(tmp_path / "in", "users.messages.sms.Send", "2026-01-31-11", 4)
    found = inspect(configured(endpoint.url, start="2026-01-31T00:00:00Z"), clock=clock)
    survey = found.outlooks["shop"].sources["currents"]
    assert (5, 500, 2, 200) == (survey.objects, survey.bytes, survey.first_objects, survey.first_bytes)
    assert ("users.messages.sms.Send",) == survey.unselected
    assert ([], [f"shop: sends to {endpoint.url}, not to Segment: remove `endpoint` outside tests"]) == (
        texts(found, "fault"),
        texts(found, "warning"),
    )
    assert not found.resumes


def test_nothing_is_changed(configured, endpoint, tmp_path):
    """A look leaves no folder, no file and no event."""
    put(tmp_path / "in", "users.messages.email.Open", "2026-01-30-10")
    config = configured(endpoint.url)
    before = sorted(tmp_path.rglob("*"))
    inspect(config, clock=clock)
    assert before == sorted(tmp_path.rglob("*"))


def test_faults_do_not_hide_each_other(configured, nobody, tmp_path):
    """A missing folder, a dead endpoint and a state that cannot be kept are found in one go, faults first."""
    (tmp_path / "state").write_text("")
    found = inspect(configured(nobody), clock=clock)
    state, dead_letters, endpoint, source = texts(found, "fault")
    assert f"state: {tmp_path}/state is not a folder: give the folder to the user that runs this, or set `state`" == state
    assert dead_letters.startswith(f"dead_letters: {tmp_path}/state")
    assert endpoint.startswith(f"shop: {nobody} does not answer: ")
    assert source.startswith("shop, source currents: source 'currents': no such folder")
    assert isinstance(found.outlooks["shop"].sources["currents"], str)
    assert ["fault"] * 4 + ["warning"] == [finding.level for finding in found.findings]


def test_a_clock_that_is_wrong(configured, endpoint, tmp_path):
    """More than a minute between our clock and the endpoint's is a warning, with its direction."""
    put(tmp_path / "in", "users.messages.email.Open", "2026-01-30-10")
    assert "this machine's clock is 90 s ahead of the endpoint's" in str(inspect(configured(endpoint.url), clock=lambda: NOW + 90).findings)
    assert "this machine's clock is 90 s behind the endpoint's" in str(inspect(configured(endpoint.url), clock=lambda: NOW - 90).findings)
    assert "clock" not in str(inspect(configured(endpoint.url), clock=lambda: NOW + 30).findings)


def test_a_source_with_nothing_to_send(configured, endpoint, tmp_path):
    """An empty source is a warning: Braze may not have begun, or the selection may be wrong."""
    (tmp_path / "in").mkdir()
    assert f"shop, source currents: {tmp_path}/in holds nothing to send: does Braze write there already?" in texts(
        inspect(configured(endpoint.url), clock=clock), "warning"
    )
    put(tmp_path / "in", "users.messages.sms.Send", "2026-01-31-11")
    assert f"shop, source currents: {tmp_path}/in holds nothing to send: 1 types are there, but not selected" in texts(
        inspect(configured(endpoint.url), clock=clock), "warning"
    )


def test_types_that_nobody_knows(configured, endpoint, tmp_path):
    """With everything selected, a type that the catalogue lacks is told before it is counted."""
    put(tmp_path / "in", "users.messages.telegram.Send", "2026-01-31-11")
    assert "shop, source currents: types that the catalogue does not know are counted and not sent: users.messages.telegram.Send" in texts(
        inspect(configured(endpoint.url, events='["*"]'), clock=clock), "warning"
    )


def test_a_start_in_the_future(configured, endpoint, tmp_path):
    """A start that has not come yet leaves out what comes until then."""
    put(tmp_path / "in", "users.messages.email.Open", "2026-01-30-10")
    found = inspect(configured(endpoint.url, start="2026-02-01T00:00:00Z"), clock=clock)
    assert "shop: its start lies in the future: files of earlier hours are left out for good" in texts(found, "warning")


def test_a_disk_that_is_too_small(configured, endpoint, monkeypatch):
    """Room for max_ids and a reserve is asked for, in GB."""
    monkeypatch.setattr(machine, "free", lambda _: 1_500_000_000)
    config = configured(endpoint.url, more="http: null\ndedup: {max_ids: 100M}\n")
    assert f"state: 1.5 GB free in {config.state}: max_ids may need 1.8 GB; lower it or make room" in texts(
        inspect(config, clock=clock), "warning"
    )


def test_a_state_on_the_network(configured, endpoint, monkeypatch):
    """A file system on which locks do not hold is a fault: the store would be damaged."""
    monkeypatch.setattr(machine, "shared_by_network", lambda _: "nfs4")
    config = configured(endpoint.url)
    assert f"state: {config.state} is on nfs4, where SQLite's locks do not hold: use a local disk or block storage" in texts(
        inspect(config, clock=clock), "fault"
    )


def test_a_port_that_is_taken(configured, endpoint):
    """A port that another process has is a warning: it may be the run that this configuration belongs to."""
    config = configured(endpoint.url, more=f"http: {{port: {endpoint.server_port}}}\n")
    assert f"http: cannot listen on 127.0.0.1:{endpoint.server_port}: Address already in use" in str(
        texts(inspect(config, clock=clock), "warning")
    )


def test_a_state_that_holds_positions(configured, endpoint, tmp_path):
    """Where there is a recovery store, a start goes on there and `start` does not matter."""
    (tmp_path / "state" / "recovery").mkdir(parents=True)
    (tmp_path / "state" / "recovery" / "part-0.sqlite3").write_bytes(b"")
    assert inspect(configured(endpoint.url), clock=clock).resumes


def test_real_time_serves(endpoint):
    """With the real clock the answer's time is measured."""
    found = ask(endpoint.url, time.time)
    assert isinstance(found, Answer)
    assert 0 < found.seconds < 10
