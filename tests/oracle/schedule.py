"""What happens in a torture, drawn by chance from its seed before it begins: the same seed gives the same schedule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final, Literal

from tests.oracle import faults
from tests.oracle.faults import Act
from tests.oracle.sources import Source
from tests.oracle.world import CONNECTORS

WAYS: Final = ("refused", "dns", "tls")
Long = Literal["", "47 h", "49 h"]


@dataclass(frozen=True, slots=True)
class Round:
    """One run, from its start to its end.

    Attributes:
        processes: how many.
        before: done to the recovery store before it starts.
        ways: connectors whose endpoint cannot be reached, and why.
        acts: what happens while it runs, in order, each with the seconds to wait before it.
        outage: a connector that is down for so long within this round.
        down: which.
        early: acts begin while the processes still start.
        requests: how many more must have been answered before it ends.
        ending: how.
    """

    processes: int
    before: tuple[Act, ...]
    ways: dict[str, str]
    acts: tuple[tuple[float, Act], ...]
    outage: Long
    down: str
    early: bool
    requests: int
    ending: str

    def __str__(self) -> str:
        parts = [f"{self.processes} process{'es' if self.processes > 1 else ''}"]
        parts += [act.words for act in self.before]
        parts += [f"{name}: {way}" for name, way in self.ways.items()]
        if self.outage:
            parts.append(f"{self.down} is down for {self.outage}")
        parts += [act.words for _, act in self.acts]
        return "; ".join([*parts, self.ending])


def schedule(random: Random, rounds: int, *, processes: int | None, source: Source, disks: Sequence[str]) -> Iterator[Round]:
    """The rounds of a torture.

    Args:
        random: all chance.
        rounds: how many.
        processes: in each; None for 1, 2 or 3 by chance.
        source: says in which ways it can spoil what is put in, and what else can happen to it.
        disks: those that can be made full: `letters`, `state`.
    """
    for number in range(rounds):
        outage: Long = "49 h" if number % 6 == 4 else "47 h" if number % 12 == 8 else ""
        down = random.choice(CONNECTORS).name
        ways = {random.choice(CONNECTORS).name: random.choice(WAYS)} if random.random() < 0.2 else {}
        acts = list(_acts(random, random.randint(8, 14), source=source, disks=disks))
        if "state" in disks and not outage and random.random() < 0.15:
            acts.append((random.uniform(0.1, 0.5), faults.full_state(random, "")))
        yield Round(
            processes=processes or random.randint(1, 3),
            before=tuple(_before(random)) if number else (),
            ways={name: way for name, way in ways.items() if name != down or not outage},
            acts=tuple(acts),
            outage=outage,
            down=down if outage else "",
            early=random.random() < 0.15,
            requests=random.choice((0, 2, 5, 10)),
            ending=random.choice(faults.ENDINGS),
        )


def _acts(random: Random, count: int, *, source: Source, disks: Sequence[str]) -> Iterator[tuple[float, Act]]:
    """Inputs and disturbances in turn."""
    choices = [(weight, make) for weight, make in faults.DURING if make is not faults.full_letters or "letters" in disks]
    choices += [(weight, partial(faults.disturbed_source, what=what)) for what, weight in source.disturbances.items()]
    bring = partial(faults.inputs, damages=source.damages)
    for _ in range(count):
        yield random.uniform(0.0, 0.2), bring(random, "")
        (make,) = random.choices([make for _, make in choices], [weight for weight, _ in choices])
        yield random.uniform(0.0, 0.5), make(random, random.choice(CONNECTORS).name)
    if random.random() < 0.15:
        yield 0.1, faults.second_run(random, "")


def _before(random: Random) -> Iterator[Act]:
    chance = random.random()
    if chance < 0.15:
        yield faults.broken_store(random.choice(("damaged", "part", "newer")))
    elif chance < 0.2:
        yield faults.missing_store()
