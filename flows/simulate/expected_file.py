"""The expected outcome as a file: JSON lines, gzip; first the counts of each connector, then every message that Segment must receive."""

import gzip
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Final, Self

import orjson

from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.errors import UserError
from currents_segment.flows.simulate.expected import Due, encode

FORMAT: Final = "currents-segment expected outcome, 1"
_LEVEL: Final = 1  # a fifth larger than at 9, six times as quick

Ledgers = dict[str, dict[str, Any]]
"""By connector: `received`, and `outcomes` by the words of `Outcome`; the shape of a status document."""


def ledgers(counts: Mapping[str, Mapping[Outcome, int]]) -> Ledgers:
    """The counts as a status document would show them, with nothing in flight."""
    return {
        name: {"received": sum(tally.values()), "outcomes": {outcome.value: tally[outcome] for outcome in Outcome if tally.get(outcome)}}
        for name, tally in counts.items()
    }


class Writer(AbstractContextManager["Writer"]):
    """Writes an expected outcome; the file appears whole at `finish`, and not at all without it. Without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._spool = TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._lines = gzip.GzipFile(fileobj=self._spool, mode="wb", compresslevel=_LEVEL, mtime=0)

    def write(self, due: Iterable[Due]) -> None:
        """Add messages."""
        for message in due:  # gone through in any case: counting happens on the way
            self._lines.write(b'{"connectors":%b,"content":%b}\n' % (orjson.dumps(message.connectors), message.content))

    def finish(self, counts: Mapping[str, Mapping[Outcome, int]]) -> None:
        """Put the counts before the messages (two gzip members are one file) and the file in its place."""
        if self._path is None:
            return
        self._lines.close()
        self._spool.seek(0)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_name(f".{self._path.name}.part")
        with part.open("wb") as out:
            out.write(gzip.compress(orjson.dumps({"format": FORMAT, "connectors": ledgers(counts)}) + b"\n", _LEVEL, mtime=0))
            shutil.copyfileobj(self._spool, out)
        part.replace(self._path)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._lines.close()
        self._spool.close()

    def __enter__(self) -> Self:
        return self


def read_ledgers(path: Path) -> Ledgers:
    """The counts in the file's first line.

    Raises:
        UserError: there is no such file, or it is something else.
    """
    try:
        with gzip.open(path) as lines:
            header = orjson.loads(lines.readline())
    except (OSError, EOFError, ValueError) as fault:
        raise UserError(f"{path}: not an expected outcome ({fault}); `currents-segment simulate currents --expected` writes one") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise UserError(
            f"{path}: not an expected outcome of this version; write it again with `currents-segment simulate currents --expected`"
        )
    connectors: Ledgers = header["connectors"]
    return connectors


def read_due(path: Path) -> Iterator[Due]:
    """The messages in the file."""
    with gzip.open(path) as lines:
        lines.readline()
        for line in lines:
            record = orjson.loads(line)
            yield Due(tuple(record["connectors"]), encode(record["content"]))


def total(every: Iterable[Ledgers]) -> Ledgers:
    """Several files' counts as one."""
    received: Counter[str] = Counter()
    outcomes: dict[str, Counter[str]] = {}
    for each in every:
        for name, ledger in each.items():
            received[name] += ledger["received"]
            outcomes.setdefault(name, Counter()).update(ledger["outcomes"])
    return {name: {"received": received[name], "outcomes": dict(tally)} for name, tally in outcomes.items()}
