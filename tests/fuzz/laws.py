"""What holds of any input: no crash, each event counted and kept, the same twice, nothing of the data in words about it."""

import functools
import io
from collections import Counter

import orjson
from tests.fuzz.wild import SECRET

from currents_segment.codecs.catalogue import load
from currents_segment.codecs.chunk import RAW_KEPT, Messages, Records
from currents_segment.codecs.container import records
from currents_segment.codecs.decoder import Decoder
from currents_segment.codecs.identity import MAX_MESSAGE_ID
from currents_segment.codecs.message import MAX_MESSAGE
from currents_segment.codecs.outcome import KEPT
from currents_segment.codecs.profile import Profile
from currents_segment.codecs.transcoder import Transcoder


def decoder():
    """One that has seen nothing, of a connector that takes everything."""
    return Transcoder(_profile(), load())


@functools.cache
def _profile():
    known = load()
    return Profile("shop", "ws", frozenset(known.types), anonymous_users=True, names=known.names().of)


def decoded(piece: Records) -> Counter[str]:
    """Decode one piece by both paths, and hold the laws; returns what became of its events."""
    messages = decoder().decode(piece)
    assert values(messages) == values(Decoder(_profile(), load()).decode(piece)), "the same bytes give the same on both paths"
    _sent(messages)
    _kept(messages)
    said = piece.damage.count if piece.damage else piece.count
    assert said <= messages.received <= said + max(1, len(piece.spans)), (
        "each event is counted once, and what is left over once for each span"
    )
    return Counter({outcome.value: count for outcome, count in messages.tally.items()} | {"messages": len(messages.ids)})


def read(data: bytes, random=None, limit: int = 1000) -> Counter[str]:
    """Read a file and hold the laws of it and of its pieces; going on from any place gives the rest, and so does a stream in crumbs."""
    pieces = list(_pieces(io.BytesIO(data), limit))
    found: Counter[str] = Counter()
    for piece, _ in pieces:
        found += decoded(piece)
    assert pieces or data[:4] == b"Obj\x01", "what is no file is counted"
    if random is not None and pieces:
        number = random.randrange(len(pieces))
        assert pieces[number + 1 :] == list(_pieces(Crumbs(data, random), limit, pieces[number][1])), "reading goes on from every place"
    return found


class Crumbs(io.BytesIO):
    """A stream that gives less than it is asked for."""

    def __init__(self, data, random):
        super().__init__(data)
        self._random = random

    def read(self, count=-1, /):
        """Some of the next bytes."""
        return super().read(self._random.randrange(1, count + 1))


def _pieces(stream, limit, at=(0, 0)):
    return records(stream, log="log", key="key", hint="", arrival=5.0, at=at, limit=limit)


def values(messages: Messages):
    """What two ways must agree on."""
    return (
        messages.bodies,
        messages.ends.tolist(),
        messages.ids.tolist(),
        messages.received,
        messages.tally,
        messages.letters,
        messages.unknown,
    )


def _sent(messages: Messages):
    """Every message is JSON that Segment takes."""
    ends = messages.ends.tolist()
    assert len(ends) == len(messages.ids)
    assert (ends[-1] if ends else 0) == len(messages.bodies)
    for begin, end in zip([0, *ends], ends, strict=False):
        body = messages.bodies[begin:end]
        assert body.endswith(b",")
        assert len(body) - 1 <= MAX_MESSAGE
        message = orjson.loads(body[:-1])
        assert 0 < len(message["messageId"].encode()) <= MAX_MESSAGE_ID
        assert message.get("userId") or message.get("anonymousId")


def _kept(messages: Messages):
    """Received is the sum of all; what is rejected or undecodable is kept, and only that."""
    assert messages.received == len(messages.ids) + sum(messages.tally.values())
    kept: Counter[str] = Counter()
    for letter in messages.letters:
        kept[letter.outcome] += letter.count
        assert letter.count > 0
        assert not letter.raw or len(letter.body) <= RAW_KEPT
        assert SECRET.decode() not in letter.detail
        assert len(letter.detail) < 500
    assert kept == Counter({outcome: count for outcome, count in messages.tally.items() if outcome.state in KEPT})
