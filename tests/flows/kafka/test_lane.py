from tests.flows.kafka.messages import run

from currents_segment.flows.kafka.lane import Lane
from currents_segment.flows.slots import Unit


def lane(begin=0):
    return Lane(Unit("c", "s/t", 0), "t", 0, "id", begin, begin, end=begin)


def add(to, *offsets):
    """Each message comes alone."""
    for offset in offsets:
        to.add(run((offset, b"12345")))


def test_the_position_stands_behind_what_was_taken():
    """Not behind what lies ready: that would be lost by a crash."""
    one = lane()
    add(one, 0, 1, 4)
    assert (0, 5, 3) == (one.next, one.received, one.ready.count)
    one.take(2)
    assert (2, 1) == (one.next, one.ready.count)


def test_what_comes_again_is_not_taken_again():
    """After a pause the client may give messages a second time."""
    one = lane()
    add(one, 0, 1, 0, 1, 2)
    one.add(run(*((offset, b"12345") for offset in (1, 2, 3, 2, 3, 4))))
    assert [0, 1, 2, 3, 4] == one.ready.offsets.tolist()


def test_what_came_before_is_no_news():
    """Neither the fault nor the wait for what is behind ends with it."""
    one = lane(5)
    one.behind, one.fault = 1.0, "bad"
    add(one, 3, 4)
    assert (1.0, "bad", 0) == (one.behind, one.fault, one.ready.count)
    add(one, 5)
    assert (None, "", 1) == (one.behind, one.fault, one.ready.count)


def test_the_head_is_bounded():
    """By messages and by bytes, over runs as they came; one message goes however large it is."""
    one = lane()
    one.add(run(*((offset, b"12345") for offset in range(4))))
    one.add(run(*((offset, b"12345") for offset in range(4, 7))))
    heads = [
        one.head(count, size).offsets.tolist()
        for count, size in ((2, 99), (4, 99), (5, 99), (99, 99), (99, 24), (99, 25), (99, 3), (99, 20))
    ]
    assert [[0, 1], [0, 1, 2, 3], [0, 1, 2, 3, 4], list(range(7)), [0, 1, 2, 3], [0, 1, 2, 3, 4], [0], [0, 1, 2, 3]] == heads


def test_what_is_taken_ends_within_a_run():
    """The rest stays as it was."""
    one = lane()
    one.add(run((0, b"a"), (1, b"bb"), (5, None), (6, b"ccc")))
    one.take(2)
    assert ([5, 6], b"ccc", 2) == (one.ready.offsets.tolist(), one.ready.data, one.next)
    one.take(1)
    assert ([6], 6) == (one.ready.offsets.tolist(), one.next)


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
