"""What Segment's answers mean: the table of its client contract, row by row."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.sinks.segment.answers import (
    LONGEST_WAIT,
    Answer,
    Delivered,
    Refused,
    Retry,
    SetupFault,
    Split,
    Wait,
    WithoutRetryCount,
    classify,
    failure,
)

NOW = 1_800_000_000.0


def _of(status: int, headers: dict[str, str] | None = None, body: bytes = b"", *, retry_count: int = 0) -> Answer:
    return classify(status, headers or {}, body, retry_count=retry_count, now=NOW)


@pytest.mark.parametrize("body", [b'{"success": true}', b"", b"ok", b'{"succ', b"[]", b'{"success": "false"}'])
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_2xx(status, body):
    """A 2xx is a delivery, whatever its body, unless it denies it."""
    assert Delivered() == _of(status, body=body)


def test_success_false():
    """A 200 with `success: false` is a failure, and its Retry-After is honoured."""
    assert Retry("success false", None) == _of(200, body=b'{"success": false, "code": "x"}')
    assert Retry("success false", 7.0) == _of(200, {"retry-after": "7"}, b'{"success":false}')


def test_html():
    """A 200 with a page of HTML is a proxy's, not a delivery."""
    assert Retry("html", None) == _of(200, body=b"\r\n <!DOCTYPE html><html>")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_3xx(status):
    """A redirect is a fault of the set-up, never followed and never a delivery."""
    assert SetupFault("redirect") == _of(status, {"location": "https://elsewhere.example/"}, b'{"success":true}')


@pytest.mark.parametrize("status", [408, 410, 460, 500, 502, 503, 504, 506, 507, 508, 510, 520, 599])
def test_retry(status):
    """408, 410, 460 and every 5xx except 501, 505 and 511 are tried again."""
    assert Retry(str(status), None) == _of(status)


@pytest.mark.parametrize("kind", ["timeout", "dns", "tls", "reset", "refused connection"])
def test_network(kind):
    """A network fault is tried again and keeps its name."""
    assert Retry(kind, None) == failure(kind)


@pytest.mark.parametrize(
    ("after", "text"),
    [
        (5.0, "5"),
        (0.0, "0"),
        (1.5, " 1.5 "),
        (LONGEST_WAIT, "301"),
        (LONGEST_WAIT, "9" * 400),
        (90.0, format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True)),
        (90.0, format_datetime(datetime.fromtimestamp(NOW + 90, UTC)).replace("+0000", "-0000")),
        (LONGEST_WAIT, format_datetime(datetime.fromtimestamp(NOW + 86_400, UTC), usegmt=True)),
        (0.0, format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True)),
        (None, ""),
        (None, "soon"),
        (None, "-3"),
        (None, "nan"),
        (None, "\u0665"),
    ],
)
def test_retry_after(after, text):
    """Retry-After is read as seconds or as an HTTP date, capped at 300 s; what is neither is ignored."""
    assert Retry("503", after) == _of(503, {"retry-after": text})


@pytest.mark.parametrize(
    ("after", "headers"),
    [
        (12.0, {"retry-after": "12", "x-ratelimit-reset": "40"}),
        (40.0, {"x-ratelimit-reset": "40"}),
        (40.0, {"retry-after": "soon", "x-ratelimit-reset": "40"}),
        (LONGEST_WAIT, {"x-ratelimit-reset": "1800000000"}),
        (30.0, {"retry-after": format_datetime(datetime.fromtimestamp(NOW + 30, UTC), usegmt=True)}),
        (0.0, {}),
    ],
)
def test_429(after, headers):
    """A 429 makes the connector wait for Retry-After, else X-RateLimit-Reset, capped at 300 s."""
    assert Wait("429", after) == _of(429, headers)


@pytest.mark.parametrize("status", [400, 413, 402, 405, 406, 407, 409, 411, 412, 414, 415, 418, 421, 426, 431, 451, 499])
def test_split(status):
    """400, 413 and every other 4xx that is not of the connector's set-up split the batch: one event must not take the others with it."""
    assert Split(str(status), status) == _of(status, body=b"malformed JSON")


@pytest.mark.parametrize(
    "body", [b'{"success":false,"message":"Invalid write key"}', b"invalid writeKey", b"missing write_key", b"Write key is required"]
)
def test_invalid_write_key(body):
    """A 400 that names the write key is a fault of the set-up, as JSON or as plain text."""
    assert SetupFault("invalid write key") == _of(400, body=body)


def test_400_about_an_event():
    """A 400 that merely shows an event with such words is not about the key."""
    assert Split("400", 400) == _of(400, body=b'malformed JSON near "how to write keynotes"')


@pytest.mark.parametrize("status", [401, 403, 404])
def test_setup_fault(status):
    """401, 403 and 404 are faults of the set-up."""
    assert SetupFault(str(status)) == _of(status)


def test_422():
    """A 422 asks for the header's absence if it was sent, and splits otherwise."""
    assert WithoutRetryCount("422") == _of(422, retry_count=3)
    assert Split("422", 422) == _of(422, retry_count=0)


@pytest.mark.parametrize("status", [501, 505, 511])
def test_refused(status):
    """501, 505 and 511 (there is no token to renew) refuse the batch as a whole: they are said of the endpoint, so its halves would fare no better."""
    assert Refused(status, str(status)) == _of(status)


@given(
    st.integers(100, 999),
    st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-reset", "location"]), st.text()),
    st.binary(),
    st.integers(0, 10**6),
    st.floats(0, 4e9),
)
def test_total(status, headers, body, retry_count, now):
    """Every answer has a meaning; only a 2xx is a delivery, no asked wait exceeds 300 s, and no label holds the body."""
    answer = classify(status, headers, body, retry_count=retry_count, now=now)
    if isinstance(answer, Delivered):
        assert 200 <= status < 300
        return
    assert answer.why in {str(status), "success false", "html", "redirect", "invalid write key", "protocol"}
    if isinstance(answer, Wait | Retry):
        assert 0 <= (answer.after or 0) <= LONGEST_WAIT
