"""What the doctor finds among the dead letters: how many of what, whether all can be read, who replays them. Read only."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from currents_segment.flows import machine
from currents_segment.flows.config import Config
from currents_segment.flows.lock import holder
from currents_segment.flows.preflight import LITTLE, Finding, dead_letters_place
from currents_segment.sinks.dead_letters import LOCK, DeadLetters, Marks, Scope, opened


@dataclass(slots=True)
class Letters:
    """The dead letters of a configuration.

    Attributes:
        place: where they are.
        letters: how many.
        events: how many events they stand for, by connector and outcome.
        replayed: letters that were sent again.
        last: when the last of them ended, seconds since the epoch; None when there is none.
        replaying: who sends them again at the moment, in words; None: nobody, or it cannot be told.
        findings: what needs somebody.
    """

    place: str
    letters: int = 0
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    replayed: int = 0
    last: float | None = None
    replaying: str | None = None
    findings: list[Finding] = field(default_factory=list)


def look(config: Config) -> Letters:
    """Read all of them."""
    place = opened(config.dead_letters)
    found = Letters(place.name)
    faults: list[str] = []

    def unreadable(name: str, what: str) -> None:
        faults.append(f"{name}: {what}")

    try:
        marks = Marks(place, unreadable=unreadable)
        for letter in place.read(Scope(), unreadable):
            found.letters += 1
            found.events[letter.connector, letter.outcome.value] += letter.count
            found.replayed += marks.replayed(letter)
            found.last = max(found.last or 0.0, letter.at)
    except OSError as error:
        found.findings.append(Finding("fault", "dead_letters", f"cannot be listed: {error}; check the place and the access to it"))
    if faults:
        found.findings.append(
            Finding(
                "fault", "dead_letters", f"{len(faults)} objects cannot be read whole, first {faults[0]}; restore them, or move them away"
            )
        )
    found.findings += [*dead_letters_place(config), *_folder(place, found)]
    return found


def _folder(place: DeadLetters, found: Letters) -> Iterator[Finding]:
    if (folder := place.folder) is None:
        return
    found.replaying = holder(folder / LOCK)
    if (free := machine.free(folder)) < LITTLE:
        yield Finding(
            "fault",
            "dead_letters",
            f"{free / 1e6:.1f} MB free in {folder}: what ends without reaching Segment stays in the state; make room",
        )
