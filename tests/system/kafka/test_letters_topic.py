"""A topic of a real broker as the place of dead letters: written, read, marked, taken out; and each fault by its name."""

import os
import re
import signal
from dataclasses import replace

import pytest
from confluent_kafka import Producer
from tests.flows.replaying import letter, letters, unread
from tests.system.kafka.letters import ids, lying, place, records, sent, unreadable
from tests.system.rig import PATIENCE, wait

from currents_segment.codecs.outcome import Outcome
from currents_segment.sinks.dead_letters import Marks, Scope
from currents_segment.sinks.dead_letters.topic_writer import BATCH


@pytest.fixture
def topic(broker, request):
    """A topic of this test's own, of three partitions."""
    name = re.sub(r"[^A-Za-z0-9._-]", ".", request.node.name)
    broker.create(name, 3)
    return name


def test_letters_come_back(broker, topic):
    """All kinds are what they were; a scope gives those that it means."""
    given = [
        *letters(50),
        letter("r", Outcome.REFUSED, connector="other"),
        unread(os.urandom(1000), count=3),
        letter("t", message="no JSON"),
    ]
    place(broker, topic).write(given)
    assert sorted(map(repr, given)) == sorted(map(repr, lying(broker, topic)))
    assert ["r"] == ids(lying(broker, topic, Scope(connector="other")))
    assert ["m-7"] == ids(lying(broker, topic, Scope(ids=frozenset({"m-7"}))))
    assert [] == lying(broker, topic, Scope(connector="other", reason="expired"))


def test_an_empty_topic(broker, topic):
    """Nothing is there, and that is no fault."""
    assert [] == lying(broker, topic)
    assert [] == list(place(broker, topic).marks(None, unreadable))


def test_written_twice_is_read_once(broker, topic):
    """As after a crash: the same letters by another process."""
    place(broker, topic).write(letters(5))
    place(broker, topic).write(letters(7))
    assert ids(letters(7)) == ids(lying(broker, topic))
    assert 12 == len(records(broker, topic, {0: 0, 1: 0, 2: 0}))


def test_messages_speak_for_themselves(broker, topic):
    """Another consumer finds connector and outcome without reading the value, and the same letter under the same key."""
    place(broker, topic).write([letter("a"), letter("b", Outcome.REFUSED, connector="other")])
    found = {message.key().decode(): dict(message.headers()) for message in records(broker, topic, {0: 0, 1: 0, 2: 0})}
    assert {
        letter("a").digest.hex(): {"connector": b"shop", "outcome": b"expired"},
        letter("b", Outcome.REFUSED, connector="other").digest.hex(): {"connector": b"other", "outcome": b"rejected/refused"},
    } == found


