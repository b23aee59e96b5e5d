"""Dead letters: events that ended without reaching Segment, kept so that each can be shown, explained and sent again."""

from currents_segment.sinks.dead_letters.archive import DeadLetters, Taken, read, take_out
from currents_segment.sinks.dead_letters.letter import DeadLetter
from currents_segment.sinks.dead_letters.marks import Mark, Marks
from currents_segment.sinks.dead_letters.places import LOCK, local
from currents_segment.sinks.dead_letters.scope import Scope

__all__ = ["LOCK", "DeadLetter", "DeadLetters", "Mark", "Marks", "Scope", "Taken", "local", "read", "take_out"]
