"""Dead letters in a folder or bucket: objects that are written, read again, and replaced where letters are taken out.

One object a connector, day and call, so that tools find their way by name alone:
`connector=<name>/date=YYYY-MM-DD/<HHMMSS>-<hash>.jsonl.gz`, compressed lines of JSON. Marks lie likewise below `replayed/`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from xxhash import xxh3_128_hexdigest

from currents_segment.flows import machine
from currents_segment.sinks.dead_letters import places
from currents_segment.sinks.dead_letters.archive import Concern, Taken, Unreadable
from currents_segment.sinks.dead_letters.letter import DeadLetter, dump, load
from currents_segment.sinks.dead_letters.lines import packed, unpacked
from currents_segment.sinks.dead_letters.mark import Mark
from currents_segment.sinks.dead_letters.places import Place, local
from currents_segment.sinks.dead_letters.scope import REPLAYED, SUFFIX, Scope, day, folder


class Objects:
    """As `DeadLetters` says.

    Args:
        place: a folder, a `file://` URL or a bucket's URL.

    Attributes:
        lingers: nothing does.
    """

    lingers = ""

    def __init__(self, place: str) -> None:
        self.name, self.folder = place, local(place)
        self._place: Place = places.at(place)

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """As in `DeadLetters`. An object's name comes from what it holds, so that writing the same letters again replaces it."""
        objects: dict[tuple[str, str], list[DeadLetter]] = defaultdict(list)
        for letter in letters:
            objects[letter.connector, day(letter.at)].append(letter)
        for (connector, date), each in objects.items():
            self._place.put(f"{folder(connector)}date={date}/{_name(each)}", packed(map(dump, each)))

    def read(self, scope: Scope, unreadable: Unreadable) -> Iterator[DeadLetter]:
        """As in `DeadLetters`; by connector and day."""
        seen = set[bytes]()
        for name in filter(scope.may_hold, self._place.names(scope.folder)):
            for _, letter in self._letters(name, unreadable):
                if scope.holds(letter) and letter.digest not in seen:
                    seen.add(letter.digest)  # 16 bytes a letter, however long its id is
                    yield letter

    def take_out(self, scope: Scope, *, wanted: Callable[[DeadLetter], bool], unreadable: Unreadable, really: bool) -> Iterator[Taken]:
        """As in `DeadLetters`: whole objects at a time; every other line stays byte for byte.

        What stays is durable under its new name before the old object is deleted, so a crash in between leaves letters twice and never lets
        one go. An object that cannot be read in whole is told and left alone.
        """
        for name in list(filter(scope.may_hold, self._place.names(scope.folder))):  # all, before new ones appear
            faults: list[tuple[str, str]] = []
            lines = list(self._letters(name, lambda *fault, faults=faults: faults.append(fault)))
            gone = frozenset(letter.digest for _, letter in lines if scope.holds(letter) and wanted(letter))
            for fault in faults:
                unreadable(*fault)
            if faults or not gone:
                continue
            stay = [(line, letter) for line, letter in lines if letter.digest not in gone]
            if really:
                if stay:
                    left = f"{name.rpartition('/')[0]}/{_name([letter for _, letter in stay])}"
                    self._place.put(left, packed(line + b"\n" for line, _ in stay))
                self._place.delete(name)
            yield Taken(name, gone, len(stay))

    def marks(self, connector: str | None, unreadable: Unreadable) -> Iterator[Mark]:
        """As in `DeadLetters`."""
        for name in self._place.names(REPLAYED if connector is None else REPLAYED + folder(connector)):
            for line in self._marked(name, unreadable):
                try:
                    yield Mark.load(line)
                except ValueError as error:
                    unreadable(name, str(error))

    def mark(self, marks: Sequence[Mark], at: float) -> None:
        """As in `DeadLetters`."""
        self._keep(marks[0].connector, [mark.dump(at) for mark in marks], at)

    def fold(self, connector: str, at: float) -> None:
        """As in `DeadLetters`: the many small objects become one, which is durable before they are deleted."""
        names = list(self._place.names(REPLAYED + folder(connector)))
        if len(names) <= 1:
            return
        whole = self._keep(connector, sorted({line + b"\n" for name in names for line in self._marked(name, _fault)}), at)
        for name in names:
            if name != whole:
                self._place.delete(name)

    def concerns(self) -> Iterator[Concern]:
        """As in `DeadLetters`."""
        if self.folder is not None and (why := machine.unwritable(self.folder)):
            yield "fault", f"{why}: nothing that Segment refuses could be kept; give the folder to the user that runs this"

    def _letters(self, name: str, unreadable: Unreadable) -> Iterator[tuple[bytes, DeadLetter]]:
        """The lines of one object and their letters; what cannot be read of it is told once, with its extent."""
        try:
            lines, tear = unpacked(self._place.get(name))
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

    def _marked(self, name: str, unreadable: Unreadable) -> list[bytes]:
        """The lines of one object of marks."""
        try:
            lines, tear = unpacked(self._place.get(name))
        except OSError as error:
            unreadable(name, str(error))
            return []
        if tear:
            unreadable(name, tear)
        return lines

    def _keep(self, connector: str, lines: Iterable[bytes], at: float) -> str:
        """One more object of marks; its name."""
        lines = list(lines)
        time = datetime.fromtimestamp(at, UTC)
        name = f"{REPLAYED}{folder(connector)}date={day(at)}/{time:%H%M%S}-{xxh3_128_hexdigest(b''.join(lines))}{SUFFIX}"
        self._place.put(name, packed(lines))
        return name


def _fault(name: str, what: str) -> None:
    raise OSError(f"{name}: {what}")


def _name(letters: Sequence[DeadLetter]) -> str:
    """The time of the first letter, for the order of a listing; and what the letters are, in whatever order they come."""
    first = datetime.fromtimestamp(min(letter.at for letter in letters), UTC)
    identities = sorted(repr(letter.identity) for letter in letters)
    return f"{first:%H%M%S}-{xxh3_128_hexdigest(repr(identities).encode())}{SUFFIX}"