def test_marks_stand_behind_their_letters(broker, topic):
    """In the same partition: retention, which deletes from the beginning, never takes a mark and leaves its letter."""
    here = place(broker, topic)
    here.write(letters(20))
    read = list(here.read(Scope(), unreadable))
    Marks(here, unreadable=unreadable).write([sent(one) for one in read[:12]], 1.0)
    again = Marks(place(broker, topic), unreadable=unreadable)
    assert ids(read[:12]) == ids(filter(again.replayed, read))
    assert not any(map(Marks(place(broker, topic), connector="sho", unreadable=unreadable).replayed, read))
    positions = {message.key(): (message.partition(), message.offset()) for message in records(broker, topic, {0: 0, 1: 0, 2: 0})}
    for message in records(broker, topic, {0: 0, 1: 0, 2: 0}):
        for one in read if message.key().startswith(b"sent/") else []:
            partition, offset = positions[one.digest.hex().encode()]
            if one.digest.hex().encode() in message.value():
                assert message.partition() == partition
                assert message.offset() > offset
    for partition in range(3):  # whatever retention takes of it, no letter that was sent looks as if it were not
        offsets = [message.offset() for message in records(broker, topic, {partition: 0})]
        broker.purge(topic, partition, offsets[len(offsets) // 2])
    left, marks = lying(broker, topic), Marks(place(broker, topic), unreadable=unreadable)
    assert 0 < len(left) < 20
    assert ids(one for one in left if one.id in ids(read[:12])) == ids(filter(marks.replayed, left))


@pytest.mark.parametrize("policy", ["delete", "compact"])
def test_taken_out(broker, topic, policy):
    """Exactly the letters that are meant are gone for every reader, marks stay, and another time nothing is left to be done."""
    broker.set(topic, cleanup_policy=policy)
    here = place(broker, topic)
    here.write([*letters(20), letter("o", connector="other")])
    here.write(letters(3))
    first = next(iter(here.read(Scope(ids=frozenset({"m-5"})), unreadable)))
    here.mark([sent(first)], 1.0)
    few = Scope(ids=frozenset({"m-0", "m-1", "o"}))
    told = list(place(broker, topic).take_out(few, wanted=lambda one: one.id != "o", unreadable=unreadable, really=False))
    assert 21 == len(lying(broker, topic))
    done = list(place(broker, topic).take_out(few, wanted=lambda one: one.id != "o", unreadable=unreadable, really=True))
    assert told == done
    assert {one.digest for one in letters(2)} == frozenset().union(*(taken.letters for taken in done))
    assert sorted(["o", *(f"m-{number}" for number in range(2, 20))]) == ids(lying(broker, topic))
    assert Marks(place(broker, topic), unreadable=unreadable).replayed(first)
    assert [] == list(place(broker, topic).take_out(few, wanted=lambda one: one.id != "o", unreadable=unreadable, really=True))


def test_partitions_that_are_added(broker, topic):
    """A letter that is then written again comes to another one: it is still read once, and taken out of both."""
    place(broker, topic).write(letters(20))
    broker.grow(topic, 7)
    wait(
        lambda: len(broker.admin.list_topics(topic, timeout=PATIENCE).topics[topic].partitions) == 7 and broker.exists(topic), "partitions"
    )
    place(broker, topic).write(letters(20))
    keys = [(message.key(), message.partition()) for message in records(broker, topic, dict.fromkeys(range(7), 0))]
    assert 20 < len(set(keys)) <= len(keys) == 40
    assert ids(letters(20)) == ids(lying(broker, topic))
    few = Scope(ids=frozenset({f"m-{number}" for number in range(15)}))
    gone = list(place(broker, topic).take_out(few, wanted=lambda _: True, unreadable=unreadable, really=True))
    assert {one.digest for one in letters(15)} == frozenset().union(*(taken.letters for taken in gone))
    assert ids(letters(20)[15:]) == ids(lying(broker, topic))


def test_compaction_takes_doubles_and_what_was_dropped(broker, topic):
    """The bytes of a letter that was dropped go, each other letter stays, and what was sent is known."""
    broker.set(
        topic,
        cleanup_policy="compact",
        segment_ms="50",
        min_cleanable_dirty_ratio="0.01",
        delete_retention_ms="50",
        max_compaction_lag_ms="50",
    )
    here = place(broker, topic)
    here.write(letters(20))
    here.write(letters(20))
    read = list(here.read(Scope(), unreadable))
    Marks(here, unreadable=unreadable).write([sent(one) for one in read[:12]], 1.0)
    few = Scope(ids=frozenset({"m-0", "m-1"}))
    list(place(broker, topic).take_out(few, wanted=lambda _: True, unreadable=unreadable, really=True))
    dropped = {one.digest.hex().encode() for one in letters(2)}

    def compacted():
        here.write(letters(9, "another"))  # a segment is compacted when a newer one was begun
        kept = [message.key() for message in records(broker, topic, {0: 0, 1: 0, 2: 0}) if message.value() is not None]
        return not dropped & set(kept) and all(kept.count(one.digest.hex().encode()) == 1 for one in letters(20)[2:])

    wait(compacted, "the brokers to compact it", 2 * PATIENCE)
    assert ids([*letters(20)[2:], *letters(9, "another")]) == ids(lying(broker, topic))
    assert ids(read[:12]) == ids(filter(Marks(place(broker, topic), unreadable=unreadable).replayed, read))


def test_the_end_is_found_behind_what_no_message_fills(broker, topic):
    """A partition that ends with the record of a transaction's end, and messages that were aborted."""
    place(broker, topic).write(letters(3))
    stranger = Producer({"bootstrap.servers": broker.address(), "transactional.id": topic, "log_level": 0})
    stranger.init_transactions(PATIENCE)
    stranger.begin_transaction()
    for partition in range(3):
        stranger.produce(topic, b"never to be read", partition=partition)
    stranger.abort_transaction(PATIENCE)
    assert ids(letters(3)) == ids(lying(broker, topic))


def test_a_strangers_message_is_told(broker, topic):
    """By partition and offset, and the letters beside it are read; it is never taken out."""
    stranger = Producer({"bootstrap.servers": broker.address(), "log_level": 0})
    for value in (b"hello", b'{"format":2}'):
        stranger.produce(topic, value, partition=1)
    stranger.produce(topic, b"hello", b"sent/hello", partition=2)
    assert 0 == stranger.flush(PATIENCE)
    place(broker, topic).write(letters(3))
    told: list[tuple[str, str]] = []
    here = place(broker, topic)
    assert [] == list(here.marks(None, lambda *fault: told.append(fault)))
    assert ids(letters(3)) == ids(here.read(Scope(), lambda *fault: told.append(fault)))
    assert [(f"{topic}/2@0", "not a line of JSON"), (f"{topic}/1@0", "not a line of JSON"), (f"{topic}/1@1", "format 2 is not 1")] == told
    gone = list(place(broker, topic).take_out(Scope(), wanted=lambda _: True, unreadable=lambda *_: None, really=True))
    assert 3 == sum(len(taken.letters) for taken in gone)
    assert [] == [message for message in records(broker, topic, {1: 0}) if message.key() is None and message.value() is None]


def test_a_letter_that_is_too_large_is_kept_without_its_bytes(broker, topic):
    """It holds up no other, says what it lacks, and is the same letter; one that fits when it is packed is whole."""
    broker.set(topic, max_message_bytes="200000")
    huge, wide = unread(os.urandom(256 << 10)), letter("wide", Outcome.TOO_LARGE, fields={"properties": {"text": "a" * 1_000_000}})
    place(broker, topic).write([*letters(20), huge, wide])
    found = {one.digest: one for one in lying(broker, topic)}
    assert {one.digest for one in (*letters(20), huge, wide)} == set(found)
    assert wide == found[wide.digest]
    cut = found[huge.digest]
    assert replace(huge, raw=b"", schema="", detail=cut.detail) == cut
    assert re.fullmatch(r"a schema that could not be read; its 35\d,\d+ bytes are more than the topic takes, and are not kept", cut.detail)


def test_a_topic_that_takes_too_little_is_a_fault(broker, topic):
    """Nothing that Segment could take is cut: it is told what to raise, and then all is written."""
    broker.set(topic, max_message_bytes="10000")
    incompressible = letter("x", fields={"properties": {"text": os.urandom(15_000).hex()}})
    here = place(broker, topic)
    with pytest.raises(OSError, match=f"does not take messages of {BATCH:,} bytes: raise its max.message.bytes"):
        here.write([*letters(2), incompressible])
    broker.set(topic, max_message_bytes="1048588")
    here.write([*letters(2), incompressible])
    assert ids([*letters(2), incompressible]) == ids(lying(broker, topic))
    assert incompressible in lying(broker, topic)


def test_a_topic_that_is_not_there_is_named_and_not_made(broker):
    """By who writes and by who reads."""
    for doing in (lambda: place(broker, "nowhere").write(letters(1)), lambda: lying(broker, "nowhere")):
        with pytest.raises(OSError, match="there is no such topic, or we may not see it"):
            doing()
    assert not broker.exists("nowhere")
    (concern,) = place(broker, "nowhere").concerns()
    assert "fault" == concern[0]
    assert "there is no such topic" in concern[1]


def test_a_broker_that_says_nothing_is_told(broker, topic, monkeypatch):
    """Who reads does not wait for ever; when it speaks again, all is there."""
    place(broker, topic).write(letters(3))
    here = place(broker, topic)
    assert [] == list(here.marks(None, unreadable))  # so that what is there is known
    monkeypatch.setattr("currents_segment.sinks.dead_letters.topic_log.STALL", 1.0)
    broker.send(signal.SIGSTOP)
    try:
        with pytest.raises(OSError, match="the brokers do not answer in time"):
            list(here.read(Scope(), unreadable))
    finally:
        broker.send(signal.SIGCONT)
    monkeypatch.undo()
    assert ids(letters(3)) == ids(lying(broker, topic))


def test_concerns(broker, topic):
    """A retention that is short, messages that find no room; nothing else."""
    assert [] == list(place(broker, topic).concerns())
    broker.set(topic, retention_ms="3600000", max_message_bytes="500000")
    assert [
        (
            "warning",
            f"topic {topic} at {broker.address()}: letters of more than 500,000 bytes are kept without their bytes: raise its max.message.bytes",
        ),
        ("warning", f"topic {topic} at {broker.address()}: letters are deleted after 1 h, sent again or not: raise its retention.ms"),
    ] == list(place(broker, topic).concerns())
    broker.set(topic, cleanup_policy="compact", max_message_bytes="1000")
    ((level, text),) = place(broker, topic).concerns()
    assert ("fault", True) == (level, f"does not take messages of {BATCH:,} bytes" in text)
