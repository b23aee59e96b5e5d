"""Keys, faults, edge and pipeline together: one request in, one answer out, and what Segment made of it."""

import json

import pytest

from currents_segment.flows.simulate.segment_endpoint import UNKNOWN, Endpoint

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
TRACK = {"type": "track", "event": "E", "userId": "u", "messageId": "m"}


@pytest.fixture
def endpoint():
    """Two sources and a clock that stands."""
    return Endpoint({"shop": "shop-key", "app": "app-key"}, clock=lambda: NOW)


def post(endpoint, *messages, key="shop-key", path="/v1/batch", headers=None, acknowledge=True):
    """The answer to one batch, carried out to its end unless said otherwise."""
    body = json.dumps({"batch": messages or [TRACK], "writeKey": key}).encode()
    answer, request = endpoint.take("POST", path, headers or {}, body)
    if acknowledge:
        endpoint.acknowledge(answer, request)
    return answer


def counts(endpoint, source="shop"):
    """The counts of one source."""
    return endpoint.summary()["sources"][source]


def kept(endpoint):
    """The ids that Segment would keep."""
    return [line["message"]["messageId"] for line in endpoint.view()]


@pytest.mark.parametrize(
    ("messages", "key", "source", "lost"),
    [
        ([TRACK], "other-key", UNKNOWN, {"unknown_write_key": 1}),
        ([TRACK | {"userId": None}], "shop-key", "shop", {"no_identity": 1}),
        ([TRACK | {"event": None}], "shop-key", "shop", {"no_event_name": 1}),
        ([TRACK | {"x": "x" * 32_000}], "shop-key", "shop", {"event_too_large": 1}),
        ([TRACK | {"messageId": str(n)} for n in range(2_501)], "shop-key", "shop", {"too_many_events": 2_501}),
    ],
    ids=["unknown key", "no identity", "no name", "large event", "2,501 events"],
)
def test_a_200_is_not_a_delivery(endpoint, messages, key, source, lost):
    """What Segment loses later it answers 200 first; only the view and the counts tell."""
    answer = post(endpoint, *messages, key=key)
    assert (200, b'{"success":true}') == (answer.status, answer.body)
    assert (lost, 0, []) == (counts(endpoint, source)["refused"], counts(endpoint, source)["kept"], kept(endpoint))


def test_a_disabled_source_takes_everything_and_keeps_nothing(endpoint):
    """A disabled source answers 200; enabled again it keeps."""
    endpoint.set_key("shop", disabled=True)
    assert 200 == post(endpoint).status
    assert {"disabled_source": 1} == counts(endpoint)["refused"]
    endpoint.set_key("shop", disabled=False)
    post(endpoint)
    assert ["m"] == kept(endpoint)


def test_a_batch_over_500_kb_is_refused_at_the_edge(endpoint):
    """An oversize batch answers 400, and its events count as refused."""
    messages = [TRACK | {"messageId": str(n), "x": "x" * 30_000} for n in range(17)]
    assert 400 == post(endpoint, *messages).status
    assert {"batch_too_large": 17} == counts(endpoint)["refused"]


def test_a_repeated_message_id_answers_200(endpoint):
    """The first one wins, over all sources."""
    post(endpoint)
    assert 200 == post(endpoint, TRACK | {"event": "Other"}, key="app-key").status
    assert {"answered": 1, "ambiguous": 0, "same_request": 0} == counts(endpoint, "app")["duplicates"]
    assert ["E"] == [line["message"]["event"] for line in endpoint.view()]


def test_other_paths_and_methods_are_no_tracking_calls(endpoint):
    """They answer 404 and 405, and are not counted."""
    assert [404, 405] == [endpoint.take(method, path, {}, b"")[0].status for method, path in (("POST", "/v1/x"), ("GET", "/v1/batch"))]
    assert [] == endpoint.requests()


@pytest.mark.parametrize("do", ["status", "reset", "hang", "truncate", "redirect", "html", "unsuccessful", "expire_key"])
def test_a_fault_strikes_before_processing(endpoint, do):
    """By default nothing of a struck request is kept: its events are turned away."""
    endpoint.script({"do": do, "count": 1})
    assert not post(endpoint).delivers
    assert ([], 1, 0) == (kept(endpoint), counts(endpoint)["turned_away"], counts(endpoint)["received"])


@pytest.mark.parametrize("do", ["status", "reset", "hang", "truncate", "redirect", "html", "unsuccessful"])
def test_a_fault_strikes_after_processing(endpoint, do):
    """With `kept` the events are kept though the client is not told, and its retry is an ambiguous duplicate."""
    endpoint.script({"do": do, "kept": True, "count": 1})
    assert not post(endpoint).delivers
    assert ["m"] == kept(endpoint)
    post(endpoint)
    post(endpoint)
    assert {"answered": 1, "ambiguous": 1, "same_request": 0} == counts(endpoint)["duplicates"]


@pytest.mark.parametrize("fault", [{"do": "pass", "delay": 3}, {"do": "drip"}, {"do": "status", "status": 202, "body": ""}])
def test_what_is_answered_as_delivered_is_processed(endpoint, fault):
    """No fault makes the double say delivered and keep nothing."""
    endpoint.script(fault)
    assert post(endpoint).delivers
    assert ["m"] == kept(endpoint)


