"""Simulated Currents for the system tests, made by the command, with what must become of them."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.system.rig import command

from currents_segment.flows.simulate.expected_file import Ledgers, read_ledgers


@dataclass(frozen=True)
class Export:
    """Simulated Currents, and what must become of them.

    Attributes:
        folder: where the files lie.
        expected: the expected outcome.
    """

    folder: Path
    expected: Path

    @property
    def ledgers(self) -> Ledgers:
        """The expected counts by connector."""
        return read_ledgers(self.expected)

    def due(self, connector: str = "shop") -> int:
        """How many messages Segment must get from a connector."""
        count: int = self.ledgers[connector]["outcomes"]["delivered"]
        return count

    def files(self) -> list[Path]:
        """All its files."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


def export(
    home: Path,
    *options: object,
    connectors: Sequence[str] = ("shop",),
    settings: Mapping[str, Any] | None = None,
    count: int = 6_000,
    seed: int = 1,
) -> Export:
    """Simulate an export for these connectors, which all have the same `settings`.

    Args:
        home: folder of its own.
        options: more of `simulate currents`.
        connectors: whose outcome is expected.
        settings: `events` and the like.
        count: events.
        seed: of all values.
    """
    usual = {"write_key": "env:NOT_NEEDED", "region": "us", "events": ["*"], "start": "earliest"}
    config, made = home / "config.yaml", Export(home / "currents", home / "expected.jsonl.gz")
    home.mkdir(parents=True, exist_ok=True)
    connected = {name: {**usual, "integration_name": name, "contact_email": "data@example.com", **(settings or {})} for name in connectors}
    workspaces = {"acme": {"sources": {"currents": {"url": str(made.folder)}}, "connectors": connected}}
    config.write_text(json.dumps({"workspaces": workspaces, "state": str(home / "state")}))
    command(
        "simulate", "currents", "--out", made.folder, "--config", config, "--expected", made.expected, "--count", count, "--seed", seed,
        "--events-per-file", 50, *options,
    )  # fmt: skip
    return made


def put(made: Export, folder: Path, at: float | None = None) -> None:
    """The files of an export come into a folder, each whole at once, now or as if at a time (seconds since the epoch)."""
    for file in made.files():
        place = folder / file.relative_to(made.folder).with_stem(f"{file.stem}-{made.folder.parent.name}")
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}")
        shutil.copyfile(file, part)
        if at is not None:
            os.utime(part, (at, at))
        part.rename(place)
