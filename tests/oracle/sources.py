"""Where events come from. A source puts lots into a log, whole or damaged, and says what then lies there; `SOURCES` names all there are."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final, Protocol

from tests.oracle.container import DAMAGES, container
from tests.oracle.inputs import Lot
from tests.oracle.truth import Fact

HOUR: Final = 3600.0  # s


class Source(Protocol):
    """The log of one workspace.

    Attributes:
        damages: ways in which `put` can spoil a lot.
    """

    damages: tuple[str, ...]

    def configuration(self) -> dict[str, Any]:
        """Its part of the configuration file, below `sources`."""

    def put(self, lot: Lot, now: float, *, damage: str | None = None, late: float = 0.0) -> list[Fact]:
        """The lot comes into the log at `now`, s since the epoch; gives what can be read of it.

        Args:
            lot: of a type that the catalogue knows, where it is damaged.
            now: by the clock that the pipeline sees.
            damage: one of `damages`.
            late: how many seconds ago it should have come.
        """

    def close(self) -> None:
        """End what was started for it."""


class Folder:
    """Files as Braze writes them to a bucket, in its old and new layouts."""

    damages: tuple[str, ...] = DAMAGES

    def __init__(self, home: Path, random: Random) -> None:
        self._folder, self._random, self._files = home, random, 0
        home.mkdir(parents=True)

    def configuration(self) -> dict[str, Any]:
        """As in `Source`."""
        return {"url": str(self._folder), "poll": "200ms"}

    def put(self, lot: Lot, now: float, *, damage: str | None = None, late: float = 0.0) -> list[Fact]:
        """As in `Source`; the file appears whole, at once."""
        loose = damage is None and self._random.random() < 0.05
        key = self._key(lot, now - late, loose=loose)
        data, stretches = container(lot.schema, lot.events, self._random, block=self._random.choice((1, 7, 50, 1_000)), damage=damage)
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}")
        part.write_bytes(data)
        os.utime(part, (now, now))
        part.rename(path)
        return [
            Fact((key, each.block, each.record), now, lot.known, not loose, lot.fields, each.event, each.damage, each.count)
            for each in stretches
        ]

    def close(self) -> None:
        """As in `Source`."""

    def _key(self, lot: Lot, when: float, *, loose: bool) -> str:
        self._files += 1
        if loose:
            return f"by-hand/{self._files:06d}.avro"
        hour = datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d-%H")
        below = self._random.choice(("417/eu-1/part", "version=2/production/part"))
        return f"dataexport.prod-01.S3.integration.abc/event_type={lot.type}/date={hour}/{below}+{self._random.randrange(8)}+{self._files:06d}.avro"


Open = Callable[[Path, Random], Source]
SOURCES: Final[dict[str, Open]] = {"folder": Folder}


def opener(name: str) -> Open:
    """The source of that name; ValueError, with those there are, where there is none."""
    if name not in SOURCES:
        raise ValueError(f"SOURCE={name}: no such source; there is: {', '.join(sorted(SOURCES))}")
    return SOURCES[name]