def test_an_answer_that_never_reached_the_client_is_ambiguous(endpoint):
    """A 200 that could not be written out does not make the retry a mistake."""
    post(endpoint, acknowledge=False)
    post(endpoint)
    assert {"answered": 0, "ambiguous": 1, "same_request": 0} == counts(endpoint)["duplicates"]


def test_an_expired_key_answers_401_until_it_is_replaced(endpoint):
    """Expiry outlasts its fault, holds for one source, and ends with a new key; the old one stays revoked."""
    endpoint.script({"do": "expire_key", "source": "shop", "count": 1})
    assert [401, 401] == [post(endpoint).status for _ in range(2)]
    assert 200 == post(endpoint, TRACK | {"messageId": "a"}, key="app-key").status
    endpoint.set_key("shop", "new-key")
    assert [401, 200] == [post(endpoint, key=key).status for key in ("shop-key", "new-key")]
    assert ["a", "m"] == kept(endpoint)
    assert {"401": 3, "200": 1} == counts(endpoint)["requests"]


def test_a_key_comes_back(endpoint):
    """The key that was replaced can be given again, and works."""
    endpoint.set_key("shop", "new-key")
    endpoint.set_key("shop", "shop-key")
    assert [401, 200] == [post(endpoint, key=key).status for key in ("new-key", "shop-key")]


@pytest.mark.parametrize(
    ("source", "key", "mistake"),
    [
        ("shop", "abcd", "5 characters or more"),
        ("", "good-key", "needs a name"),
        (UNKNOWN, "good-key", "is taken"),
        ("new", None, "give its write key"),
        ("shop", "app-key", "another source has this write key"),
    ],
)
def test_keys_that_cannot_be(endpoint, source, key, mistake):
    """A mistake is named, without the key, and changes nothing."""
    with pytest.raises(ValueError, match=mistake) as refused:
        endpoint.set_key(source, key)
    assert (key or "?") not in str(refused.value)
    assert 200 == post(endpoint).status


def test_the_counts_add_up(endpoint):
    """What came in is kept, a duplicate or refused, for each source and in total; requests are counted by what was answered."""
    endpoint.script({"do": "reset", "source": "app", "count": 1})
    post(endpoint, TRACK, TRACK, TRACK | {"userId": None})
    post(endpoint, key="app-key")
    post(endpoint, key="other-key")
    none = {"answered": 0, "ambiguous": 0, "same_request": 0}
    shop = {
        "requests": {"200": 1},
        "received": 3,
        "kept": 1,
        "duplicates": none | {"same_request": 1},
        "refused": {"no_identity": 1},
        "turned_away": 0,
    }
    app = {"requests": {"reset": 1}, "received": 0, "kept": 0, "duplicates": none, "refused": {}, "turned_away": 1}
    unknown = {"requests": {"200": 1}, "received": 1, "kept": 0, "duplicates": none, "refused": {"unknown_write_key": 1}, "turned_away": 0}
    total = {
        "requests": {"200": 2, "reset": 1},
        "received": 4,
        "kept": 1,
        "duplicates": none | {"same_request": 1},
        "refused": {"no_identity": 1, "unknown_write_key": 1},
        "turned_away": 1,
    }
    assert {"sources": {"shop": shop, "app": app, UNKNOWN: unknown}, "total": total} == endpoint.summary()


def test_records_of_requests(endpoint):
    """A record has what a test of backoff needs, oldest first, and never a key."""
    endpoint.script({"do": "status", "name": "down", "count": 1})
    post(endpoint, headers={"X-Retry-Count": "2", "Authorization": "Bearer secret", "User-Agent": "x", "Accept": "y"})
    post(endpoint, key="app-key")
    struck, fine = endpoint.requests()
    expected = {
        "at": NOW,
        "source": "shop",
        "path": "/v1/batch",
        "status": "503",
        "events": 1,
        "retry_count": 2,
        "fault": "down",
        "acknowledged": False,
    }
    assert expected == {name: struck[name] for name in expected}
    assert {"user-agent": "x", "authorization": "Bearer"} == struck["headers"]
    assert ("app", "200", None, None, True) == tuple(fine[name] for name in ("source", "status", "fault", "retry_count", "acknowledged"))
    assert "key" not in json.dumps([struck, fine])
    assert [struck] == endpoint.requests("shop", last=1)
    assert [fine] == endpoint.requests(last=1)


def test_reset_forgets_everything_but_the_keys(endpoint):
    """After a reset an id is new, no fault is in force, nothing is counted, and the keys work."""
    post(endpoint)
    endpoint.script({"do": "hang"})
    endpoint.reset()
    assert ([], [], []) == (list(endpoint.view()), endpoint.requests(), endpoint.faults())
    post(endpoint)
    assert ["m"] == kept(endpoint)


def test_the_messageids_of_every_request_are_told_to_whoever_asks(endpoint):
    """Each request's messageIds are there, whatever became of it, and left out where they are not asked for; a double that keeps no messages has none."""
    endpoint.script({"do": "status", "status": 503, "count": 1})
    post(endpoint, TRACK, TRACK | {"messageId": "n"})
    post(endpoint)
    assert [("503", ("m", "n")), ("200", ("m",))] == [(each["status"], each["ids"]) for each in endpoint.requests(ids=True)]
    assert not any("ids" in each for each in endpoint.requests())
    light = Endpoint({"shop": "shop-key"}, clock=lambda: NOW, keep="none")
    post(light)
    assert [()] == [each["ids"] for each in light.requests(ids=True)]
