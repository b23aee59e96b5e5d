import json
import socket
import threading
from contextlib import ExitStack

import pytest

from currents_segment.flows.errors import FailedError, UserError
from currents_segment.flows.merging import merge
from currents_segment.flows.telemetry import ask, http


def process(document, number, of, at=1000.0, phase="running"):
    """The document of one process of a cluster."""
    return document | {"process": document["process"] | {"id": number, "of": of}, "at": at, "phase": phase}


@pytest.fixture
def listen():
    """Serves documents; gives the port."""
    with ExitStack() as closing:

        def serve(document, port=0):
            server = http.serve("127.0.0.1", port, lambda: document, live=lambda: None, ready=lambda: None)
            closing.callback(server.close)
            return server.port

        yield serve


def replies(documents):
    """Instead of the network: a document by URL; nothing else answers."""

    def get(url):
        if url not in documents:
            message = f"nothing answers at {url}"
            raise ask.SilentError(message)
        return documents[url]

    return get


@pytest.mark.parametrize(
    "form", ["http://127.0.0.1:{}", "http://127.0.0.1:{}/", "127.0.0.1:{}", "http://localhost:{}/status", "http://0.0.0.0:{}"]
)
def test_fetch(document, listen, form):
    """A process is asked by its address in every form in which people write one."""
    assert document == ask.fetch(form.format(listen(document)))


def test_silence():
    """An address at which nothing answers is named with the reason."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        with pytest.raises(ask.SilentError, match=rf"nothing answers at http://127.0.0.1:{port}: Connection refused"):
            ask.fetch(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.0 200 OK\r\n\r\nhello", b'HTTP/1.0 200 OK\r\n\r\n{"status": "green"}', b"HTTP/1.0 404 No\r\n\r\n[]"]
)
def test_stranger(answer):
    """What answers without a status document is not currents-segment."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            client, _ = listening.accept()
            with client:
                client.recv(65536)
                client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(FailedError, match="not with a status document"):
            ask.fetch(f"http://127.0.0.1:{listening.getsockname()[1]}")
        thread.join()


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://", "http://host:port"])
def test_no_url(url):
    """What is no URL is a mistake, told with how one looks."""
    with pytest.raises(UserError, match=r"write it as http://127\.0\.0\.1:8321"):
        ask.fetch(url)


def test_cluster(document):
    """Behind one address the other processes of a local cluster are found on the ports beside it, whichever was asked."""
    cluster = {f"http://h:{8321 + i}": process(document, i, 3) for i in range(3)}
    for place in cluster:
        found = ask.running([place], get=replies(cluster))
        assert found == ask.Found(merge(list(cluster.values())), running=True)


def test_missing_process(document):
    """A process that does not answer is named; what the others know is still told."""
    cluster = {"http://h:8321": process(document, 0, 2)}
    found = ask.running(["http://h:8321"], get=replies(cluster))
    assert found.document["connectors"] == document["connectors"]
    assert "nothing answers at http://h:8322" in found.missing
    assert any("no status of process 1 of 2" in line for line in found.missing)


def test_named_processes(document):
    """Several addresses are asked as they are: processes on different machines."""
    cluster = {f"http://node-{i}:8321": process(document, i, 2) for i in range(2)}
    assert ask.running(list(cluster), get=replies(cluster)) == ask.Found(merge(list(cluster.values())), running=True)


def test_named_process_missing(document):
    """Of several addresses each that does not answer is named."""
    found = ask.running(["http://node-0:8321", "http://node-1:8321"], get=replies({"http://node-0:8321": process(document, 0, 2)}))
    assert "nothing answers at http://node-1:8321" in found.missing


def test_stranger_beside(document):
    """A stranger on the port beside is no reason to say nothing of the process that answers."""

    def get(url):
        if url.endswith("8321"):
            return process(document, 0, 2)
        raise FailedError("http://h:8322 answers 200, but not with a status document")

    assert "http://h:8322 answers 200, but not with a status document" in ask.running(["http://h:8321"], get=get).missing


def save(state, *documents):
    """As a run leaves them."""
    for document in documents:
        (state / f"status-{document['process']['id']}.json").write_text(json.dumps(document))


def test_saved(document, tmp_path):
    """What the last run left is told with when it ended; files of an earlier, larger cluster are left out."""
    last = [process(document, i, 2, at=2000.0 + i, phase="stopped") for i in range(2)]
    save(tmp_path, *last, process(document, 2, 3, at=1000.0))
    found = ask.saved(tmp_path)
    assert merge(last) == found.document
    assert (found.running, found.note) == (False, "the last run ended at 1970-01-01 00:33:21Z")


def test_saved_by_a_crash(document, tmp_path):
    """A run that did not end by itself is told as such."""
    save(tmp_path, process(document, 0, 1))
    assert "1970-01-01 00:16:40Z, running: it did not end by itself" in ask.saved(tmp_path).note


def test_nothing_saved(tmp_path):
    """A state folder that is empty or not there tells nothing."""
    assert ask.saved(tmp_path) is None
    assert ask.saved(tmp_path / "none") is None


def test_saved_but_torn(tmp_path):
    """A file that is no document is named with what to do."""
    (tmp_path / "status-0.json").write_text('{"version": ')
    with pytest.raises(FailedError, match=r"status-0.json is no status document; .*delete it"):
        ask.saved(tmp_path)
