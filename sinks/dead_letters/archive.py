"""Dead letters written, and read again.

One object a connector, day and call, so that tools find their way by name alone:
`connector=<name>/date=YYYY-MM-DD/<HHMMSS>-<hash>.jsonl.gz`, compressed lines of JSON.
"""

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from isal import isal_zlib
from xxhash import xxh3_128_digest, xxh3_128_hexdigest

from currents_segment.sinks.dead_letters.letter import DeadLetter, dump, load
from currents_segment.sinks.dead_letters.places import Place, opened

_LEVEL: Final = 2  # isal's default; letters are few, and lie for long
_GZIP: Final = 31  # wbits: gzip's own header and checksum
_PART: Final = 1 << 12  # bytes unpacked at once: what stands before a tear is still read, up to one such part


class DeadLetters:
    """The place that dead letters are written to. Called from a background thread, never from a step of the dataflow.

    Args:
        place: a folder, a `file://` URL or a bucket's URL.
    """

    def __init__(self, place: str) -> None:
        self._place: Place = opened(place)

    def write(self, records: Sequence[DeadLetter]) -> None:
        """All records are durable once this returns; raises OSError when they are not, and the caller calls again with the same ones.

        An object's name comes from what it holds, so that writing the same letters again replaces it instead of doubling them.
        """
        objects: dict[tuple[str, str], list[DeadLetter]] = defaultdict(list)
        for record in records:
            objects[record.connector, _day(record.at)].append(record)
        for (connector, day), letters in objects.items():
            name = f"{_folder(connector)}date={day}/{_name(letters)}.jsonl.gz"
            self._place.put(name, isal_zlib.compress(b"".join(map(dump, letters)), _LEVEL, wbits=_GZIP))


def read(
    place: str,
    *,
    unreadable: Callable[[str, str], None],
    connector: str | None = None,
    since: float | None = None,
    until: float | None = None,
    reason: str | None = None,
) -> Iterator[DeadLetter]:
    """Every letter once, by connector and day, about in the order in which they ended.

    Args:
        place: as for `DeadLetters`.
        unreadable: called with an object's name and what of it cannot be read; reading goes on.
        connector: only this one's letters.
        since: only letters that ended then or later, seconds since the epoch.
        until: only letters that ended before.
        reason: only this outcome (`rejected/refused`), state (`rejected`) or reason (`refused`).

    Raises:
        OSError: the place cannot be listed.
    """
    source, seen = opened(place), set[bytes]()
    for name in source.names("" if connector is None else _folder(connector)):
        if not name.endswith(".jsonl.gz") or not _within(name, since, until):
            continue
        for letter in _letters(source, name, unreadable):
            if (since is not None and letter.at < since) or (until is not None and letter.at >= until):
                continue
            if reason is not None and reason not in {letter.outcome.value, letter.outcome.state.value, letter.outcome.reason}:
                continue
            digest = xxh3_128_digest(repr(letter.identity).encode())  # 16 bytes a letter, however long its id is
            if digest not in seen:
                seen.add(digest)
                yield letter


def _letters(source: Place, name: str, unreadable: Callable[[str, str], None]) -> Iterator[DeadLetter]:
    """The letters of one object; what cannot be read of it is told once, with its extent."""
    try:
        text, tear = _unpacked(source.get(name))
    except OSError as error:
        unreadable(name, str(error))
        return
    lines, wrong = text.split(b"\n"), 0
    what = ""
    for line in lines[:-1]:
        try:
            letter = load(line)
        except ValueError as error:
            wrong, what = wrong + 1, str(error)
            continue
        yield letter
    if wrong:
        unreadable(name, f"{wrong} of {len(lines) - 1} lines: {what}")
    if tear or lines[-1]:
        unreadable(name, f"what stands after line {len(lines) - 1}: {tear or 'it has no end'}")


def _unpacked(data: bytes) -> tuple[bytes, str]:
    """What can be unpacked, and what is wrong with the rest (empty if nothing is)."""
    gzip, text = zlib.decompressobj(_GZIP), bytearray()
    try:
        for start in range(0, len(data), _PART):
            text += gzip.decompress(data[start : start + _PART])
    except zlib.error as error:
        return bytes(text), str(error)
    return bytes(text), "" if gzip.eof else "the object is cut off"


def _folder(connector: str) -> str:
    return f"connector={quote(connector, safe=' ')}/"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _name(letters: Sequence[DeadLetter]) -> str:
    """The time of the first letter, for the order of a listing; and what the letters are, in whatever order they come."""
    first = datetime.fromtimestamp(min(letter.at for letter in letters), UTC)
    identities = sorted(repr(letter.identity) for letter in letters)
    return f"{first:%H%M%S}-{xxh3_128_hexdigest(repr(identities).encode())}"


def _within(name: str, since: float | None, until: float | None) -> bool:
    """Whether an object's day may hold letters of the time asked for."""
    _, _, rest = name.partition("/date=")
    day = rest.partition("/")[0]
    return (since is None or day >= _day(since)) and (until is None or day <= _day(until))
