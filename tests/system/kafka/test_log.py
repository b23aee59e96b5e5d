"""What a log notices of a real cluster: partitions and topics that come, go, come back and lose what was not read; transactions; who may read."""

import time

from confluent_kafka import Producer
from tests.system.rig import wait


def test_a_log_goes_on_where_it_stood(reading, kafka):
    """Each message once, over restarts; the group that lag tools look at is told where the connector stands."""
    kafka.broker.create(kafka.name, 3)
    for partition in range(3):
        kafka.put(5, partition=partition)
    first = reading(kafka.source())
    for partition in range(3):
        first.until_got(kafka.name, partition, [0, 1, 2, 3, 4])
    kept = first.close()
    kafka.put(2, partition=1)
    second = reading(kafka.source(), kept=kept)
    second.until_got(kafka.name, 1, [5, 6])
    assert {(kafka.name, 1)} == {partition for partition, offsets in second.got.items() if offsets}
    group = "currents-segment.shop"
    second.until(
        lambda: second.kept() and [5, 7, 5] == [kafka.broker.committed(group, kafka.name, partition) for partition in range(3)],
        "the positions to be published",
    )


def test_start_counts_for_what_was_there_at_the_first_start(reading, kafka):
    """With `now`, what lay there is left out; partitions and topics that come later are read from their beginning, also when they came while nothing ran."""
    later, other = f"{kafka.name}.later", f"{kafka.name}.other"
    kafka.broker.create(kafka.name, 1)
    kafka.put(3)
    source = kafka.source(f"^{kafka.name}.*")
    first = reading(source, start="now")
    first.until(lambda: first.log.lag()["listed_at"], "the first look")
    kafka.broker.grow(kafka.name, 2)
    kafka.put(2)
    kafka.put(2, partition=1)
    kafka.broker.create(later, 1)
    kafka.put(2, topic=later)
    first.until_got(kafka.name, 0, [3, 4])
    first.until_got(kafka.name, 1, [0, 1])
    first.until_got(later, 0, [0, 1])
    kept = first.close()
    kafka.broker.grow(kafka.name, 3)
    kafka.put(1, partition=2)
    kafka.broker.create(other, 1)
    kafka.put(1, topic=other)
    second = reading(source, start="now", kept=kept)
    second.until_got(kafka.name, 2, [0])
    second.until_got(other, 0, [0])


def test_start_at_a_time(reading, kafka):
    """The first message that is as late, or what comes next where none is."""
    kafka.broker.create(kafka.name, 2, retention_ms="-1")  # the times are long ago
    producer, base = kafka.producer(), 1_767_312_000_000  # 2026-01-02T00:00:00Z
    for number in range(4):
        producer.produce(kafka.name, b"\x02x", partition=0, timestamp=base + number * 1000)
    producer.produce(kafka.name, b"\x02x", partition=1, timestamp=base)
    assert 0 == producer.flush(30)
    log = reading(kafka.source(), start="2026-01-02T00:00:02Z")
    log.until_got(kafka.name, 0, [2, 3])
    kafka.put(1, partition=1)
    log.until_got(kafka.name, 1, [1])


def test_what_was_deleted_unread_stops_the_connector(reading, kafka):
    """Nothing is skipped in silence: it is counted, and a person decides; told to go on, the log goes on with the earliest that are left, and the count stays."""
    kafka.broker.create(kafka.name, 1)
    kafka.put(10)
    first = reading(kafka.source())
    first.until_got(kafka.name, 0, list(range(10)))
    kept = first.close()
    kafka.put(20)
    kafka.broker.purge(kafka.name, 0, 25)
    stopped = reading(kafka.source(), kept=kept)
    stopped.until(lambda: stopped.log.error, "the loss")
    assert "retention deleted messages before they were read (15 messages at the least); the connector stops reading" in stopped.log.error
    assert (15, 20, []) == (stopped.log.lag()["lost"], stopped.log.lag()["messages"], stopped.records)
    kept = stopped.close()
    going_on = reading(kafka.source(on_loss="continue"), kept=kept)
    going_on.until_got(kafka.name, 0, [25, 26, 27, 28, 29])
    assert (15, None) == (going_on.log.lag()["lost"], going_on.log.error)
    again = reading(kafka.source(), kept=going_on.close())
    again.until(lambda: again.log.lag()["listed_at"], "the first look")
    assert (15, None) == (again.log.lag()["lost"], again.log.error)


