"""What was done in a torture, and when: all that may explain what is seen of it."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Life:
    """One run, as the journal has it; times in seconds since the epoch, by the double's clock.

    Attributes:
        processes: how many.
        begun: when it was started.
        ending: when its end began: it was asked to stop, killed, or met a full disk; None where it ended by itself.
        ended: when the last of its processes was gone.
        clean: it drained: exit code 0, or 130 of a bounded run.
    """

    processes: int
    begun: float
    ending: float | None = None
    ended: float = float("inf")
    clean: bool = False


@dataclass(slots=True)
class Outage:
    """A connector's endpoint fails all the time; times by the clock that nobody steps, except `over`."""

    connector: str
    begun: float
    ended: float = float("inf")
    over: float = float("inf")  # its end by the double's clock
    jumped: float = 0.0  # what it was after more than 48 h had passed in no time; 0 where they did not


@dataclass(slots=True)
class Journal:
    """What was done, as far as it explains what is seen.

    Attributes:
        lives: of the runs.
        freezes: (begin, end) of times in which a process stood still.
        outages: longer ones.
        faults: disturbances by kind.
        complaints: what was not as it is documented.
        unbalanced: ledgers that were seen not to add up.
        late: events that had not expired a minute after their time.
        clock: (since when, seconds that had passed in no time, seconds that the wall clock was off), in order.
    """

    lives: list[Life] = field(default_factory=list)
    freezes: list[tuple[float, float]] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    unbalanced: int = 0
    late: int = 0
    clock: list[tuple[float, float, float]] = field(default_factory=list)

    def real(self, at: float) -> float:
        """The latest moment at which the pipeline's wall clock may have shown this, within a second; by the double's clock."""
        return self._moment(at)[0]

    def unstepped(self, at: float) -> float:
        """That moment by the clock that nobody steps, and by which time passes."""
        real, passed = self._moment(at)
        return real + passed

    def _moment(self, at: float) -> tuple[float, float]:
        ends = [begin for begin, *_ in self.clock[1:]] + [float("inf")]
        found = [
            (at - passed - stepped, passed)
            for (begin, passed, stepped), end in zip(self.clock, ends, strict=True)
            if begin - 1 <= at - passed - stepped <= end + 1
        ]
        return max(found, default=(at - sum(self.clock[-1][1:]), self.clock[-1][1]))

    def count(self, kind: str, number: int = 1) -> None:
        """So many disturbances of a kind took place."""
        if number:
            self.faults[kind] = self.faults.get(kind, 0) + number
