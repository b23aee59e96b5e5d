"""How many events of Kafka expire if a connector goes on failing: counted by the offsets that the cluster knows for a time, not guessed."""

import time

from tests.system.rig import wait


def standing(log, condition, what):
    """What the condition gives as soon as it is true, while nothing is read."""
    return wait(lambda: log.turn(chunks=0) or condition(), what)


def test_offsets_of_a_time_are_known_once_somebody_wants_them(reading, kafka):
    """What came later stands behind them; a time that nothing came after has none."""
    kafka.broker.create(kafka.name, 2, message_timestamp_type="LogAppendTime")
    kafka.put(3)
    between = time.time() + 0.001
    kafka.put(2)
    log = reading(kafka.source())
    assert None is log.watch.offsets(between)
    assert {(kafka.name, 0): 3, (kafka.name, 1): -1} == standing(log, lambda: log.watch.offsets(between), "the offsets")


def test_what_came_before_a_time_is_counted(reading, kafka):
    """Until the cluster has said, all that is unread; then nothing of what came later."""
    kafka.broker.create(kafka.name, 1, message_timestamp_type="LogAppendTime")
    kafka.put(5)
    log, now = reading(kafka.source()), time.time()
    standing(log, lambda: log.log.lag()["messages"] == 5, "the lag")
    standing(log, lambda: log.log.unread(now - 3600).events == 0, "nothing to have come by then")
    assert 5 == log.log.unread(now + 3600).events


def test_where_no_time_is_noted_a_message_comes_when_it_is_read(reading, kafka):
    """Its time is its producer's, and may be any: what was not read has all its time before it."""
    kafka.broker.create(kafka.name, 1, retention_ms="-1")  # the time is long ago
    producer = kafka.producer()
    producer.produce(kafka.name, b"\x02x", timestamp=1_000)
    assert 0 == producer.flush(30)
    log, now = reading(kafka.source()), time.time()
    standing(log, lambda: log.log.lag()["messages"] == 1, "the lag")
    assert 0 == log.log.unread(now - 3600).events
