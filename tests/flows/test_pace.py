"""Two workers by Bytewax' rules for epochs, with turns of chance length, simulated."""

from random import Random

import pytest

from currents_segment.flows.pace import SHARE, Pace

SLOTS = range(4)
DRAIN = 0.005  # s: what an epoch leaves is written
POLL = 0.001  # s: a worker that may not read, but has a slot that wants to, is scheduled again and again


class Unpaced(Pace):
    """As if there were none."""

    def __init__(self, epoch):
        super().__init__(epoch)
        self.interval = epoch

    def rest(self, now, wait):
        return wait


class Worker:
    """Slots and epochs.

    Attributes:
        at: when it is scheduled next.
        epoch: how many it has ended.
        ended: when the turn that ended the last one was through.
        read: turns in which slots were asked.
        spun: how often it was scheduled and might not ask any.
    """

    def __init__(self, pace, longest, seed, begins):
        self.pace, self._longest, self._random = pace, longest, Random(seed)
        self.at = self.ended = self._began = begins
        self.epoch = self.read = self.spun = 0
        self._due = dict.fromkeys(SLOTS, 0.0)

    def step(self, together):
        """It is scheduled; `together` is when all had ended the epoch before this one, None while they have not."""
        now = self.at
        if together is None or together > now:
            self.spun += 1
            self.at = max(min(self._due.values()), now + POLL)
            return
        ends, read = now - self._began >= self.pace.interval - 1e-9, False
        for slot in SLOTS:
            if self._due[slot] <= now:
                self.pace.asked(slot, self.at)
                self.at += 1e-4
                self._due[slot], read = self.at + self.pace.rest(self.at, 0.0), True
            if ends:
                self.pace.ended(slot)
        self.read += read
        self.at += self._random.uniform(0.01, self._longest) if read else 0.0
        if ends:
            self._began, self.epoch, self.ended = now, self.epoch + 1, self.at
        self.at = max(self.at, min(self._due.values()))


def run(pace, epochs=300, longest=0.05, late=(0.0, 0.0), drain=DRAIN):
    """As many workers as begin, so late, for some epochs; returns them, and by how much one was ahead at the end of each epoch."""
    workers = [Worker(pace(1.0), longest, seed, begins) for seed, begins in enumerate(late, 1)]
    ends = [[0.0 - drain] * len(workers)]
    while min(worker.epoch for worker in workers) < epochs:
        worker = min(workers, key=lambda each: each.at)
        all_ended = ends[worker.epoch] if len(ends[worker.epoch]) == len(workers) else None
        before = worker.epoch
        worker.step(None if all_ended is None else max(all_ended) + drain)
        if worker.epoch > before:
            ends += [[]] * (worker.epoch + 1 - len(ends))
            ends[worker.epoch] = [*ends[worker.epoch], worker.ended]
    return workers, [max(times) - min(times) for times in ends if len(times) == len(workers)]


def test_processes_end_their_epochs_together():
    """On the average within a turn; without a pace one comes to be ahead by most of an epoch."""
    _, paced = run(Pace)
    _, unpaced = run(Unpaced)
    assert 0.05 > sum(paced) / len(paced)
    assert 0.5 < max(unpaced)


def test_no_process_comes_to_read_less_than_the_other():
    """And both together read more than they would without a pace, though a part of each epoch is given away."""
    (first, second), _ = run(Pace)
    assert 0.95 < first.read / second.read < 1.05
    assert first.read + second.read > sum(worker.read for worker in run(Unpaced)[0])


def test_waiting_for_the_others_is_not_asking_again_and_again():
    """A worker is scheduled in vain for less than a tenth of what it would be."""
    assert sum(worker.spun for worker in run(Pace)[0]) < 0.1 * sum(worker.spun for worker in run(Unpaced)[0])


@pytest.mark.parametrize("longest", [0.011, 0.3, 2.0])
def test_turns_of_any_length_are_read(longest):
    """Nothing more is given away than a tenth of an epoch at either end."""
    workers, _ = run(Pace, epochs=100, longest=longest)
    unpaced, _ = run(Unpaced, epochs=100, longest=longest)
    assert sum(worker.read for worker in workers) > (1 - 2 * SHARE) * sum(worker.read for worker in unpaced)


@pytest.mark.parametrize("drain", [DRAIN, 0.2])
@pytest.mark.parametrize("late", [(0.0, 0.0, 0.95), (0.0, 0.0, 3.3), (0.5, 0.0, 0.95), (0.0, 3.3)])
def test_who_is_ahead_by_an_epoch_falls_back(late, drain):
    """A start that is slow for one leaves the others so: without a pace each would read one turn an epoch for ever."""
    workers, ahead = run(Pace, late=late, drain=drain)
    reads = [worker.read for worker in workers]
    assert min(reads) > 0.9 * max(reads)
    assert 0.25 > sum(ahead[20:]) / len(ahead[20:])


def test_a_slot_is_asked_as_it_wants_while_the_epoch_goes_on():
    """At once, or when it said."""
    pace = Pace(1.0)
    pace.asked(0, 10.0)
    assert [0.0, 0.05] == [pace.rest(10.1, 0.0), pace.rest(10.1, 0.05)]


def test_epochs_end_by_the_clock():
    """Who would end one before the clock does rests until then, unless that is far away; its interval is a little shorter than an epoch, so that it can."""
    pace = Pace(1.0)
    pace.asked(0, 9.98)
    assert [0.9, 0.0] == [pace.interval, pace.rest(10.7, 0.0)]
    pace.asked(0, 10.86)
    assert pytest.approx(0.12) == pace.rest(10.88, 0.05)
    far = Pace(1.0)
    far.asked(0, 10.3)
    assert 0.05 == far.rest(11.18, 0.05)


def test_a_turn_ends_an_epoch_if_it_began_when_that_was_over():
    """One that was not, and took long, ends none, and rests until the clock does."""
    pace = Pace(1.0)
    pace.asked(0, 10.0)
    pace.asked(0, 10.89)
    assert pytest.approx(0.05) == pace.rest(10.95, 0.0)


def test_who_was_held_rests_as_long_next_time_and_less_when_that_was_enough():
    """So little is asked in vain, and it is found out when the others need less."""
    pace = Pace(1.0)
    pace.asked(0, 10.0)
    pace.asked(0, 10.95)
    pace.rest(10.95, 0.0)
    pace.ended(0)
    pace.asked(0, 11.2)
    pace.asked(0, 12.0)
    assert pytest.approx(0.25) == pace.rest(12.0, 0.0)
    pace.ended(0)
    pace.asked(0, 12.25)
    pace.asked(0, 13.0)
    assert pytest.approx(0.225) == pace.rest(13.0, 0.0)


def test_a_clock_that_is_set_back_holds_nobody():
    """What began in the future began now."""
    pace = Pace(1.0)
    pace.asked(0, 5_000.0)
    pace.asked(0, 10.0)
    assert 0.0 == pace.rest(10.5, 0.0)
    assert pytest.approx(0.1) == pace.rest(10.9, 0.0)


def test_a_rest_is_not_made_longer_by_the_one_before():
    """Where closing an epoch takes all of them longer than an epoch, nobody is ahead, though each finds its interval over: all rest, and none for ever longer."""
    pace, now, rests = Pace(1.0), 10.0, []
    for _ in range(100):
        pace.asked(0, now)
        rests.append(pace.rest(now, 0.0))
        pace.ended(0)
        now += max(rests[-1], 1.1)
    assert 2 > max(rests)
    assert 1.5 > sum(rests) / len(rests)
