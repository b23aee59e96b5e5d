"""Compiled loops over what librdkafka has fetched: they copy messages into arrays, partition by partition, and give them back.

Layout of a message and the functions: rdkafka.h of librdkafka 2, which is public and keeps both within a major version.
"""

import ctypes
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, cast

import llvmlite.binding  # type: ignore[import-untyped]
import numba
import numpy as np
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from currents_segment.flows.kafka.librdkafka import C
from currents_segment.flows.kafka.run import UNSAID

P = ParamSpec("P")
R = TypeVar("R")

MESSAGE: Final = np.dtype(
    [
        ("error", np.int32),
        ("topic", np.uintp),
        ("partition", np.int32),
        ("value", np.uintp),
        ("size", np.int64),
        ("key", np.uintp),
        ("key_size", np.int64),
        ("offset", np.int64),
    ],
    align=True,
)
"""rd_kafka_message_t, up to what is librdkafka's own. `topic` is an address, and so is `value`: 0 where there is none."""

TOPIC, NUMBER, LAST, SIZE = range(4)
"""Columns of `partitions`: the address of its topic, its number, behind its last message, behind its last byte."""
LOG_APPEND_TIME: Final = TIMESTAMP_LOG_APPEND_TIME


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile at the first call, or load what an earlier process compiled."""
    return cast("Callable[P, R]", numba.njit(cache=True, nogil=True)(function))


def _external(name: str, signature: Any) -> Any:
    """A function of librdkafka for compiled code, which finds it by its name, so that the code can be kept."""
    llvmlite.binding.add_symbol(name, ctypes.cast(getattr(C, name), ctypes.c_void_p).value)
    return types.ExternalFunction(name, signature)


_destroy = _external("rd_kafka_message_destroy", types.void(types.uintp))
_length = _external("rd_kafka_queue_length", types.uintp(types.uintp))
_timestamp = _external("rd_kafka_message_timestamp", types.int64(types.uintp, types.uintp))
_headers = _external("rd_kafka_message_headers", types.int32(types.uintp, types.uintp))
_header = _external("rd_kafka_header_get", types.int32(types.uintp, types.uintp, types.uintp, types.uintp, types.uintp))


def _at_address(_typing: Any, address: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


def _copied(_typing: Any, to: Any, of: Any, size: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        target, source = (builder.inttoptr(argument, cgutils.voidptr_t) for argument in arguments[:2])
        cgutils.raw_memcpy(builder, target, source, arguments[2], 1)  # type: ignore[no-untyped-call]

    return types.void(to, of, size), generate


_pointer: Any = intrinsic(_at_address)  # what `carray` takes
_copy: Any = intrinsic(_copied)  # memcpy: a loop over bytes costs five times as much
_carray: Any = numba.carray  # type: ignore[attr-defined]


@compiled
def gather(messages: NDArray[np.uintp], names: NDArray[np.uintp]) -> tuple[NDArray[Any], ...]:
    """Copy messages by partition, keeping the order of each. What is no message but an error is left out.

    Shapes: `messages` [n] addresses; `names` [m] addresses of the names of headers that matter.

    Returns:
        int64[g, 4], the partitions; uint8[bytes] and int64[4, k], values and table as in `run.Run`, with bounds that count from the partition's first byte;
        int64[k], which of `messages` has a header that matters, else -1; int64[n - k], which of `messages` are errors.
    """
    owners, partitions, errors = _sort(messages)
    room = partitions[-1] if len(partitions) else np.zeros(4, np.int64)
    data = np.empty(room[SIZE], np.uint8)
    table = np.empty((4, room[LAST]), np.int64)
    headed = np.full(room[LAST], -1, np.int64)
    rows, firsts = np.zeros(len(partitions), np.int64), np.zeros(len(partitions), np.int64)
    rows[1:], firsts[1:] = partitions[:-1, LAST], partitions[:-1, SIZE]
    nexts = firsts.copy()
    said = np.zeros(4, np.uintp)  # where librdkafka's functions write to
    here = said.ctypes.data
    for i in range(len(messages)):
        owner = owners[i]
        if owner < 0:
            continue
        message = _carray(_pointer(messages[i]), 1, dtype=MESSAGE)[0]
        row, begin = rows[owner], nexts[owner]
        end = begin
        if message.value != 0:
            end += message.size
            _copy(np.uintp(data.ctypes.data + begin), message.value, message.size)
        table[0, row] = begin - firsts[owner] + (1 if message.value == 0 else 0)
        table[1, row] = end - firsts[owner]
        table[2, row] = message.offset
        time = _timestamp(messages[i], here)
        table[3, row] = time if np.int32(said[0]) == LOG_APPEND_TIME else UNSAID
        if len(names) and _headers(messages[i], here) == 0:
            for k in range(len(names)):
                if _header(said[0], 0, names[k], here + 16, here + 24) == 0:
                    headed[row] = i
        rows[owner], nexts[owner] = row + 1, end
    return partitions, data, table, headed, errors


@compiled
def _sort(messages: NDArray[np.uintp]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Which partition each message is of, -1 for an error; the partitions in the order in which they are met; which are errors."""
    owners = np.empty(len(messages), np.int64)
    partitions = np.zeros((len(messages), 4), np.int64)
    count, owner = 0, 0
    for i in range(len(messages)):
        message = _carray(_pointer(messages[i]), 1, dtype=MESSAGE)[0]
        if message.error != 0:
            owners[i] = -1
            continue
        topic, number = np.int64(message.topic), np.int64(message.partition)
        if count == 0 or partitions[owner, TOPIC] != topic or partitions[owner, NUMBER] != number:
            owner = 0
            while owner < count and (partitions[owner, TOPIC] != topic or partitions[owner, NUMBER] != number):
                owner += 1
            if owner == count:
                count += 1
                partitions[owner, TOPIC], partitions[owner, NUMBER] = topic, number
        owners[i] = owner
        partitions[owner, LAST] += 1
        if message.value != 0:
            partitions[owner, SIZE] += message.size
    for owner in range(1, count):
        partitions[owner, LAST] += partitions[owner - 1, LAST]
        partitions[owner, SIZE] += partitions[owner - 1, SIZE]
    return owners, partitions[:count], np.flatnonzero(owners < 0)


@compiled
def free(messages: NDArray[np.uintp]) -> None:
    """Give messages back."""
    for i in range(len(messages)):
        _destroy(messages[i])


@compiled
def lengths(queues: NDArray[np.uintp], found: NDArray[np.uintp]) -> int:
    """Write to `found` how much lies ready in each queue; returns in how many anything does."""
    filled = 0
    for i in range(len(queues)):
        found[i] = _length(queues[i])
        filled += 1 if found[i] != 0 else 0
    return filled
