"""How untidy the simulated export is: shares of everything that a real one does to its readers, dealt out evenly and never at random.

A share is kept exactly, and each kind comes early: a short run meets all of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import inf
from typing import Final

from currents_segment.flows.errors import UserError

OF_EVENTS: Final = ("no_identity", "redacted", "strange", "long", "oversize")
COPIES: Final = ("duplicates", "again")
VERSIONS: Final = ("older", "newer")
DAMAGES: Final = ("misplaced", "corrupt", "truncated")
EXTRAS: Final = ("unknown", "not_avro", "empty")


@dataclass(frozen=True, slots=True)
class Mess:
    """Shares between 0 and 1.

    Attributes:
        duplicates: of events, that come again in the same file.
        again: of events, that come again in a later file.
        anonymous: of users, that have no external id.
        no_identity: of events, that have neither id: both null where the type allows it, `[REDACTED]` elsewhere.
        redacted: of events, that have `[REDACTED]` in place of one of two ids.
        strange: of events, with text beyond ASCII or with control characters.
        long: of events, with a text of several thousand characters.
        oversize: of events, with a text that makes the message far too large for Segment.
        older: of files, written with an older schema.
        newer: of files, written with fields that the catalogue does not know.
        misplaced: of files, that lie in the folder of another type.
        corrupt: of files, with a block that cannot be opened.
        truncated: of files, cut in the middle of their last block.
        unknown: files of a type that nobody knows, for each regular file.
        not_avro: files that are something else, for each regular file.
        empty: files of 0 bytes, for each regular file.
    """

    duplicates: float = 0.01
    again: float = 0.01
    anonymous: float = 0.15
    no_identity: float = 0.002
    redacted: float = 0.004
    strange: float = 0.02
    long: float = 0.002
    oversize: float = 0.0005
    older: float = 0.1
    newer: float = 0.1
    misplaced: float = 0.02
    corrupt: float = 0.01
    truncated: float = 0.01
    unknown: float = 0.01
    not_avro: float = 0.01
    empty: float = 0.01

    def __post_init__(self) -> None:
        """Raises UserError for a share out of range, or shares that exclude each other and exceed the whole."""
        for name in KINDS:
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"--share {name}={getattr(self, name)}: a share is between 0 and 1")
        for group in (OF_EVENTS, COPIES, VERSIONS, DAMAGES, EXTRAS):
            if sum(self.of(group).values()) > 1:
                raise UserError(f"--share: {', '.join(group)} exclude each other, so that their sum must not exceed 1")

    def of(self, names: tuple[str, ...]) -> dict[str, float]:
        """Some of the shares, by name."""
        return {name: getattr(self, name) for name in names}


KINDS: Final = tuple(field.name for field in fields(Mess))
TIDY: Final = Mess(**dict.fromkeys(KINDS, 0.0))
"""Nothing untoward, and no anonymous users either."""


class Rota:
    """Deals out kinds by their shares, one at a time: over n turns each kind came up within one of n times its share, the first time early."""

    def __init__(self, shares: Mapping[str, float]) -> None:
        self._every = {kind: 1 / share for kind, share in shares.items() if share > 0}
        self._due = {kind: float(turn) for turn, kind in enumerate(self._every)}
        self._next = min(self._due.values(), default=inf)
        self._turn = -1

    def turn(self) -> str | None:
        """What this turn brings; None where it is nobody's."""
        self._turn += 1
        if self._turn < self._next:
            return None
        kind = min(self._due, key=self._due.__getitem__)
        self._due[kind] += self._every[kind]
        self._next = min(self._due.values())
        return kind
