"""What a message's value is: the frame around its Avro data, the schema that the frame refers to, and where the data begin. Reads no schema, decodes nothing.

| framing         | the value                                                                                          | refers to            |
|-----------------|----------------------------------------------------------------------------------------------------|----------------------|
| `confluent`     | `00` + 4 bytes, big endian, or `01` + 16 bytes; then the datum. Or both stand in a header, and the datum alone is the value | id or GUID in a registry |
| `single_object` | `C3 01` + 8 bytes; then the datum                                                                  | CRC-64-AVRO          |
| `container`     | `Obj 01` …: a whole object container file                                                          | holds its own        |
| `bare`          | the datum                                                                                          | the configured one   |

`auto` goes by the header, then by those marks, which exclude each other; what has none is bare where a schema is configured, else it is in no frame. A datum may begin with any
byte, so the configured schema must keep clear of the marks: its first field is text that is never null or empty, as the id of an event. The length of a text is even in its first
byte, unlike `O`, `C3` and `01`; and `00` is the empty text.

Sources: Avro specification, "Single-object encoding" and "Object container files"; Confluent, "Wire format" and the (de)serializers of its clients (the header).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from fastavro.schema import fingerprint as _fingerprint
from fastavro.schema import to_parsing_canonical_form

from currents_segment.codecs.chunk import RAW_KEPT, Damage, Origin
from currents_segment.codecs.outcome import Outcome
from currents_segment.codecs.shape import parse

HEADER: Final = "__value_schema_id"
MAX_KNOWN: Final = 10_000  # frames remembered; a registry for Currents holds some hundreds. More would be made up, and those are read again
_IDS: Final = 1 << 31  # ids are positive and 4 bytes with a sign

Ref = int | str | bytes | None
"""A schema: an id in a registry, a GUID in a registry, the 8 bytes of a fingerprint, or None where the frame names none."""

Headers = Sequence[tuple[str, bytes | None]] | None


class Framing(StrEnum):
    """How values are framed; see the module."""

    AUTO = "auto"
    CONFLUENT = "confluent"
    SINGLE_OBJECT = "single_object"
    CONTAINER = "container"
    BARE = "bare"


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame of a value.

    Attributes:
        kind: never `AUTO`.
        ref: the writer's schema, as the frame refers to it.
        begin: where the datum begins in the value; 0 for a file.
    """

    kind: Framing
    ref: Ref
    begin: int


@dataclass(frozen=True, slots=True)
class Unframed:
    """A value in none of the frames that are looked for.

    Attributes:
        detail: why, in words; never holds the data.
    """

    detail: str

    def damage(self, value: bytes, origin: Origin) -> Damage:
        """The value as a stretch that cannot be read; one message is one event."""
        return Damage(Outcome.BAD_FRAME, self.detail, 1, value[:RAW_KEPT], len(value), origin)


@dataclass(frozen=True, slots=True)
class _Mark:
    """How a frame begins.

    Attributes:
        kind: its framing.
        bytes: the bytes that tell it.
        size: of all that the frame puts in front of the data.
    """

    kind: Framing
    bytes: bytes
    size: int


_MARKS: Final[Mapping[bytes, _Mark]] = {  # by first byte
    b"\x00": _Mark(Framing.CONFLUENT, b"\x00", 1 + 4),
    b"\x01": _Mark(Framing.CONFLUENT, b"\x01", 1 + 16),
    b"\xc3": _Mark(Framing.SINGLE_OBJECT, b"\xc3\x01", 2 + 8),
    b"O": _Mark(Framing.CONTAINER, b"Obj\x01", 4),
}
_LOOKS: Final[Mapping[bytes, str]] = {  # words for what is none of the frames that are looked for
    b"\x00": "Confluent's wire format",
    b"\x01": "Confluent's wire format",
    b"\xc3\x01": "Avro's single-object encoding",
    b"Obj\x01": "an Avro object container file",
    b"\x03\x00": "AWS Glue's frame",
    b"\x03\x05": "AWS Glue's frame, compressed",
    b"{": "JSON",
    b"[": "JSON",
}


