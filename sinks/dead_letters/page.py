"""A dead letter as text for a person: a row of a table, and a whole page with what to do. Nothing in a terminal is steered by what the data holds."""

import io
from datetime import UTC, datetime
from typing import Final

import orjson
from fastavro import schemaless_reader

from currents_segment.codecs.outcome import Outcome
from currents_segment.sinks.dead_letters.letter import DeadLetter

COLUMNS: Final = ("at", "connector", "outcome", "event", "id", "replayed", "detail")
SHOWN: Final = 32  # bytes of raw data that are shown; a frame's head is shorter
REMEDIES: Final = {
    Outcome.EXPIRED: "The connector failed for longer than its expire_after. Mend the cause that the last answer names; then dead-letters replay sends the message below.",
    Outcome.NO_IDENTITY: "Neither external_user_id nor user_id can be sent as an identity, and Segment would drop the event. If it should have had one, look at the field transformations of this Current in Braze.",
    Outcome.TOO_LARGE: "Segment takes at most 32 KB an event. Shorten what Braze sends with it, or leave fields outside the mapping out with unknown_fields: drop.",
    Outcome.REFUSED: "Segment refused this event even when it was sent alone. Compare the message below with Segment's specification of a track call and with the limits of the source.",
    Outcome.BAD_FRAME: "The bytes are not what their place says: a damaged or cut file, or another format. Look at the object in the log; if it is whole there, write it again.",
    Outcome.UNKNOWN_SCHEMA: "The writer's schema could not be found or read. Where you have the right one, dead-letters replay --schema FILE reads these bytes by it; a newer version may know it by itself: dead-letters replay tells.",
    Outcome.BAD_DATUM: "The bytes do not follow their own writer's schema. Look at the object in the log; a copy of it may be damaged.",
}
"""What an operator can do, for every outcome that leaves a dead letter."""


def row(letter: DeadLetter, *, replayed: bool) -> tuple[str, ...]:
    """One cell for each of `COLUMNS`."""
    sent = "yes" if replayed else "no"
    cells = (_time(letter.at), letter.connector, letter.outcome.value, _event(letter), letter.id, sent, _detail(letter))
    return tuple(_plain(cell) for cell in cells)


def page(letter: DeadLetter, *, replayed: bool) -> str:
    """Everything about one letter, for reading."""
    origin = letter.origin
    lines = [
        ("id", letter.id),
        ("connector", f"{letter.connector} (workspace {letter.workspace})"),
        ("outcome", f"{letter.outcome.value}, {letter.count:,} event{'s' if letter.count != 1 else ''}"),
        ("why", _detail(letter)),
        ("ended", _time(letter.at)),
        ("arrived", _time(letter.arrival)),
        ("origin", f"{origin.log} | {origin.object} | block {origin.block}, record {origin.record}"),
        ("replayed", "yes" if replayed else "no"),
        ("what to do", "Nothing: replay has sent it." if replayed else REMEDIES[letter.outcome]),
    ]
    text = "\n".join(f"{name + ':':<12}{_plain(value)}" for name, value in lines)
    return f"{text}\n{_content(letter)}"


def _content(letter: DeadLetter) -> str:
    """The message, or what can be made of the raw bytes."""
    if letter.message is not None:
        try:
            message = orjson.dumps(orjson.loads(letter.message), option=orjson.OPT_INDENT_2).decode()
        except orjson.JSONDecodeError:
            message = _plain(letter.message)
        return f"message:\n{message}"
    raw = letter.raw or b""
    start = f"raw bytes:  {len(raw):,} kept, they begin with {raw[:SHOWN].hex(' ')}"
    return f"{start}\n{_decoded(raw, letter.schema)}" if letter.schema and raw else start


def _decoded(raw: bytes, schema: str) -> str:
    """The first record in the bytes by their writer's schema, or why there is none."""
    try:
        record = schemaless_reader(io.BytesIO(raw), orjson.loads(schema), None)
        return "decoded:\n" + orjson.dumps(record, option=orjson.OPT_INDENT_2, default=repr).decode()
    except Exception as error:  # noqa: BLE001 - these bytes are here because they are broken; any way of failing is the answer
        return f"decoded:    not by their writer's schema: {_plain(f'{type(error).__name__}: {error}')}"


def _event(letter: DeadLetter) -> str:
    if letter.message is None:
        return "-"
    try:
        message = orjson.loads(letter.message)
    except orjson.JSONDecodeError:
        return "-"
    return str(message.get("event", "-")) if isinstance(message, dict) else "-"


def _detail(letter: DeadLetter) -> str:
    """What was wrong, in words: the decoder's, or the last answer."""
    if letter.detail or not letter.answer:
        return letter.detail
    return f"last answer {letter.answer}" + (f" after {letter.attempts} failed attempts" if letter.attempts else "")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
