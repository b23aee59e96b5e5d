"""When the slots of a process are asked again, so that the processes of a cluster end their epochs together and none of them keeps a processor busy with waiting. Pure.

Bytewax ends a worker's epoch when it is asked an interval after that worker ended the one before, and lets it read on when all workers have ended it and have written
what it leaves; until then it asks whether they have, without a pause, if it has a slot whose time has come. So a worker that ends its epoch before the others, or does not rest
afterwards, waits at the cost of a whole processor; under a limit of CPU that is then missing where there is work, and the others wait for it.

So epochs end by the clock, at whole multiples of their length, which needs no word between processes: Bytewax' interval is a little shorter, and who is early rests.
"""

from typing import Final

from currents_segment.flows.slots import SLOTS

SHARE: Final = 0.1  # of an epoch: what is given away, so that it ends by the clock
NEAR: Final = 0.5  # of an epoch: who would end one so much too early, and no more, waits for the clock
LATE: Final = 0.01  # s: who is asked so much later than it wanted was held by the others
EASED: Final = 0.9  # a step, of what is expected, towards less
LONG: Final = 0.3  # of an epoch: the longest rest for what may have been chance
AGAIN: Final = 0.7  # of the lesser of two waits in a row: for the length of those no chance is to blame
SURE: Final = 2  # epochs: one may have been slow for all


class Pace:
    """The turns and epochs of one worker, in seconds of the wall clock. All that it decides is how long a slot is not asked: a wrong guess costs a moment.

    Args:
        epoch: how long epochs are.

    Attributes:
        interval: s: what Bytewax is to be told.
    """

    def __init__(self, epoch: float) -> None:
        self._epoch, self._given = epoch, SHARE * epoch
        self.interval = epoch - self._given
        self._slot = SLOTS  # the last that was asked or told of an end in this turn
        self._turn: float | None = None  # when it began
        self._length = 0.0  # how long the last turn took
        self._usual = self._given  # how long it takes until all have ended an epoch
        self._waits = (0.0, 0.0)  # how long that took the last two times, where they held this worker
        self._began = 0.0  # the epoch: when this worker ended the one before
        self._ended = True
        self._due = 0.0  # when the slot that was asked last wants to be asked again
        self._ahead = 0  # so many epochs in a row were over for this worker before the others let it begin them

    def asked(self, slot: int, now: float) -> None:
        """A slot is asked: in every turn those whose time has come, by number."""
        if slot <= self._slot:
            self._began = min(self._began, now)  # a clock may be set back
            if self._ended:
                self._begin(now)
            else:
                self._length = min(max(now - (self._turn or now), EASED * self._length), self._given)
            self._turn = now
        self._slot = slot

    def _begin(self, now: float) -> None:
        self._began, self._ended = now if self._turn is None else self._turn, False
        took = now - self._began
        self._ahead = self._ahead + 1 if now > self._due + self._given and took >= self.interval else 0
        if now > self._due + LATE:
            self._waits, self._usual = (self._waits[1], took), took
        else:
            self._waits, self._usual = (self._waits[1], 0.0), EASED * min(self._usual, took)

    def ended(self, slot: int) -> None:
        """This turn ends the slot's epoch, and that of all others; told of each, by number, before the next is asked or after all were."""
        self._slot, self._ended = max(slot, self._slot), True

    def rest(self, now: float, wait: float) -> float:
        """For how long a slot that was asked just now, and wants to be asked after so many seconds, is not."""
        rest = self._rest(now, wait)
        self._due = now + rest
        return rest

    def _rest(self, now: float, wait: float) -> float:
        end = self._began + self.interval
        if self._turn is not None and self._turn >= end:  # this turn ends the epoch: it counts when it began, however late it is by now
            if self._ahead >= SURE:  # it would go on with one turn in each, unless it rests until the others have ended one more
                return max(wait, self._end_after(now) + self._epoch - now)
            return max(wait, min(self._usual, LONG * self._epoch), AGAIN * min(self._waits))
        if now + max(wait, self._length) >= end and (rest := self._end_after(max(now, end)) - now) <= NEAR * self._epoch:  # the next would
            return max(wait, rest)
        return wait

    def _end_after(self, moment: float) -> float:
        """When epochs end that end not before a moment."""
        return -(-moment // self._epoch) * self._epoch