class Framer:
    """Tells the frames of one source.

    Args:
        framing: the one that all values have, or `AUTO`.
        schema: the configured writer's schema, JSON text: `BARE` needs it, `AUTO` may have it, the others don't take it.

    Raises:
        ValueError: framing and schema don't go together; the message says why.
    """

    def __init__(self, framing: Framing = Framing.AUTO, schema: str | None = None) -> None:
        _check(framing, schema)
        self._framing = framing
        self._marks = {first: mark for first, mark in _MARKS.items() if framing in {Framing.AUTO, mark.kind}}
        self._header = framing in {Framing.AUTO, Framing.CONFLUENT}
        self._bare = None if schema is None else Frame(Framing.BARE, None, 0)
        self._in_value: dict[bytes, Frame] = {}
        self._in_header: dict[bytes, Frame] = {}

    def looks_for(self, kind: Framing) -> bool:
        """Whether a value may be framed so."""
        return self._bare is not None if kind is Framing.BARE else any(mark.kind is kind for mark in self._marks.values())

    def of(self, value: bytes, headers: Headers = None) -> Frame | Unframed:
        """The frame of a message's value; a message with Confluent's header has no other."""
        if headers and self._header:
            for name, said in headers:
                if name == HEADER:
                    return self._of_header(said or b"")
        mark = self._marks.get(value[:1])
        if mark is None or not value.startswith(mark.bytes):
            return self._bare or Unframed(self._unlike(value))
        head = value[: mark.size]
        return self._in_value.get(head) or _read(mark, head, self._in_value, 0 if mark.kind is Framing.CONTAINER else mark.size)

    def _of_header(self, said: bytes) -> Frame | Unframed:
        mark = _MARKS.get(said[:1])
        if mark is None or mark.kind is not Framing.CONFLUENT:
            return Unframed(f"the header {HEADER} names no schema")
        head = said[: mark.size]
        return self._in_header.get(head) or _read(mark, head, self._in_header, 0)

    def _unlike(self, value: bytes) -> str:
        if not value:
            return "the message is empty"
        looks = next((f"; it looks like {words}" for mark, words in _LOOKS.items() if value.startswith(mark)), "")
        return f"the message is {'in no frame that is known' if self._framing is Framing.AUTO else f'not framed as {self._framing}'}{looks}"


def fingerprint(schema: str) -> bytes:
    """CRC-64-AVRO of a schema's parsing canonical form: the 8 bytes that a single-object message carries.

    Raises:
        SchemaError: as `shape.parse`.
    """
    return bytes.fromhex(_fingerprint(to_parsing_canonical_form(parse(schema).parsed), "CRC-64-AVRO"))


def _read(mark: _Mark, head: bytes, known: dict[bytes, Frame], begin: int) -> Frame | Unframed:
    """A frame that is met for the first time."""
    if len(head) < mark.size:
        return Unframed("the message ends within its frame")
    ref = _ref(mark, head)
    if isinstance(ref, int) and not 0 < ref < _IDS:
        hint = "; its id may have 8 bytes, as Apicurio's older serializers write it" if ref == 0 else ""
        return Unframed(f"the message refers to schema {ref}, which no registry gives{hint}")
    if len(known) >= MAX_KNOWN:
        known.clear()
    known[head] = frame = Frame(mark.kind, ref, begin)
    return frame


def _ref(mark: _Mark, head: bytes) -> Ref:
    behind = head[len(mark.bytes) :]
    match mark.bytes:
        case b"\x00":
            return int.from_bytes(behind, "big")
        case b"\x01":
            return str(UUID(bytes=behind))
        case b"\xc3\x01":
            return behind
    return None


def _check(framing: Framing, schema: str | None) -> None:
    if schema is None:
        if framing is Framing.BARE:
            raise ValueError("a bare datum says nothing of its schema: configure the schema")
        return
    if framing not in {Framing.BARE, Framing.AUTO}:
        raise ValueError(f"framing {framing} says what the schema is: leave the configured schema out")
    first = parse(schema).parsed["fields"][0]["type"]
    while isinstance(first, dict):
        first = first["type"]
    if framing is Framing.AUTO and first != "string":
        raise ValueError(
            "the first field of the configured schema is not text that is always there, so a datum may begin as another frame does:"
            " say which framing it is instead of auto"
        )
