"""The double on a real port: faults as a socket shows them, and its control and view API."""

import asyncio
import json

import httpx
import pytest

from currents_segment.flows.simulate.segment import Double

TRACK = {"type": "track", "event": "E", "userId": "u", "messageId": "m", "timestamp": "2026-01-01T00:00:00Z"}
PATIENCE = httpx.Timeout(10, read=1)  # s: enough for a busy machine to take a request in


@pytest.fixture
def double():
    """A double with one source and a clock that stands."""
    return Double({"shop": "shop-key"}, clock=lambda: 1_767_225_600.0)


@pytest.fixture
def client(double):
    """A client of the double on a free port; a connection for each request, as a reset leaves none."""
    with (
        double.serving() as url,
        httpx.Client(base_url=url, timeout=10, headers={"Connection": "close"}) as client,
    ):
        yield client


def post(client, *messages, **more):
    """The answer to one batch."""
    return client.post("/v1/batch", json={"batch": messages or [TRACK], "sentAt": "2026-01-01T00:00:00Z"}, auth=("shop-key", ""), **more)


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"do": "reset"}, httpx.ReadError),
        ({"do": "truncate"}, httpx.RemoteProtocolError),
        ({"do": "hang"}, httpx.ReadTimeout),
    ],
)
def test_an_answer_that_does_not_come(client, double, fault, error, kept):
    """The client sees the connection reset, the answer cut, or nothing; before or after processing; the retry goes through."""
    assert 200 == client.post("/_double/faults", json=fault | {"kept": kept, "count": 1}).status_code
    with pytest.raises(error):
        post(client, timeout=PATIENCE if fault["do"] == "hang" else 10)
    assert 200 == post(client).status_code
    assert (1, kept) == (double.summary()["total"]["kept"], bool(double.summary()["total"]["duplicates"]["ambiguous"]))


@pytest.mark.parametrize(
    ("fault", "status", "headers", "text"),
    [
        ({"do": "status", "status": 503, "body": "down"}, 503, {}, "down"),
        ({"do": "status", "status": 429, "retry_after": 2}, 429, {"retry-after": "2"}, None),
        ({"do": "status", "status": 429, "rate_limit_reset": 3}, 429, {"x-ratelimit-reset": "3"}, None),
        (
            {"do": "status", "status": 503, "retry_after": 2, "retry_after_form": "date"},
            503,
            {"retry-after": "Thu, 01 Jan 2026 00:00:02 GMT"},
            None,
        ),
        ({"do": "redirect", "location": "/there"}, 302, {"location": "/there"}, ""),
        ({"do": "html"}, 502, {"content-type": "text/html"}, "<html><body><h1>Bad Gateway</h1></body></html>"),
        ({"do": "unsuccessful"}, 200, {}, '{"success":false}'),
        ({"do": "drip", "interval": 0.001}, 200, {}, '{"success":true}'),
        ({"do": "pass", "delay": 0.01}, 200, {}, '{"success":true}'),
        ({"do": "status", "status": 204, "body": ""}, 204, {}, ""),
    ],
)
def test_an_answer_that_comes(client, fault, status, headers, text):
    """Status, headers and body of a fault arrive as scripted."""
    client.post("/_double/faults", json=fault)
    answer = post(client)
    assert (status, headers) == (answer.status_code, {name: answer.headers[name] for name in headers})
    assert text is None or text == answer.text


def test_a_client_that_goes_away_is_not_told(client, double):
    """An answer that was still under way when the client left is not acknowledged, and the retry is ambiguous."""
    client.post("/_double/faults", json={"do": "pass", "delay": 60, "count": 1})
    with pytest.raises(httpx.ReadTimeout):
        post(client, timeout=PATIENCE)
    post(client)
    # looked at over HTTP: the double's own loop has then finished with the answer
    assert [False, True] == [request["acknowledged"] for request in client.get("/_double/requests").json()]
    assert 1 == double.summary()["total"]["duplicates"]["ambiguous"]


def test_the_view_is_json_lines(client):
    """What Segment would keep, of one source or of all; messages as received."""
    post(client, TRACK, TRACK | {"messageId": "n", "properties": {"ü": None}})
    for query in ("", "?source=shop"):
        answer = client.get("/_double/view" + query)
        assert "application/x-ndjson" == answer.headers["content-type"]
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert [TRACK, TRACK | {"messageId": "n", "properties": {"ü": None}}] == [line["message"] for line in lines]
        assert {"2026-01-01T00:00:00.000Z"} == {line["timestamp"] for line in lines} | {line["receivedAt"] for line in lines}
    assert "" == client.get("/_double/view?source=other").text


