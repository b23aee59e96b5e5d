"""When the slots of a process are asked again, so that the processes of a cluster end their epochs together and none of them keeps a processor busy with waiting. Pure.

Bytewax ends a worker's epoch an interval after that worker ended the one before, and lets it read on when all workers have ended it and have written what it leaves;
until then it asks whether they have, without a pause, if it has a slot whose time has come. So a worker that is ahead of the others waits in every epoch at the cost of a
whole processor. And by chance it comes to be ahead: an epoch ends with a turn, so the lead changes by up to a turn in each, until one hardly reads any more.
"""

from typing import Final

from currents_segment.flows.slots import SLOTS

SHARE: Final = 0.1  # of an epoch: what is given away, at most, so that it ends together
AGAIN: Final = 0.7  # of the lesser of the last two waits for the others: the next may be shorter, and nobody should sleep over its end


SURE: Final = 2  # epochs: one may have been slow for all


class Pace:
    """The turns and epochs of one worker, in seconds of the monotonic clock. All that it decides is how long a slot is not asked: a wrong guess costs a moment.

    Args:
        epoch: the interval.
    """

    def __init__(self, epoch: float) -> None:
        self._epoch, self._given = epoch, SHARE * epoch
        self._slot = SLOTS  # the last that was asked or told of an end in this turn
        self._turn: float | None = None  # when it began
        self._length = 0.0  # how long the last turn took
        self._waits = (0.0, 0.0)  # how long the others took to end the last two epochs
        self._began = self._together = 0.0  # the epoch: when this worker ended the one before; when all had
        self._ended = True
        self._due = 0.0  # when the slot that was asked last wants to be asked again
        self._ahead = 0  # so many epochs in a row were over for this worker before the others let it begin them

    def asked(self, slot: int, now: float) -> None:
        """A slot is asked: in every turn those whose time has come, by number."""
        if slot <= self._slot:
            if self._ended:
                self._began, self._together, self._ended = now if self._turn is None else self._turn, now, False
                held = now > self._due + self._given  # by the others, and not by a rest of its own
                self._ahead = self._ahead + 1 if held and now >= self._began + self._epoch else 0
                self._waits = self._waits[1], now - self._began
            else:
                self._length = min(max(now - (self._turn or now), self._length / 2), self._given)
            self._turn = now
        self._slot = slot

    def ended(self, slot: int) -> None:
        """This turn ends the slot's epoch, and that of all others; told of each, by number, before the next is asked or after all were."""
        self._slot, self._ended = max(slot, self._slot), True

    def rest(self, now: float, wait: float) -> float:
        """For how long a slot that was asked just now, and wants to be asked after so many seconds, is not."""
        rest = self._rest(now, wait)
        self._due = now + rest
        return rest

    def _rest(self, now: float, wait: float) -> float:
        end = self._began + self._epoch
        if now >= end:  # this turn ends the epoch
            if self._ahead >= SURE:  # it would go on with one turn in each, unless it rests until the others end one
                return max(wait, min(*self._waits, self._epoch) + self._epoch - self._given)
            return max(wait, AGAIN * min(self._waits))
        if now + max(wait, self._length) >= end:
            return max(wait, self._together + self._epoch - now)  # the next would, before the others do
        return wait
