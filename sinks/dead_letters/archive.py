"""What keeps dead letters, whatever it is: a folder, a bucket or a topic. Who writes, reads, marks or drops them does not know which it has."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from currents_segment.sinks.dead_letters.letter import DeadLetter
from currents_segment.sinks.dead_letters.mark import Mark
from currents_segment.sinks.dead_letters.scope import Scope

if TYPE_CHECKING:
    from currents_segment.flows.config import KafkaLetters

Unreadable = Callable[[str, str], None]
"""Told the name of an object or message and what of it cannot be read; reading goes on."""
Concern = tuple[Literal["fault", "warning"], str]
"""What somebody should know before the start, with what to do; a fault keeps letters from being written."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken out of one object or partition.

    Attributes:
        name: of the object or partition.
        letters: digests of what is taken out of it.
        stay: how many letters stay in it.
    """

    name: str
    letters: frozenset[bytes]
    stay: int


class DeadLetters(Protocol):
    """The place of dead letters and of the marks of what was sent again. Every fault of a place is an OSError, in words for an operator.

    Nothing is touched or asked before it is needed. One thread at a time.
    """

    @property
    def name(self) -> str:
        """Where it is, in words."""

    @property
    def folder(self) -> Path | None:
        """The local folder that it is; None where it is none."""

    @property
    def lingers(self) -> str:
        """What stays of letters that were taken out, in words; empty where nothing does."""

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """All letters are durable once this returns; OSError when they are not, and the caller calls again with the same ones.

        Letters that are written twice, for that reason or after a crash, are read once. Called from a background thread, never from a step of
        the dataflow.
        """

    def read(self, scope: Scope, unreadable: Unreadable) -> Iterator[DeadLetter]:
        """Every letter of the scope once, about in the order in which they ended.

        Raises:
            OSError: the place cannot be looked at; what was given so far is right.
        """

    def take_out(self, scope: Scope, *, wanted: Callable[[DeadLetter], bool], unreadable: Unreadable, really: bool) -> Iterator[Taken]:
        """Letters of the scope are taken out for good; an interruption never lets another one go, and doing it again ends it.

        Args:
            scope: which letters.
            wanted: asked of each letter of the scope; only those for which it is true are taken out.
            unreadable: see there.
            really: without, nothing is changed.

        Raises:
            OSError: the place cannot be looked at or written to; what was given so far is done.
        """

    def marks(self, connector: str | None, unreadable: Unreadable) -> Iterator[Mark]:
        """All marks, or a connector's.

        Raises:
            OSError: the place cannot be looked at.
        """

    def mark(self, marks: Sequence[Mark], at: float) -> None:
        """Marks, all of one connector, of letters that were read here are durable once this returns; OSError when they are not.

        Args:
            marks: at least one.
            at: when Segment took what they say, seconds since the epoch.
        """

    def fold(self, connector: str, at: float) -> None:
        """Marks of one connector are put together, where that makes them quicker to read; no moment knows less.

        Raises:
            OSError: not done, or not to the end; the marks are all there.
        """

    def concerns(self) -> Iterator[Concern]:
        """What stands in the way of letters, as far as it can be told without writing."""


def opened(place: "str | KafkaLetters") -> DeadLetters:
    """The place that a path, a `file://` URL, a bucket URL (`s3://`, `gs://`, `az://`) or a configuration's topic names."""
    if isinstance(place, str):
        from currents_segment.sinks.dead_letters.objects import Objects  # noqa: PLC0415 - it is one of these

        return Objects(place)
    from currents_segment.sinks.dead_letters.topic import Topic  # noqa: PLC0415 - who has no Kafka does not pay for its client

    return Topic(place.kafka)
