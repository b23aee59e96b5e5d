"""The part of librdkafka's public C API (rdkafka.h) that a consumer of given partitions needs, in the library that confluent_kafka brings.

The Python client makes an object of each message and costs more than all the rest of the way through Kafka; see docs/kafka.md. It is still what watches the
cluster; only fetching, and the consumer that it needs, are called here.
"""

import ctypes
from collections.abc import Iterable, Mapping
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_int32, c_int64, c_size_t, c_ssize_t, c_void_p
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, cimpl

from currents_segment.flows.errors import UserError

TESTED: Final = (2, 16)  # of librdkafka; structures and functions are kept within a major version, but what is not tried is not known
CONSUMER: Final = 1  # RD_KAFKA_CONSUMER
ERROR_SIZE: Final = 512  # bytes for an error in words


class Place(Structure):
    """rd_kafka_topic_partition_t."""

    _fields_ = (
        ("topic", c_char_p),
        ("partition", c_int32),
        ("offset", c_int64),
        ("metadata", c_void_p),
        ("metadata_size", c_size_t),
        ("opaque", c_void_p),
        ("error", c_int),
        ("private", c_void_p),
    )


class Places(Structure):
    """rd_kafka_topic_partition_list_t."""

    _fields_ = (("count", c_int), ("room", c_int), ("places", POINTER(Place)))


ErrorHeard: Final = CFUNCTYPE(None, c_void_p, c_int, c_char_p, c_void_p)
Committed: Final = CFUNCTYPE(None, c_void_p, c_int, POINTER(Places), c_void_p)

_SIGNATURES: Final[Mapping[str, tuple[Any, ...]]] = {  # result, then arguments
    "rd_kafka_conf_new": (c_void_p,),
    "rd_kafka_conf_destroy": (None, c_void_p),
    "rd_kafka_conf_set": (c_int, c_void_p, c_char_p, c_char_p, c_char_p, c_size_t),
    "rd_kafka_conf_set_error_cb": (None, c_void_p, ErrorHeard),
    "rd_kafka_conf_set_offset_commit_cb": (None, c_void_p, Committed),
    "rd_kafka_new": (c_void_p, c_int, c_void_p, c_char_p, c_size_t),
    "rd_kafka_poll_set_consumer": (c_int, c_void_p),
    "rd_kafka_queue_get_consumer": (c_void_p, c_void_p),
    "rd_kafka_queue_get_partition": (c_void_p, c_void_p, c_char_p, c_int32),
    "rd_kafka_queue_forward": (None, c_void_p, c_void_p),
    "rd_kafka_queue_destroy": (None, c_void_p),
    "rd_kafka_consumer_close": (c_int, c_void_p),
    "rd_kafka_destroy": (None, c_void_p),
    "rd_kafka_topic_partition_list_new": (POINTER(Places), c_int),
    "rd_kafka_topic_partition_list_add": (POINTER(Place), POINTER(Places), c_char_p, c_int32),
    "rd_kafka_topic_partition_list_destroy": (None, POINTER(Places)),
    "rd_kafka_incremental_assign": (c_void_p, c_void_p, POINTER(Places)),
    "rd_kafka_incremental_unassign": (c_void_p, c_void_p, POINTER(Places)),
    "rd_kafka_commit": (c_int, c_void_p, POINTER(Places), c_int),
    "rd_kafka_consume_batch_queue": (c_ssize_t, c_void_p, c_int, c_void_p, c_size_t),
    "rd_kafka_message_errstr": (c_char_p, c_void_p),
    "rd_kafka_message_headers": (c_int, c_void_p, POINTER(c_void_p)),
    "rd_kafka_header_get_all": (c_int, c_void_p, c_size_t, POINTER(c_char_p), POINTER(c_void_p), POINTER(c_size_t)),
    "rd_kafka_topic_name": (c_char_p, c_void_p),
    "rd_kafka_last_error": (c_int,),
    "rd_kafka_error_code": (c_int, c_void_p),
    "rd_kafka_error_string": (c_char_p, c_void_p),
    "rd_kafka_error_destroy": (None, c_void_p),
}


def _library() -> ctypes.CDLL:
    """What the extension module is linked to is found through it, wherever the wheel has put it.

    Raises:
        UserError: it is not the version that this was tested with.
    """
    library = ctypes.CDLL(cimpl.__file__)
    check_version(library.rd_kafka_version())
    for name, (result, *arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def check_version(number: int) -> None:
    """Raises UserError: this version, a byte each for major, minor and patch, then one more, is not the tested one."""
    major, minor, patch, _ = number.to_bytes(4, "big")
    if (major, minor) != TESTED:
        raise UserError(
            f"confluent-kafka brings librdkafka {major}.{minor}.{patch}, and this program was tested with {TESTED[0]}.{TESTED[1]}:"
            " install the confluent-kafka that requirements.lock names"
        )


C: Final = _library()
"""Its functions by their names in C. A call gives up the interpreter's lock."""


def fault(code: int, why: bytes | None = None) -> KafkaException:
    """A fault as the Python client would raise it."""
    return KafkaException(KafkaError(code) if why is None else KafkaError(code, why.decode("utf-8", "replace")))


def check(code: int) -> None:
    """Raises KafkaException: the call failed."""
    if code:
        raise fault(code)


def check_error(error: int | None) -> None:
    """The same of a function that gives an error as an object."""
    if error is None:
        return
    try:
        raise fault(C.rd_kafka_error_code(error), C.rd_kafka_error_string(error))
    finally:
        C.rd_kafka_error_destroy(error)


class Listed:
    """Partitions with offsets as a list of C, for as long as a `with` lasts."""

    def __init__(self, partitions: Iterable[tuple[str, int, int]]) -> None:
        self._partitions = list(partitions)

    def __enter__(self) -> Any:
        self._list = C.rd_kafka_topic_partition_list_new(len(self._partitions))
        for topic, partition, offset in self._partitions:
            C.rd_kafka_topic_partition_list_add(self._list, topic.encode(), partition).contents.offset = offset
        return self._list

    def __exit__(self, *_: object) -> None:
        C.rd_kafka_topic_partition_list_destroy(self._list)


def refused(places: Any) -> int:
    """The first fault in a list, or 0."""
    return next((place.error for place in places.contents.places[: places.contents.count] if place.error), 0) if places else 0


def headers(message: int) -> list[tuple[str, bytes | None]]:
    """All headers of a message, by its address."""
    all_, name, value, size = c_void_p(), c_char_p(), c_void_p(), c_size_t()
    found: list[tuple[str, bytes | None]] = []
    if C.rd_kafka_message_headers(message, byref(all_)):
        return found
    while not C.rd_kafka_header_get_all(all_, len(found), byref(name), byref(value), byref(size)):
        said = None if value.value is None else ctypes.string_at(value.value, size.value)
        found.append(((name.value or b"").decode("utf-8", "replace"), said))
    return found
