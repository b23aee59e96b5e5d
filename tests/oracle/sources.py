"""Where events come from. A source puts lots into a log, whole or damaged, and says what then lies there; `SOURCES` names all there are."""

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, Final, Protocol

from tests.oracle.container import DAMAGES, container
from tests.oracle.inputs import Lot
from tests.oracle.kafka import Kafka
from tests.oracle.truth import Fact

HOUR: Final = 3600.0  # s


class Source(Protocol):
    """The logs of all workspaces.

    Attributes:
        damages: ways in which `put` can spoil a lot.
        disturbances: what can happen to it beside, with the weight of each where all answers of the endpoint together have 12.
    """

    damages: tuple[str, ...]
    disturbances: Mapping[str, int]

    def configuration(self, workspace: str) -> dict[str, Any]:
        """A workspace's part of the configuration file, below `sources`."""

    def put(self, workspace: str, lot: Lot, now: float, *, damage: str | None = None, late: float = 0.0) -> list[Fact]:
        """The lot comes into a workspace's log at `now`, s since the epoch; gives what can be read of it.

        Args:
            workspace: whose.
            lot: of a type that the catalogue knows, where it is damaged.
            now: by the clock that the pipeline sees.
            damage: one of `damages`.
            late: how many seconds ago it should have come.
        """

    def disturb(self, what: str, chance: float) -> bool:
        """One of `disturbances` begins, or takes place; whether it did. `chance`, in [0, 1), says how."""

    def mend(self) -> None:
        """Whatever was disturbed works again."""

    def close(self) -> None:
        """End what was started for it."""


class Folder:
    """Files as Braze writes them to a bucket, in its old and new layouts."""

    damages: tuple[str, ...] = DAMAGES
    disturbances: Mapping[str, int] = MappingProxyType({})

    def __init__(self, home: Path, random: Random, workspaces: Iterable[str]) -> None:
        self._random, self._files = random, 0
        self._folders = {name: home.with_name(f"{home.name}-{name}") for name in workspaces}
        for folder in self._folders.values():
            folder.mkdir(parents=True)

    def configuration(self, workspace: str) -> dict[str, Any]:
        """As in `Source`."""
        return {"url": str(self._folders[workspace]), "poll": "200ms"}

    def put(self, workspace: str, lot: Lot, now: float, *, damage: str | None = None, late: float = 0.0) -> list[Fact]:
        """As in `Source`; the file appears whole, at once."""
        loose = damage is None and self._random.random() < 0.05
        key = self._key(lot, now - late, loose=loose)
        data, stretches = container(lot.schema, lot.events, self._random, block=self._random.choice((1, 7, 50, 1_000)), damage=damage)
        folder = self._folders[workspace]
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}")
        part.write_bytes(data)
        os.utime(part, (now, now))
        part.rename(path)
        return [
            Fact(
                (str(folder), key, each.block, each.record), now, lot.known, typed=not loose, fields=lot.fields,
                event=each.event, damage=each.damage, count=each.count,
            )
            for each in stretches
        ]  # fmt: skip

    def disturb(self, what: str, chance: float) -> bool:
        """As in `Source`; there is nothing to disturb."""
        raise ValueError(f"{what}, {chance}: not of a folder")

    def mend(self) -> None:
        """As in `Source`."""

    def close(self) -> None:
        """As in `Source`."""

    def _key(self, lot: Lot, when: float, *, loose: bool) -> str:
        self._files += 1
        if loose:
            return f"by-hand/{self._files:06d}.avro"
        hour = datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d-%H")
        below = self._random.choice(("417/eu-1/part", "version=2/production/part"))
        return f"dataexport.prod-01.S3.integration.abc/event_type={lot.type}/date={hour}/{below}+{self._random.randrange(8)}+{self._files:06d}.avro"


Open = Callable[[Path, Random, Iterable[str]], Source]
"""Opens a source in a folder of its own, with all its chance, for these workspaces."""
SOURCES: Final[Mapping[str, Open]] = {"folder": Folder, "kafka": Kafka}


def opener(name: str) -> Open:
    """The source of that name; ValueError, with those there are, where there is none."""
    if name not in SOURCES:
        raise ValueError(f"SOURCE={name}: no such source; there is: {', '.join(sorted(SOURCES))}")
    return SOURCES[name]
