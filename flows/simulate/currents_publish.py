"""Writes an export to a folder or bucket, each file when its time comes, and keeps count of what must become of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from currents_segment.flows.errors import FailedError, UserError
from currents_segment.flows.simulate.currents import File
from currents_segment.flows.simulate.expected import Due, Expectation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obstore.store import ObjectStore

Put = Callable[[str, bytes], None]
Wait = Callable[[float], bool]
"""Wait until a time of the export (seconds since the epoch); False when the export is to end instead."""


@dataclass(slots=True)
class Written:
    """What was written so far.

    Attributes:
        files: how many.
        events: how many, those that cannot be read included.
        size: bytes.
    """

    files: int = 0
    events: int = 0
    size: int = 0


def opened(url: str, options: "Mapping[str, str]") -> Put:
    """Puts files into a place, in normal form (`file:///folder`, `s3://bucket/prefix`, …); a file appears whole or not at all.

    Raises:
        UserError: the place cannot be opened.
    """
    from obstore.exceptions import BaseError  # noqa: PLC0415 - the simulator's core needs no object store
    from obstore.store import LocalStore, from_url  # noqa: PLC0415

    try:
        local = url.startswith("file://")
        store: ObjectStore = LocalStore.from_url(url, mkdir=True) if local else from_url(url, config=options)  # type: ignore[call-overload]
    except (BaseError, OSError, ValueError) as fault:
        raise UserError(f"--out {url}: cannot be opened: {_first_line(fault)}") from None

    def put(key: str, data: bytes) -> None:
        try:
            store.put(key, data)
        except (BaseError, OSError) as fault:
            raise FailedError(f"--out {url}: {key} cannot be written: {_first_line(fault)}") from None

    return put


def publish(files: Iterable[File], put: Put, wait: Wait, expectation: Expectation, keep: Callable[[Iterator[Due]], object]) -> Written:
    """Write the files as their times come, and hand what each makes due to `keep`; ends early when `wait` says so."""
    written = Written()
    for file in files:
        if not wait(file.at):
            break
        put(file.key, file.data)
        keep(expectation.add(file))
        written.files += 1
        written.events += len(file.records) + file.damaged
        written.size += len(file.data)
    return written


def _first_line(fault: Exception) -> str:
    return str(fault).strip().partition("\n")[0] or type(fault).__name__