def test_a_large_view_comes_whole(client):
    """A view of megabytes has every message once, in order."""
    for start in range(0, 2_000, 500):
        post(client, *[TRACK | {"messageId": str(n), "properties": {"x": "x" * 500}} for n in range(start, start + 500)])
    lines = client.get("/_double/view").text.splitlines()
    assert [str(n) for n in range(2_000)] == [json.loads(line)["message"]["messageId"] for line in lines]


def test_summary_and_requests(client, double):
    """The counts and the records over HTTP are those of the double."""
    post(client)
    assert double.summary() == client.get("/_double/summary").json()
    assert client.get("/_double/requests?source=shop&last=1").json() == double.requests()
    assert [] == client.get("/_double/requests?source=other").json()


def test_faults_are_listed_and_cleared(client):
    """What is in force is shown with its strikes, and ends by source, by name, or all."""
    faults = [{"do": "hang", "name": "a", "source": "x"}, {"do": "hang", "name": "b", "skip": 9}, {"do": "hang", "name": "c", "skip": 9}]
    assert {"added": ["a", "b", "c"]} == client.post("/_double/faults", json=faults).json()
    assert [fault | {"strikes": 0} for fault in faults] == client.get("/_double/faults").json()
    assert [{"cleared": ["a"]}, {"cleared": ["b"]}, {"cleared": ["c"]}] == [
        client.delete("/_double/faults" + query).json() for query in ("?source=x", "?name=b", "")
    ]
    assert [] == client.get("/_double/faults").json()


def test_a_key_is_replaced_at_run_time(client):
    """An expired key answers 401 until the new one is given; then the new one is good and the old one is not."""
    client.post("/_double/keys", json={"source": "shop", "expired": True})
    assert 401 == post(client).status_code
    assert {"source": "shop"} == client.post("/_double/keys", json={"source": "shop", "key": "new-key"}).json()
    assert 401 == post(client).status_code
    assert 200 == client.post("/v1/import/", json={"writeKey": "new-key", "batch": [TRACK]}).status_code


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_double/faults", b"{"),
        ("/_double/faults", b'{"do": "explode"}'),
        ("/_double/keys", b"[]"),
        ("/_double/keys", b'{"key": "good-key"}'),
        ("/_double/keys", b'{"source": "shop", "kee": "x"}'),
        ("/_double/keys", b'{"source": "new"}'),
    ],
)
def test_a_mistake_is_answered_with_its_reason(client, path, body):
    """The control API answers 400 with the mistakes in words."""
    answer = client.post(path, content=body)
    assert 400 == answer.status_code
    assert all(answer.json()["mistakes"])


def test_reset_over_http(client, double):
    """A reset forgets what was kept."""
    post(client)
    client.post("/_double/reset")
    assert [] == list(double.view())


def test_in_the_loop_of_its_caller():
    """`start` and `stop` serve a caller that has an event loop; the port is free after `stop`."""

    async def run():
        double, port = Double({"shop": "shop-key"}), 0
        for _ in range(2):
            url = await double.start(port=port)
            port = int(url.rpartition(":")[2])
            async with httpx.AsyncClient(base_url=url) as client:
                answer = await client.post("/v1/track", json=TRACK | {"writeKey": "shop-key"})
            await double.stop()
            assert 200 == answer.status_code
        return double.summary()["total"]

    total = asyncio.run(run())
    assert (1, 1) == (total["kept"], total["duplicates"]["answered"])


def test_an_address_that_cannot_be_listened_on():
    """A port that is taken is an OSError of the caller, and leaves no thread behind."""
    with Double({}).serving() as url, pytest.raises(OSError, match="in use"), Double({}).serving(port=int(url.rpartition(":")[2])):
        pass


def test_who_stops_looking_half_way_is_no_fault(client, caplog):
    """The view goes on to be served, and nothing is logged."""
    for number in range(40):
        post(client, *({**TRACK, "messageId": f"{number}-{n}", "properties": {"long": "x" * 10_000}} for n in range(40)))
    with client.stream("GET", "/_double/view") as answer:
        next(answer.iter_raw())
    assert 1600 == client.get("/_double/summary").json()["total"]["kept"]
    assert 1600 == len(client.get("/_double/view").content.splitlines())
    assert [] == caplog.records
