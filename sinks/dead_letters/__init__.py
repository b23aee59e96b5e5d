"""Dead letters: events that ended without reaching Segment, kept so that each can be shown, explained and sent again."""

from currents_segment.sinks.dead_letters.archive import DeadLetters, Taken, Unreadable, opened
from currents_segment.sinks.dead_letters.letter import DeadLetter
from currents_segment.sinks.dead_letters.mark import Mark
from currents_segment.sinks.dead_letters.marks import Marks
from currents_segment.sinks.dead_letters.places import LOCK
from currents_segment.sinks.dead_letters.scope import Scope

__all__ = ["LOCK", "DeadLetter", "DeadLetters", "Mark", "Marks", "Scope", "Taken", "Unreadable", "opened"]
