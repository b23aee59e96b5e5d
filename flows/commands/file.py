"""One Avro file of the user's, for the commands that look into it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from currents_segment.flows.errors import UserError

if TYPE_CHECKING:
    from currents_segment.codecs.chunk import Records


def records_of(file: Path) -> "Iterator[Records]":
    """All records of the file, damage included; the type that its path names goes with them.

    Raises:
        UserError: the file cannot be read.
    """
    from currents_segment.codecs.container import records  # noqa: PLC0415 - commands import when they run, so that --help is quick
    from currents_segment.flows.bucket.layout import event_type  # noqa: PLC0415

    try:
        with file.open("rb") as stream:
            for piece, _ in records(stream, log=str(file.parent), key=file.name, hint=event_type(file.as_posix()), arrival=0.0):
                yield piece
    except OSError as error:
        raise UserError(f"{file}: {error.strerror or error}") from error
