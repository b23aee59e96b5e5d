"""Segment's edge: what it reads in a request and the few things that it refuses; it never looks at what the messages say.

Facts from Segment's HTTP API documentation, its official clients and probes of the live API; where none says, the choice is ours and marked so.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson
from isal import isal_zlib

BATCHES: Final = frozenset({"batch", "import"})
CALLS: Final = frozenset({"track", "identify", "page", "screen", "group", "alias"})
SHORTEST_KEY: Final = 5  # characters; the live edge answers 400 to "very short" keys, the exact bound is not known
LARGEST_BODY: Final = 64_000_000  # bytes, unpacked: a bound against bombs, far above anything that Segment takes


_SUCCESSES: Final = range(200, 300)

Manner = Literal["whole", "reset", "hang", "truncate", "drip"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the client, and how.

    Attributes:
        status: HTTP status.
        body: the whole body, also where only a part of it is sent.
        headers: beside those of HTTP itself.
        manner: `whole` at once, `drip` byte by byte, `truncate` the first half, `reset` or `hang` nothing.
        delay: s before the first byte, or before the reset.
        interval: s between two bytes of `drip`.
    """

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    manner: Manner = "whole"
    delay: float = 0.0
    interval: float = 0.0

    @property
    def outcome(self) -> str:
        """The status, or the manner in which the answer is withheld."""
        return str(self.status) if self.manner in ("whole", "drip") else self.manner

    @property
    def delivers(self) -> bool:
        """A client that reads all of it must take its events for delivered: 2xx, unless the body says otherwise."""
        return self.manner in ("whole", "drip") and self.status in _SUCCESSES and not _unsuccessful(self.body)


def _unsuccessful(body: bytes) -> bool:
    """The body is a JSON object that says `"success": false`."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(document, dict) and document.get("success") is False


ACCEPTED: Final = Answer(200, b'{"success":true}')
UNAUTHORIZED: Final = Answer(401, b'{"success":false,"code":"unauthorized","message":"invalid write key"}')


@dataclass(frozen=True, slots=True)
class Limits:
    """Segment's limits, read in the stricter of the possible ways: thousands, uncompressed.

    Attributes:
        event: bytes of one message as compact JSON.
        batch: bytes of one request's body, unpacked.
        events: messages a request.
        message_id: a messageId is shorter than this, in characters.
    """

    event: int = 32_000
    batch: int = 500_000
    events: int = 2_500
    message_id: int = 100


@dataclass(frozen=True, slots=True)
class Trouble:
    """A 400 from the edge; Segment's body is sometimes JSON, sometimes plain text, and a client must bear both.

    Attributes:
        code: a word for machines.
        message: the reason in words.
        plain: the body is the bare message.
    """

    code: str
    message: str
    plain: bool = False

    def answer(self) -> Answer:
        """The 400."""
        if self.plain:
            return Answer(400, self.message.encode(), {"Content-Type": "text/plain"})
        return Answer(400, orjson.dumps({"success": False, "code": self.code, "message": self.message}))


NO_KEY: Final = Trouble("missing_write_key", "missing write key")
BAD_KEY: Final = Trouble("invalid_write_key", "invalid write key")
MALFORMED: Final = Trouble("invalid_request", "malformed JSON")
OVERSIZE: Final = Trouble("too_large", "request body too large", plain=True)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the edge read in one request.

    Attributes:
        key: the write key; ``""`` where there is none.
        messages: the messages, of any JSON type; empty when the body could not be read.
        sent_at: the batch's `sentAt` as it came, or None.
        size: bytes of the body, unpacked.
        trouble: why the edge refuses the request, or None.
    """

    key: str
    messages: list[Any]
    sent_at: Any
    size: int
    trouble: Trouble | None


def call_of(path: str) -> str | None:
    """The last word of a tracking path (`batch`, `import`, `track`, …), with or without a trailing slash; None for every other path."""
    word = path.removesuffix("/").removeprefix("/v1/")
    return word if path.startswith("/v1/") and word in BATCHES | CALLS else None


def read(call: str, headers: Mapping[str, str], body: bytes, limits: Limits) -> Reading:
    """One request as the edge sees it; `call` is a word of `call_of`, `headers` are looked up without regard to case."""
    key = _basic(headers.get("Authorization", ""))
    try:
        text = _unpack(body) if headers.get("Content-Encoding", "").strip().lower() == "gzip" else body
        document = orjson.loads(text)
    except ValueError:  # not JSON, or not gzip
        return Reading(key, [], None, len(body), MALFORMED)
    if not isinstance(document, dict):
        return Reading(key, [], None, len(text), MALFORMED)
    if not key:  # where header and body differ the header wins (ours)
        inside = document.get("writeKey")
        key = inside if isinstance(inside, str) else ""
    if call in BATCHES:
        messages, most = document.get("batch"), limits.batch
    else:
        messages, most = [{name: value for name, value in document.items() if name != "writeKey"} | {"type": call}], limits.event
    trouble = None
    if not isinstance(messages, list):
        trouble, messages = MALFORMED, []
    elif len(text) > most:
        trouble = OVERSIZE
    if not key:
        trouble = NO_KEY
    elif len(key) < SHORTEST_KEY:
        trouble = BAD_KEY
    return Reading(key, messages, document.get("sentAt"), len(text), trouble)


def _basic(authorization: str) -> str:
    """The user of a Basic header: the write key, whose password is empty; ``""`` for any other scheme, whose key is in the body."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _unpack(body: bytes) -> bytes:
    """The one gzip member of a body; ValueError when it is cut or larger than `LARGEST_BODY`."""
    stream = isal_zlib.decompressobj(wbits=31)
    try:
        text: bytes = stream.decompress(body, LARGEST_BODY)
    except isal_zlib.error as error:  # type: ignore[misc]  # isal's stub declares the class as an instance
        raise ValueError("not gzip") from error
    if not stream.eof:
        raise ValueError("a gzip stream that is cut, or larger than anything that is taken")
    return text
