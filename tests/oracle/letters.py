"""What a run leaves on disk, read by what the documentation says of it: dead letters (gzip, JSON lines) and the status documents."""

import base64
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

STATES: Final = ("expired", "rejected", "undecodable")


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter.

    Attributes:
        connector: whose event it was.
        outcome: why it ended.
        id: the messageId, where it has one.
        place: log, object, block and record.
        arrival: when the event came, seconds since the epoch.
        at: when it ended, seconds since the epoch.
        count: events it stands for.
        status: Segment's last status.
        message: the message; None where there is none.
        raw: bytes that could not be read; None where there are none.
    """

    connector: str
    outcome: str
    id: str
    place: tuple[str, str, int, int]
    arrival: float
    at: float
    count: int
    status: int | None
    message: dict[str, Any] | None
    raw: bytes | None


def letters(folder: Path) -> Iterator[Letter]:
    """All letters below a folder, each once: a write that was repeated after a crash may have left one in two files.

    Raises:
        ValueError: a file or a line that is not as documented.
    """
    seen = set()
    for file in sorted(folder.glob("connector=*/date=*/*.jsonl.gz")):
        for line in gzip.decompress(file.read_bytes()).splitlines():
            letter = _letter(json.loads(line))
            identity = (letter.connector, letter.outcome, letter.id, letter.place)
            if f"connector={letter.connector}" != file.parent.parent.name:
                raise ValueError(f"{file}: holds a letter of {letter.connector}")
            if identity not in seen:
                seen.add(identity)
                yield letter


def _letter(values: dict[str, Any]) -> Letter:
    origin = values["origin"]
    if values["outcome"].partition("/")[0] not in STATES:
        raise ValueError(f"a letter whose outcome is {values['outcome']}")
    return Letter(
        values["connector"],
        values["outcome"],
        values["id"],
        (origin["log"], origin["object"], origin["block"], origin["record"]),
        datetime.fromisoformat(values["arrival"]).timestamp(),
        datetime.fromisoformat(values["at"]).timestamp(),
        values["count"],
        values["status"],
        values["message"],
        None if values["raw"] is None else base64.b64decode(values["raw"]),
    )


@dataclass(slots=True)
class Books:
    """One connector's ledger, over all processes.

    Attributes:
        received: events.
        in_flight: events received that have not ended.
        pending: events that have ended and whose letters are not yet written.
        outcomes: events by outcome.
    """

    received: int
    in_flight: int
    pending: int
    outcomes: Counter[str]

    @property
    def imbalance(self) -> int:
        """Events in no state; 0, or something is wrong."""
        return self.received - self.in_flight - self.outcomes.total()


def documents(state: Path) -> list[dict[str, Any]]:
    """The status documents of a state folder, one a process."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(state.glob("status-*.json"))]


def books(state: Path, processes: int) -> dict[str, Books]:
    """What a run of so many processes left in its ledger, by connector."""
    result: dict[str, Books] = {}
    for document in documents(state):
        if document["process"]["of"] == processes:
            for name, each in document["connectors"].items():
                sums = result.setdefault(name, Books(0, 0, 0, Counter()))
                sums.received += each["received"]
                sums.in_flight += each["in_flight"]
                sums.pending += each["letters_pending"]
                sums.outcomes.update(each["outcomes"])
    return result