def test_what_is_deleted_while_the_log_stands(reading, kafka):
    """Behind a closed gate nothing is read; what retention deletes meanwhile, beyond what the client holds already, is counted to the message."""
    kafka.broker.create(kafka.name, 1)
    kafka.put(10_000, size=1_000)  # more than a client holds
    log = reading(kafka.source(on_loss="continue"))
    wait(lambda: log.turn(chunks=1) or log.got[kafka.name, 0], "the first messages")
    kafka.broker.purge(kafka.name, 0, 9_900)
    log.until(lambda: log.got[kafka.name, 0][-1] == 9_999, "the last")
    got, lost = log.got[kafka.name, 0], log.log.lag()["lost"]
    assert 0 < lost < 9_900
    assert 10_000 == len(got) + lost
    assert sorted(set(got)) == got


def test_a_topic_that_was_created_again_is_another_one(reading, kafka):
    """An offset of the old topic means nothing in the new one: it stops the connector, or the new one is read from its beginning."""
    kafka.broker.create(kafka.name, 1)
    kafka.put(5)
    log = reading(kafka.source(on_loss="continue"))
    log.until_got(kafka.name, 0, [0, 1, 2, 3, 4])
    kept = log.kept()
    kafka.broker.delete(kafka.name)
    log.until(lambda: log.log.error, "the end of the topic")
    assert "there is no such topic, or we may not see it" in log.log.error
    kafka.broker.create(kafka.name, 1)
    kafka.put(8)
    log.until_got(kafka.name, 0, [0, 1, 2, 3, 4, *range(8)])
    log.until(lambda: log.log.error is None, "the end of the fault")
    stopped = reading(kafka.source(), kept=kept)
    stopped.until(lambda: stopped.log.error, "the loss")
    assert "the topic was deleted and created again" in stopped.log.error
    assert [] == stopped.records


def test_only_committed_transactions_are_read(reading, kafka):
    """What was aborted is never seen, what is open waits, and behind control records the lag is nothing."""
    kafka.broker.create(kafka.name, 1)
    one = Producer({"bootstrap.servers": kafka.broker.address(), "transactional.id": kafka.name[:40], "log_level": 0})
    one.init_transactions(30)
    log = reading(kafka.source())
    for end in (one.commit_transaction, one.abort_transaction, one.commit_transaction):
        one.begin_transaction()
        for _ in range(3):
            one.produce(kafka.name, b"\x02x")
        one.flush(30)
        end(30)
    log.until_got(kafka.name, 0, [0, 1, 2, 8, 9, 10])
    one.begin_transaction()
    one.produce(kafka.name, b"\x02x")
    one.flush(30)
    log.until(lambda: log.watch.view.at > time.monotonic() - 0.5, "another look")
    assert (0, 6) == (log.log.lag()["messages"], len(log.got[kafka.name, 0]))
    one.commit_transaction(30)
    log.until_got(kafka.name, 0, [0, 1, 2, 8, 9, 10, 12])


def test_a_bad_message_swallows_no_other(reading, kafka):
    """Each message has its own bounds: a tombstone ends alone, where it stands, and an empty datum takes nothing from the next."""
    kafka.broker.create(kafka.name, 1)
    producer = kafka.producer()
    for value in (b"\x02a", None, b"", b"\x02b"):
        producer.produce(kafka.name, value, partition=0)
    assert 0 == producer.flush(30)
    log = reading(kafka.source(format="auto"))
    log.until(lambda: sum(map(len, log.got.values())) == 4, "all")
    damages = {each.damage.origin.block: each.damage.detail for each in log.records if each.damage}
    assert {1: "a message without a value (a tombstone)"} == damages
    (good,) = [each for each in log.records if not each.damage]
    assert ([0, 2, 3], [2, 2, 4], b"\x02a\x02b") == (good.blocks.tolist(), good.ends.tolist(), good.data)


def test_arrival_is_the_broker_s_time_where_it_says_so(reading, kafka):
    """`expire_after` counts from the time at which the event came into the log, not from when we found the time to read it."""
    kafka.broker.create(kafka.name, 1, message_timestamp_type="LogAppendTime")
    before = time.time()
    kafka.put(1)
    after = time.time()
    log = reading(kafka.source())
    log.until_got(kafka.name, 0, [0])
    assert before - 0.01 <= log.records[0].arrival <= after + 0.01


def test_a_retention_that_is_too_short_is_known(reading, kafka):
    """It is held against what events may have to wait."""
    kafka.broker.create(kafka.name, 1, retention_ms="3600000")
    log = reading(kafka.source())
    log.until(lambda: log.log.lag()["retention"] == 3600.0, "the retention")
