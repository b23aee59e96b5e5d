from confluent_kafka import Message

from currents_segment.flows.kafka.lane import AHEAD, Lane
from currents_segment.flows.slots import Unit


def lane(begin=0):
    return Lane(Unit("c", "s/t", 0), "t", 0, "id", begin, begin, end=begin)


def add(to, *offsets):
    for offset in offsets:
        to.add(Message("t", 0, offset, value=b"12345"), offset)


def test_the_position_stands_behind_what_was_taken():
    """Not behind what lies ready: that would be lost by a crash."""
    one = lane()
    add(one, 0, 1, 4)
    assert (0, 5, 15) == (one.next, one.received, one.size)
    one.take(2)
    assert (2, 5) == (one.next, one.size)


def test_what_comes_again_is_not_taken_again():
    """After a pause the client may give messages a second time."""
    one = lane()
    add(one, 0, 1, 0, 1, 2)
    assert [0, 1, 2] == [message.offset() for message in one.ready]


def test_at_the_end_the_position_stands_behind_control_records_and_gaps():
    """Else the lag would never be nothing; but not before all that lies ready in front of them is taken."""
    one = lane()
    add(one, 0)
    one.ended(3)
    assert 0 == one.next
    one.take(1)
    one.latest = 3
    assert (3, 0) == (one.next, one.lag)


def test_an_end_that_is_old_news_changes_nothing():
    """It may come behind messages that were written after it."""
    one = lane(10)
    one.ended(4)
    assert (10, 10) == (one.next, one.received)


def test_a_bounded_run_ends_at_its_target():
    """And not while something lies ready."""
    one = lane()
    one.target = 2
    add(one, 0, 1)
    assert not one.over
    one.take(2)
    assert one.over


def test_what_was_skipped_stays_counted():
    """Over all that follows."""
    one = lane(5)
    one.gone, one.reset, one.fault = 15, 1.0, "gone"
    one.skip("new", 20, 15)
    assert (["new", 20, 15], 0, None, "") == (one.pack(), one.gone, one.reset, one.fault)


def test_it_is_full_by_messages_or_bytes_and_low_at_half():
    """Between the two nothing changes, so that a partition is not paused and resumed for every chunk."""
    one = lane()
    add(one, *range(AHEAD - 1))
    assert not one.full(1 << 30)
    assert one.full(5 * (AHEAD - 1))
    assert not one.low(1 << 30)
    one.take(AHEAD // 2)
    assert one.low(1 << 30)
