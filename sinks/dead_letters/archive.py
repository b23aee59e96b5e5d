"""Dead letters written, read again, and taken out.

One object a connector, day and call, so that tools find their way by name alone:
`connector=<name>/date=YYYY-MM-DD/<HHMMSS>-<hash>.jsonl.gz`, compressed lines of JSON.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from xxhash import xxh3_128_hexdigest

from currents_segment.sinks.dead_letters.letter import DeadLetter, dump, load
from currents_segment.sinks.dead_letters.lines import packed, unpacked
from currents_segment.sinks.dead_letters.places import Place, opened
from currents_segment.sinks.dead_letters.scope import SUFFIX, Scope, day, folder

Unreadable = Callable[[str, str], None]
"""Told an object's name and what of it cannot be read; reading goes on."""


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
            objects[record.connector, day(record.at)].append(record)
        for (connector, date), letters in objects.items():
            self._place.put(f"{folder(connector)}date={date}/{_name(letters)}", packed(map(dump, letters)))


def read(
    place: str,
    *,
    unreadable: Unreadable,
    connector: str | None = None,
    since: float | None = None,
    until: float | None = None,
    reason: str | None = None,
    ids: frozenset[str] | None = None,
) -> Iterator[DeadLetter]:
    """Every letter of the scope once, by connector and day, about in the order in which they ended.

    Args:
        place: as for `DeadLetters`.
        unreadable: see `Unreadable`.
        connector: as in `Scope`, as all the others.
        since: see there.
        until: see there.
        reason: see there.
        ids: see there.

    Raises:
        OSError: the place cannot be listed.
    """
    source, scope, seen = opened(place), Scope(connector, reason, since, until, ids), set[bytes]()
    for name in filter(scope.may_hold, source.names(scope.folder)):
        for _, letter in _letters(source, name, unreadable):
            if scope.holds(letter) and letter.digest not in seen:
                seen.add(letter.digest)  # 16 bytes a letter, however long its id is
                yield letter


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken out of one object, and how many letters stay in it."""

    name: str
    letters: tuple[DeadLetter, ...]
    stay: int


def take_out(place: str, scope: Scope, *, wanted: Callable[[DeadLetter], bool], unreadable: Unreadable, really: bool) -> Iterator[Taken]:
    """Letters of the scope are taken out of each object that holds some, whole objects at a time; every other line stays byte for byte.

    What stays is durable under its new name before the old object is deleted, so a crash in between leaves letters twice (they are read
    once) and never lets one go. An object that cannot be read in whole is told and left alone.

    Args:
        place: as for `DeadLetters`.
        scope: which letters.
        wanted: asked of each letter of the scope; only those for which it is true are taken out.
        unreadable: see `Unreadable`.
        really: without, nothing is changed.

    Raises:
        OSError: the place cannot be listed or written to; what was given so far is done.
    """
    source = opened(place)
    for name in list(filter(scope.may_hold, source.names(scope.folder))):  # all, before new ones appear
        faults: list[tuple[str, str]] = []
        lines = list(_letters(source, name, lambda *fault, faults=faults: faults.append(fault)))
        gone = [letter for _, letter in lines if scope.holds(letter) and wanted(letter)]
        for fault in faults:
            unreadable(*fault)
        if faults or not gone:
            continue
        digests = {letter.digest for letter in gone}
        stay = [(line, letter) for line, letter in lines if letter.digest not in digests]
        if really:
            if stay:
                source.put(f"{name.rpartition('/')[0]}/{_name([letter for _, letter in stay])}", packed(line + b"\n" for line, _ in stay))
            source.delete(name)
        yield Taken(name, tuple(gone), len(stay))


def _letters(source: Place, name: str, unreadable: Unreadable) -> Iterator[tuple[bytes, DeadLetter]]:
    """The lines of one object and their letters; what cannot be read of it is told once, with its extent."""
    try:
        lines, tear = unpacked(source.get(name))
    except OSError as error:
        unreadable(name, str(error))
        return
    wrong, what = 0, ""
    for line in lines:
        try:
            letter = load(line)
        except ValueError as error:
            wrong, what = wrong + 1, str(error)
            continue
        yield line, letter
    if wrong:
        unreadable(name, f"{wrong} of {len(lines)} lines: {what}")
    if tear:
        unreadable(name, tear)


def _name(letters: Sequence[DeadLetter]) -> str:
    """The time of the first letter, for the order of a listing; and what the letters are, in whatever order they come."""
    first = datetime.fromtimestamp(min(letter.at for letter in letters), UTC)
    identities = sorted(repr(letter.identity) for letter in letters)
    return f"{first:%H%M%S}-{xxh3_128_hexdigest(repr(identities).encode())}{SUFFIX}"
