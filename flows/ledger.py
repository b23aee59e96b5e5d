"""The ledger of one slot: for each connector, what was received and in which state it ended. Part of the slot's state, so as exact as the data."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from currents_segment.codecs.outcome import Outcome


@dataclass(slots=True)
class Account:
    """One connector's counts: received = the sum over `outcomes` + what is in flight."""

    received: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    def arrive(self, received: int, tally: Mapping[Outcome, int]) -> None:
        """Events came in, some of which have ended already."""
        self.received += received
        self.outcomes.update(tally)

    def end(self, outcome: Outcome, events: int) -> None:
        """Events that were in flight have ended."""
        self.outcomes[outcome] += events

    def balance(self, in_flight: int) -> int:
        """0; anything else is a bug that must be shouted."""
        return self.received - self.outcomes.total() - in_flight

    def state(self) -> dict[str, int]:
        """Plain values for a snapshot."""
        return {"received": self.received} | {outcome.value: count for outcome, count in self.outcomes.items()}

    @classmethod
    def restore(cls, state: Mapping[str, int]) -> "Account":
        """The account that `state` was taken of."""
        return cls(state["received"], Counter({Outcome(name): count for name, count in state.items() if name != "received"}))
