"""A connector that reads from Kafka is set back, to send again what it sent, and forward, to leave out what it has not read; by the offsets that the cluster knows for a time."""

import json

from tests.system.rig import command

BASE = 1_767_312_000_000  # ms: 2026-01-02T00:00:00Z


def rewind(main, to, *options, code=0):
    """What `connectors rewind` says."""
    done = command("connectors", "rewind", main.config, "shop", "--to", to, *options, code=code)
    return done.stderr if code else done.stdout


def listed(main, name="shop"):
    """What the state knows of a connector."""
    lines = command("connectors", "list", main.config, "--json").stdout.splitlines()
    return next(one for one in map(json.loads, lines) if one["connector"] == name)


def again(double, source="shop"):
    """Messages that Segment had before, answered by 2xx then."""
    count: int = double.summary(source)["duplicates"]["answered"]
    return count


def test_set_back_everything_is_sent_again_once_set_forward_it_is_left_out(job, double, kafka, events):
    """Under the same messageIds; deduplication forgets what it knew of this connector and of no other; told first, done with --yes, and done once."""
    kafka.broker.create(kafka.name, 3)
    count = kafka.publish(events, partitions=3)
    main = job(kafka.source(), {"shop": {}, "other": {}})
    main.once()
    told = rewind(main, "earliest")
    assert "stands at the offsets of 3 partitions" in told
    assert f"read and sent again  {count:,} messages" in told
    assert "nothing was changed" in told
    main.once()
    assert (events.due(), 0) == (double.kept("shop"), again(double))
    assert "done: " in rewind(main, "earliest", "--yes")
    assert f"still ahead          {count:,} messages" in rewind(main, "earliest", "--yes")
    assert (1, 0) == (listed(main)["rewinds"], listed(main, "other")["rewinds"])
    main.once(processes=2)
    assert (events.due(), events.due(), 0) == (double.kept("shop"), again(double), again(double, "other"))
    assert 2 * events.ledgers["shop"]["received"] == main.connector()["received"]
    kafka.publish(events, partitions=3)
    assert f"NOT sent             {count:,} messages" in rewind(main, "now", "--yes")
    main.once()
    assert 2 * events.ledgers["shop"]["received"] == main.connector()["received"]


def test_set_to_a_time_by_the_timestamps_of_the_messages(job, double, kafka):
    """Each partition goes to its first message that is as late, or to its end; what was deleted unread counts as lost, and a connector that it stopped goes on."""
    kafka.broker.create(kafka.name, 2, retention_ms="-1")
    producer = kafka.producer()
    for number in range(10):
        producer.produce(kafka.name, b"\xff", partition=0, timestamp=BASE + number * 60_000)
    producer.produce(kafka.name, b"\xff", partition=1, timestamp=BASE)
    assert 0 == producer.flush(30)
    main = job(kafka.source())
    main.once()
    assert 11 == main.connector()["received"]
    told = rewind(main, "2026-01-02T00:07:00Z", "--yes")
    assert "shop (workspace acme) to 2026-01-02T00:07:00Z" in told
    assert "read and sent again  3 messages" in told
    main.once()
    assert 14 == main.connector()["received"]
    kafka.put(6)
    kafka.broker.purge(kafka.name, 0, 14)
    run = main.start("--once")
    assert 1 == run.end()
    assert "retention deleted messages before they were read (4 messages at the least)" in run.text()
    assert "still ahead          2 messages" in rewind(main, "earliest", "--yes")
    main.once()
    assert (17, 4) == (main.connector()["received"], main.connector()["lag"]["lost"])


def test_without_the_cluster_nothing_is_changed(job, double, kafka, tmp_path):
    """It is named, within a bounded time, and so is a topic that is not there."""
    kafka.broker.create(kafka.name, 1)
    kafka.put(1)
    main = job(kafka.source())
    main.once()
    before = listed(main)
    main.source = kafka.source(kafka.name, "nobody-knows-it")
    main.configure()
    assert "topic nobody-knows-it: there is no such topic" in rewind(main, "earliest", "--yes", code=1)
    main.source = kafka.source(bootstrap="127.0.0.1:1")
    main.configure()
    assert "127.0.0.1:1: the brokers cannot be reached" in rewind(main, "earliest", "--yes", code=1)
    assert before == listed(main)
