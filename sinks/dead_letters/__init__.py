"""Dead letters: events that ended without reaching Segment, kept so that each can be shown, explained and sent again."""

from currents_segment.sinks.dead_letters.archive import DeadLetters, read
from currents_segment.sinks.dead_letters.letter import DeadLetter

__all__ = ["DeadLetter", "DeadLetters", "read"]
