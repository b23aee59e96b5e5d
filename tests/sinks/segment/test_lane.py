import numpy as np
import pytest

from currents_segment.codecs.chunk import Origin
from currents_segment.sinks.segment.batch import Piece
from currents_segment.sinks.segment.lane import Full, Lane

LIMITS = Full(bytes=475_000, events=4, age=1.0)


def piece(*names, arrival=0.0):
    bodies = [f'{{"messageId":"{name}"}},'.encode() for name in names]
    return Piece(b"".join(bodies), np.cumsum([len(body) for body in bodies]), arrival, None, Origin("log", "object"))


def names(pieces):
    return [message.decode().split('"')[3] for one in pieces for message in one.messages()]


@pytest.fixture
def lane():
    return Lane()


def test_a_batch_closes_when_it_is_full_or_its_oldest_event_is_old_enough(lane):
    """By count, by size, or by age."""
    lane.add([piece("a", "b", "c")], monotonic=10.0)
    assert lane.next(0.0, 10.9, LIMITS) is None
    assert ["a", "b", "c"] == names(lane.next(0.0, 11.0, LIMITS).pieces)
    lane.add([piece("d", "e", "f", "g", "h")], monotonic=11.0)
    assert ["d", "e", "f", "g"] == names(lane.next(0.0, 11.0, LIMITS).pieces)
    assert lane.next(0.0, 11.5, LIMITS) is None


def test_a_failed_batch_goes_back_to_the_head_and_stays_together(lane):
    """So that order is kept, and a retry carries what the first attempt carried."""
    lane.add([piece("a", "b", "c", "d", "e")], monotonic=0.0)
    batch = lane.next(0.0, 5.0, LIMITS)
    lane.landed(batch)
    batch.tries, batch.at = 1, 100.0
    lane.back(batch)
    assert ["a", "b", "c", "d", "e"] == names(lane.unacked())
    assert ["e"] == names(lane.next(99.0, 9.0, LIMITS).pieces)
    assert batch is lane.next(100.0, 9.0, LIMITS)


def test_nothing_is_counted_twice_or_forgotten_on_its_way(lane):
    """Waiting, in flight and to be retried add up."""
    lane.add([piece("a", "b", "c", "d", "e")], monotonic=0.0)
    assert 5 == len(names(lane.unacked()))
    batch = lane.next(0.0, 5.0, LIMITS)
    assert 5 == len(names(lane.unacked()))
    lane.landed(batch)
    assert 1 == len(names(lane.unacked()))
    lane.back(*batch.halves())
    assert 5 == len(names(lane.unacked()))


def test_halves_are_sent_one_after_the_other(lane):
    """Until the endpoint has told which event it refuses."""
    lane.add([piece("a", "b", "c")], monotonic=0.0)
    batch = lane.next(0.0, 5.0, LIMITS)
    lane.landed(batch)
    lane.back(*batch.halves())
    assert ["a", "b"] == names(lane.next(0.0, 5.0, LIMITS).pieces)
    assert ["c"] == names(lane.next(0.0, 5.0, LIMITS).pieces)


def test_what_expires_leaves_and_the_rest_stays_in_order(lane):
    """A request in flight is left alone: it may still succeed."""
    lane.add([piece("f", arrival=1.0)], monotonic=0.0)
    lane.next(0.0, 5.0, LIMITS)
    lane.add([piece("r", arrival=1.0), piece("s", arrival=9.0)], monotonic=0.0)
    retry = lane.next(0.0, 5.0, LIMITS)
    lane.landed(retry)
    lane.back(retry)
    lane.add([piece("w", arrival=2.0), piece("x", arrival=9.0)], monotonic=0.0)
    assert ["r", "w"] == names(lane.expire(lambda one: one.arrival < 5))
    assert ["f", "s", "x"] == names(lane.unacked())
    assert 3 == len(names(lane.unacked()))
