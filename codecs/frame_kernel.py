"""The frames of many values at once: a compiled loop knows the common ones, and leaves all others to `frames`, value by value."""

from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from currents_segment.codecs.frames import Frame, Framer, Framing
from currents_segment.codecs.native import UNCOUNTED, ahead

P = ParamSpec("P")
R = TypeVar("R")

ODD: Final = 0xFFFF  # in `which`: not one of the frames told here
MOST: Final = 1_000  # frames told apart at once; a value with a further one is odd

CONFLUENT, SINGLE_OBJECT, BARE = range(3)
SIZES: Final = {Framing.CONFLUENT: 1 + 4, Framing.SINGLE_OBJECT: 2 + 8, Framing.BARE: 0}  # bytes of each frame, in this order
LONGEST: Final = max(SIZES.values())
MARK_SIZES: Final = (1, 2, 0)  # bytes of each that are no reference
SINGLE: Final = (0xC3, 0x01)  # marks a single object; 0 marks Confluent's frame
OTHERS: Final = (0x01, 0x4F)  # first bytes of frames that are not common: a GUID, a file
AHEAD: Final = 16  # values: what came from the log a while ago is in no cache, and to wait for one after the other takes four times as long as to tell it
IDS: Final = 1 << 31  # an id in a registry is below


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile at the first call, or load what an earlier process compiled."""
    return cast("Callable[P, R]", numba.njit(cache=True, nogil=True, **UNCOUNTED)(function))


class Frames:
    """Tells the frames of many values as a framer tells them one by one.

    Args:
        framer: of the source.
    """

    def __init__(self, framer: Framer) -> None:
        self._framer = framer
        self._sizes = np.array([size if framer.looks_for(kind) else -1 for kind, size in SIZES.items()], np.int64)
        self._found = np.empty((MOST, 3), np.int64)

    def tell(
        self, data: bytes, begins: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> tuple[list[Frame], NDArray[np.uint16], NDArray[np.int64]]:
        """The frames that were found; [n] which of them each value has, or `ODD`: ask the framer; [n] where its datum begins.

        Args:
            data: values back to back.
            begins: [n], where each begins; behind its end: there is none.
            ends: [n].
        """
        which, inner = np.empty(len(begins), np.uint16), np.empty(len(begins), np.int64)
        count = tell(np.frombuffer(data, np.uint8), begins, ends, self._sizes, inner, which, self._found)
        told: list[Frame] = []
        for first in self._found[:count, 2].tolist():
            begin = int(begins[first])
            frame = self._framer.of(data[begin : min(begin + LONGEST, int(ends[first]))])
            if not isinstance(frame, Frame):
                raise ValueError(f"value {first} is in no frame after all: {frame.detail}")  # noqa: TRY004 - a bug, not a type
            told.append(frame)
        return told, which, inner


@compiled
def tell(  # noqa: PLR0917 - numba takes positions only
    data: NDArray[np.uint8],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    sizes: NDArray[np.int64],
    inner: NDArray[np.int64],
    which: NDArray[np.uint16],
    found: NDArray[np.int64],
) -> int:
    """Tell frames apart by their first bytes.

    Shapes: `data` values back to back; `begins`, `ends` [n] of each (one that begins behind its end has none, and is odd); `sizes` [3] of the frames that are
    looked for, by kind, or -1; `inner`, `which` [n] receive where the datum begins and which of `found` its frame is, or `ODD`; `found` [MOST, 3] receives kind,
    reference (the 4 or 8 bytes of it, as a big-endian number with a sign) and the first value that has it.

    Returns:
        How many frames were found.
    """
    count = 0
    last = 0
    for i in range(len(begins)):
        ahead(data, begins[min(i + AHEAD, len(begins) - 1)])
        begin = begins[i]
        which[i], inner[i] = ODD, begin
        kind = _kind_of(data, begin, ends[i], sizes)
        if kind < 0:
            continue
        reference = np.int64(0)
        for k in range(begin + MARK_SIZES[kind], begin + sizes[kind]):
            reference = (reference << 8) | np.int64(data[k])
        if kind == CONFLUENT and not 0 < reference < IDS:
            continue
        if count == 0 or found[last, 0] != kind or found[last, 1] != reference:
            last = 0
            while last < count and (found[last, 0] != kind or found[last, 1] != reference):
                last += 1
            if last == MOST:
                last = 0
                continue
            if last == count:
                found[count, 0], found[count, 1], found[count, 2] = kind, reference, i
                count += 1
        which[i], inner[i] = last, begin + sizes[kind]
    return count


@compiled
def _kind_of(data: NDArray[np.uint8], begin: int, end: int, sizes: NDArray[np.int64]) -> int:
    """The kind of frame that a value has by its mark, or -1."""
    if begin >= end:
        return -1
    first = data[begin]
    if sizes[CONFLUENT] < 0 and sizes[SINGLE_OBJECT] < 0 and sizes[BARE] >= 0:
        kind = BARE
    elif first == 0:
        kind = CONFLUENT
    elif first == SINGLE[0]:
        kind = SINGLE_OBJECT if begin + 1 < end and data[begin + 1] == SINGLE[1] else -1
    else:
        kind = BARE if first not in OTHERS else -1
    return kind if kind >= 0 and 0 <= sizes[kind] <= end - begin else -1
