"""What the double's edge reads and what it refuses."""

import base64
import gzip
import json

import pytest

from currents_segment.flows.simulate.segment_edge import (
    ACCEPTED,
    BAD_KEY,
    MALFORMED,
    NO_KEY,
    OVERSIZE,
    UNAUTHORIZED,
    Answer,
    Limits,
    call_of,
    read,
)

LIMITS = Limits()
TRACK = {"type": "track", "event": "E", "userId": "u", "messageId": "m"}


def basic(key):
    """The header of Basic authentication with a write key."""
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


def batch(*messages, **more):
    """The body of a batch."""
    return json.dumps({"batch": messages} | more).encode()


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/v1/batch", "batch"),
        ("/v1/batch/", "batch"),
        ("/v1/import", "import"),
        ("/v1/import/", "import"),
        ("/v1/track", "track"),
        ("/v1/identify/", "identify"),
        ("/v1/page", "page"),
        ("/v1/screen", "screen"),
        ("/v1/group", "group"),
        ("/v1/alias", "alias"),
        ("/batch", None),
        ("/v1/", None),
        ("/v1/batch//", None),
        ("/v1/other", None),
        ("/v2/batch", None),
    ],
)
def test_the_paths_of_the_tracking_api_end_with_or_without_a_slash(path, call):
    """/v1/batch, its alias /v1/import and the single calls are Segment's; nothing else is."""
    assert call == call_of(path)


@pytest.mark.parametrize(
    ("headers", "inside"),
    [
        (basic("write-key"), {}),
        ({}, {"writeKey": "write-key"}),
        ({"Authorization": "Bearer a.b.c"}, {"writeKey": "write-key"}),
        (basic("write-key"), {"writeKey": "write-key"}),
        (basic("write-key"), {"writeKey": "another-key"}),
        ({"Authorization": "basic " + base64.b64encode(b"write-key:password").decode()}, {}),
        ({"Authorization": "Basic %%%"}, {"writeKey": "write-key"}),
        ({"Authorization": "Basic " + base64.b64encode(b"\xff").decode()}, {"writeKey": "write-key"}),
    ],
)
def test_three_ways_to_authenticate(headers, inside):
    """The key comes as a Basic user, in the body, or in the body beside a Bearer token; a Basic header wins."""
    reading = read("batch", headers, batch(TRACK, **inside), LIMITS)
    assert ("write-key", None, [TRACK]) == (reading.key, reading.trouble, reading.messages)


@pytest.mark.parametrize(
    ("headers", "body", "trouble"),
    [
        ({}, batch(TRACK), NO_KEY),
        ({}, batch(TRACK, writeKey=None), NO_KEY),
        ({}, batch(TRACK, writeKey=12345), NO_KEY),
        (basic(""), batch(TRACK), NO_KEY),
        (basic("abcd"), batch(TRACK), BAD_KEY),
        ({}, batch(TRACK, writeKey="abcd"), BAD_KEY),
        (basic("write-key"), b"", MALFORMED),
        (basic("write-key"), b"{", MALFORMED),
        (basic("write-key"), b"\xff", MALFORMED),
        (basic("write-key"), b"[]", MALFORMED),
        (basic("write-key"), b"null", MALFORMED),
        (basic("write-key"), b"{}", MALFORMED),
        (basic("write-key"), b'{"batch": {}}', MALFORMED),
        (basic("write-key") | {"Content-Encoding": "gzip"}, batch(TRACK), MALFORMED),
        (basic("write-key") | {"Content-Encoding": "gzip"}, gzip.compress(batch(TRACK), mtime=0)[:-9], MALFORMED),
        (basic("write-key"), gzip.compress(batch(TRACK), mtime=0), MALFORMED),
        (basic("write-key"), batch(TRACK).ljust(500_001), OVERSIZE),
        (basic("write-key") | {"Content-Encoding": "gzip"}, gzip.compress(batch(TRACK).ljust(500_001), mtime=0), OVERSIZE),
    ],
)
def test_what_the_edge_refuses(headers, body, trouble):
    """400 is for a missing or very short key, malformed JSON or gzip, and a body that is too large unpacked; for nothing else."""
    reading = read("batch", headers, body, LIMITS)
    assert trouble == reading.trouble
    assert trouble.answer().status == 400


@pytest.mark.parametrize(
    "body",
    [
        batch(),
        batch(TRACK).ljust(500_000),
        batch({}),
        batch(None, 1, "x", []),
        batch(TRACK | {"userId": None, "anonymousId": None, "properties": None, "unheardOf": {"a": [None]}}),
        batch(*[TRACK] * 2_501),
    ],
    ids=["empty", "just fits", "empty message", "no messages", "null ids and unknown keys", "too many"],
)
def test_what_the_edge_lets_in(body):
    """The edge looks at no message: nulls, unknown keys, nonsense and 2,501 events come in."""
    assert read("batch", basic("write-key"), body, LIMITS).trouble is None


def test_gzip_is_unpacked():
    """A gzip body reads as the plain one does, and its size is that of the plain one."""
    body = batch(TRACK, sentAt="2026-01-01T00:00:00Z")
    packed = read("batch", basic("write-key") | {"Content-Encoding": "gzip"}, gzip.compress(body), LIMITS)
    assert read("batch", basic("write-key"), body, LIMITS) == packed
    assert len(body) == packed.size


def test_a_single_call_is_a_batch_of_one():
    """The path gives the type, the key is taken out, and sentAt is the message's own."""
    reading = read("track", {}, json.dumps(TRACK | {"type": "x", "writeKey": "write-key", "sentAt": "s"}).encode(), LIMITS)
    assert ("write-key", "s", None) == (reading.key, reading.sent_at, reading.trouble)
    assert [TRACK | {"sentAt": "s"}] == reading.messages


def test_a_single_call_has_the_limit_of_an_event():
    """A single call larger than 32,000 bytes is refused at the edge."""
    body = json.dumps(TRACK | {"writeKey": "write-key"}).encode()
    assert read("track", {}, body.ljust(32_000), LIMITS).trouble is None
    assert read("track", {}, body.ljust(32_001), LIMITS).trouble is OVERSIZE


def test_a_400_is_json_or_plain_text():
    """Clients must bear both, so the double gives both."""
    assert {"success": False, "code": "invalid_write_key", "message": "invalid write key"} == json.loads(BAD_KEY.answer().body)
    assert (b"request body too large", {"Content-Type": "text/plain"}) == (OVERSIZE.answer().body, OVERSIZE.answer().headers)


@pytest.mark.parametrize(
    ("answer", "delivers"),
    [
        (ACCEPTED, True),
        (Answer(204, b""), True),
        (Answer(200, b"ok"), True),
        (Answer(200, b"[]"), True),
        (Answer(200, b'{"success":true}', manner="drip"), True),
        (Answer(200, b'{"success":false}'), False),
        (Answer(200, b'{"success":true}', manner="truncate"), False),
        (Answer(200, b'{"success":true}', manner="reset"), False),
        (Answer(302, b""), False),
        (UNAUTHORIZED, False),
        (Answer(503, b'{"success":true}'), False),
    ],
)
def test_which_answers_say_delivered(answer, delivers):
    """A whole 2xx says delivered, unless its body says `"success": false`."""
    assert delivers == answer.delivers
