"""What tells two outputs apart, whatever order they came in: numbers of events whose sums must be equal. Nothing of the pipeline is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

UUID: Final = 36  # bytes of an event's id
SAMPLED: Final = 256  # one event in so many is compared as a whole message, not by its id alone
_ODD: Final = np.random.default_rng(20261122).integers(1, 1 << 62, UUID // 4, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Sum:
    """What some events come to.

    Attributes:
        events: how many.
        ids: sum of the fingerprints of their ids, modulo 2^64: two outputs with the same count and sum hold the same events as often, but for one chance in 2^64.
        messages: the same sum of the whole messages of those that are sampled.
    """

    events: int = 0
    ids: int = 0
    messages: int = 0

    def __add__(self, other: "Sum") -> "Sum":
        """Of both together."""
        return Sum(self.events + other.events, (self.ids + other.ids) % 2**64, (self.messages + other.messages) % 2**64)


def fingerprints(ids: Sequence[bytes]) -> NDArray[np.uint64]:
    """A number of each id (36 bytes of text)."""
    words = np.frombuffer(b"".join(ids), "<u4").reshape(-1, UUID // 4).astype(np.uint64)
    mixed: NDArray[np.uint64] = (words * _ODD).sum(axis=1)
    mixed ^= mixed >> np.uint64(32)
    mixed *= _MIX
    return mixed ^ (mixed >> np.uint64(29))


def sampled(numbers: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which events are compared as whole messages."""
    return numbers % np.uint64(SAMPLED) == 0


def message(whole: dict[str, Any]) -> int:
    """A number of what a message says: who, what, when, and all fields; not of its messageId, and not of who sent it."""
    context = whole.get("context", {})
    said = {
        "event": whole["event"],
        "userId": whole["userId"],
        "timestamp": datetime.fromisoformat(whole["timestamp"]).timestamp(),
        "properties": whole["properties"],
        "traits": context.get("traits", {}),
        "device": context.get("device", {}),
    }
    return xxh3_64_intdigest(orjson.dumps(said, option=orjson.OPT_SORT_KEYS))
