"""Datums that stand back to back are read one by one, never beyond their end; the bytes are not trusted."""

import io
from typing import Any, Final

from fastavro import schemaless_reader

from currents_segment.codecs.shape import Shape

MAX_DATUM: Final = (
    1 << 20
)  # bytes; thirty times what Segment takes. It bounds the memory that a hostile datum can claim, so it is less where bytes weigh more


class DatumError(ValueError):
    """The bytes are no datum of the schema, and where the next one begins is unknown; the message never holds data."""


class TextError(ValueError):
    """A datum holds bytes that are not UTF-8 where its schema has text; the next datum is found all the same."""


class Datums:
    """A cursor over datums of one shape.

    Attributes:
        position: where the next datum begins, bytes.
    """

    def __init__(self, data: bytes, shape: Shape) -> None:
        self.position = 0
        self._data = data
        self._shape = shape
        self._most = MAX_DATUM // shape.weight
        self._base = 0  # where the window begins: all of the data unless that is large
        self._window = io.BytesIO(data[: 2 * self._most])

    def read(self) -> dict[str, Any]:
        """The next datum.

        Raises:
            DatumError: see there; `position` stays where the bad datum begins.
            TextError: see there; `position` is behind the datum.
        """
        try:
            return self._next(None)
        except UnicodeDecodeError as error:
            self.skip()
            raise TextError("text that is not UTF-8") from error

    def skip(self) -> None:
        """Move behind the next datum without making it.

        Raises:
            DatumError: as for `read`.
        """
        self._next(self._shape.nothing)

    def _next(self, reader: Any) -> dict[str, Any]:
        if self.position - self._base > self._most and self._base + 2 * self._most < len(self._data):
            self._base = self.position
            self._window = io.BytesIO(self._data[self._base : self._base + 2 * self._most])
        self._window.seek(self.position - self._base)
        try:
            datum: dict[str, Any] = schemaless_reader(self._window, self._shape.parsed, reader)  # type: ignore[assignment]
        except (UnicodeDecodeError, MemoryError):
            raise
        except EOFError as error:
            raise DatumError(self._why_it_ends()) from error
        except (
            Exception
        ) as error:  # fastavro raises what Python raises: IndexError, ValueError, OverflowError, …; all mean the same of untrusted bytes
            raise DatumError(f"not a datum of its schema ({type(error).__name__})") from error
        end = self._base + self._window.tell()
        if end - self.position > self._most:
            raise DatumError(self._too_long())
        self.position = end
        return datum

    def _why_it_ends(self) -> str:
        if self._base + 2 * self._most < len(self._data):
            return self._too_long()
        return "the data end within a datum"

    def _too_long(self) -> str:
        return f"a datum of more than {self._most} bytes"
