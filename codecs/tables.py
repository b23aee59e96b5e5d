"""What the compiled loop knows of a connector's writers: for each schema and hint a row of numbers, made once and never by event."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from currents_segment.codecs import columns
from currents_segment.codecs.datums import MAX_DATUM
from currents_segment.codecs.native import STEP
from currents_segment.codecs.outcome import KEPT
from currents_segment.codecs.schema import MAX_WRITERS, Events, Skipped, Writer, Writers
from currents_segment.codecs.shape import PRIMITIVES

KINDS: Final = {
    "null": columns.NULL,
    "string": columns.TEXT,
    "int": columns.WHOLE,
    "long": columns.WHOLE,
    "boolean": columns.TRUTH,
    "double": columns.DOUBLE,
    "float": columns.FLOAT,
}
SECTIONS: Final = {"traits": columns.TRAITS, "device": columns.DEVICE, "properties": columns.PROPERTIES}
ENVELOPE: Final = {"id": columns.ID, "external_user_id": columns.EXTERNAL, "user_id": columns.USER, "time": columns.TIME}
MAX_BRANCHES: Final = 15  # of a union: their kinds stand in one number, four bits each. Currents has two
_FRAME: Final = 64  # bytes of a message that are neither pieces nor data: time, quotation marks, commas
_SHORT: Final = 6 * STEP  # likewise, of a field: a number, or a text that is not long


class _Column:
    """A table that grows at its end, without being copied each time; behind it `STEP` lines can be read."""

    def __init__(self, width: int, kind: Any = np.int64) -> None:
        self.all = np.zeros((64, width) if width else 64, kind)
        self.count = 0

    def add(self, lines: Sequence[Any] | NDArray[Any]) -> int:
        """Put lines behind the others; returns the number of the first."""
        first, self.count = self.count, self.count + len(lines)
        if self.count + STEP > len(self.all):
            self.all = np.concatenate([self.all, np.zeros((self.count + len(self.all), *self.all.shape[1:]), self.all.dtype)])
        if len(lines):
            self.all[first : self.count] = lines
        return first


class Tables:
    """The rows of one connector.

    Attributes:
        writers: what was decided for each row.
        constant: the most bytes of a message that do not come from its datum, over all rows.
    """

    def __init__(self, writers: Writers) -> None:
        self._decisions = writers
        self._clear()

    def _clear(self) -> None:
        self.writers: list[Writer] = []
        self.constant = 0
        self._known: dict[tuple[str, str], int] = {}
        self._rows, self._fields = _Column(columns.ROW), _Column(columns.FIELD)
        self._blob, self._seeds = _Column(0, np.uint8), _Column(0, np.uint64)

    def rows_of(self, writers: Sequence[tuple[str, str]]) -> NDArray[np.int64]:
        """The row of each pair of writer's schema and hint. Rows from before may be gone then."""
        known = self._known
        new = len({*writers} - known.keys())
        if new and len(known) + new > MAX_WRITERS:
            self._clear()
            known = self._known
        return np.array([known[each] if each in known else self._add(each) for each in writers], np.int64)

    @property
    def rows(self) -> columns.Rows:
        """All of them."""
        return columns.Rows(self._rows.all, self._fields.all, self._blob.all, self._seeds.all)

    def _add(self, key: tuple[str, str]) -> int:
        writer = self._decisions.of(*key)
        row, seed = np.zeros(columns.ROW, np.int64), 0
        fields = None if isinstance(writer, Skipped) else _fields(writer)
        if isinstance(writer, Skipped):
            row[columns.MODE] = columns.SLOW if writer.outcome.state in KEPT else columns.COUNTED
        elif fields is None:
            row[columns.MODE] = columns.SLOW
        else:
            self._fill(row, writer, fields)
            seed = writer.dedup_ids.seed
        self.writers.append(writer)
        self._seeds.add([seed])
        self._known[key] = self._rows.add([row])
        return self._known[key]

    def _fill(self, row: NDArray[np.int64], events: Events, fields: Sequence[tuple[int, int]]) -> None:
        """How messages are made of this writer's datums."""
        sections = ENVELOPE | {step.field: SECTIONS[step.section] for step in events.plan.steps}
        keys = {step.field: orjson.dumps(step.key) + b':"' for step in events.plan.steps}
        row[columns.MODE] = columns.FAST
        row[columns.FIRST] = self._fields.count
        for name, kinds in zip(events.shape.fields, fields, strict=True):
            key = keys.get(name, b'"')
            self._fields.add([(*kinds, sections.get(name, columns.UNSENT), self._paste(key), len(key) - 1)])
        row[columns.LAST] = self._fields.count
        row[columns.ID_ROOM] = events.message_ids.room
        row[columns.DATUM_MOST] = MAX_DATUM // events.shape.weight
        pieces = _pieces(events)
        for column, piece in enumerate(pieces, columns.HEAD):
            row[column] = self._paste(piece)
        row[columns.PIECES_END] = self._blob.count
        row[columns.MESSAGE_CONSTANT] = sum(map(len, (*keys.values(), *pieces))) + len(fields) * _SHORT + _FRAME
        self.constant = max(self.constant, int(row[columns.MESSAGE_CONSTANT]))

    def _paste(self, piece: bytes) -> int:
        return self._blob.add(np.frombuffer(piece, np.uint8))


def _fields(events: Events) -> list[tuple[int, int]] | None:
    """Branches and kinds of each field; None where the loop cannot make messages of such datums."""
    names = events.shape.fields
    if len(set(names)) < len(names) or not {"id", "time"} <= set(names):
        return None
    fields = [_field(field["type"]) for field in events.shape.parsed["fields"]]
    return [field for field in fields if field is not None] if None not in fields else None


def _field(schema: Any) -> tuple[int, int] | None:
    branches = schema if isinstance(schema, list) else [schema]
    kinds = [_kind(branch) for branch in branches]
    if not 0 < len(branches) <= MAX_BRANCHES or None in kinds:
        return None
    packed = sum(kind << 4 * place for place, kind in enumerate(kinds) if kind is not None)
    return (2 * len(branches) if isinstance(schema, list) else 0), packed


def _kind(schema: Any) -> int | None:
    schema = _bare(schema)
    if isinstance(schema, str):
        return KINDS.get(schema)
    return columns.TEXTS if isinstance(schema, dict) and schema["type"] == "array" and _bare(schema["items"]) == "string" else None


def _bare(schema: Any) -> Any:
    """The name of a primitive type that stands in an object."""
    while isinstance(schema, dict) and (isinstance(schema["type"], dict) or schema["type"] in PRIMITIVES):
        schema = schema["type"]
    return schema


def _pieces(events: Events) -> tuple[bytes, ...]:
    """What stands between the values of a message, in the order of `columns.HEAD` and on."""
    message = events.message
    head = orjson.dumps({"type": "track", "event": message.event})[:-1]
    integrations = b"" if message.integrations is None else b',"integrations":' + orjson.dumps(message.integrations)
    return (
        head + b',"messageId":"',
        orjson.dumps(events.message_ids.suffix)[1:],
        b',"userId":"',
        b',"anonymousId":"',
        b',"timestamp":"',
        b'.000Z","context":{',
        b'"traits":{',
        b'"device":{',
        orjson.dumps(message.constant)[1:-1] + b'},"properties":{',
        b"}" + integrations + b"},",
    )
