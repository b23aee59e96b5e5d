"""The same events through files and through each frame; schemas that change on the way."""

import json
from itertools import pairwise

import numpy as np
import pytest
from tests.system.kafka.publishing import container, datum, events, readable, single_object

from currents_segment.codecs import catalogue
from currents_segment.codecs.container import records
from currents_segment.codecs.transcoder import Transcoder
from currents_segment.flows.config import load

ONE_SCHEMA = ("--types", "users.messages.email.Click", "--share", "older=0", "--share", "newer=0", "--share", "unknown=0")


@pytest.fixture(scope="module")
def clicks(tmp_path_factory):
    """Events of one type and one schema, so that they can be bare."""
    return readable(tmp_path_factory.mktemp("clicks"), *ONE_SCHEMA, count=300)


def messages(config, read):
    """The Segment messages of records, as bytes, in an order of their own, and what ended on the way."""
    decoder = Transcoder(load(config, secrets=False).profile("shop"), catalogue.load())
    made, ended = [], {}
    for each in read:
        found = decoder.decode(each)
        bounds = np.concatenate([[0], found.ends]).tolist()
        made += [found.bodies[begin:end] for begin, end in pairwise(bounds)]
        for outcome, count in found.tally.items():
            ended[outcome] = ended.get(outcome, 0) + count
    return sorted(made), ended


def of_files(made):
    """The records of an export's files."""
    for file in made.files():
        with file.open("rb") as stream:
            yield from (each for each, _ in records(stream, log="files", key=file.name, hint="", arrival=0.0))


@pytest.mark.parametrize("format_", ["auto", "own"])
@pytest.mark.parametrize("frame", ["confluent", "single_object", "container", "bare"])
def test_each_frame_gives_the_messages_of_the_files(reading, kafka, clicks, tmp_path, frame, format_):  # noqa: PLR0917 - fixtures
    """Byte for byte, whether the frame is configured or told by the message."""
    schema = next(events(clicks))[0]
    (tmp_path / "click.avsc").write_text(schema)
    frames = {"confluent": kafka.confluent, "single_object": single_object, "container": container, "bare": datum}
    needed = {"single_object": {"schemas": [str(tmp_path / "click.avsc")]}, "bare": {"bare_schema": str(tmp_path / "click.avsc")}}
    kafka.broker.create(kafka.name, 2)
    count = kafka.publish(clicks, partitions=2, frame=frames[frame])
    settings = {"format": frame if format_ == "own" else "auto", **needed.get(frame, {})}
    log = reading(kafka.source(**settings), bare=False)
    log.until(lambda: sum(map(len, log.got.values())) == count, "all messages")
    assert messages(log.config, of_files(clicks)) == messages(log.config, log.records)


def test_a_schema_that_changes_on_the_way(reading, kafka):
    """Each message is read by the schema that it was written with; both stand in one chunk."""
    fields = [{"name": name, "type": "string"} for name in ("id", "user_id", "external_user_id")] + [{"name": "time", "type": "int"}]
    old = {"type": "record", "name": "users.canvas.Entry", "fields": fields}
    new = {**old, "fields": [{"name": "flavour", "type": ["null", "string"]}, *fields]}
    kafka.broker.create(kafka.name, 1)
    producer = kafka.producer()
    for number in range(10):
        event = {"id": f"event-{number}", "user_id": "u", "external_user_id": "x", "time": 1_767_312_000, "flavour": "mint"}
        producer.produce(kafka.name, kafka.confluent(json.dumps(new if number % 2 else old), event), partition=0)
    assert 0 == producer.flush(30)
    log = reading(kafka.source(), bare=False)
    log.until_got(kafka.name, 0, list(range(10)))
    made, ended = messages(log.config, log.records)
    assert ({}, 10, 5) == (ended, len(made), sum(b'"flavour":"mint"' in each for each in made))


def test_a_schema_that_nobody_knows_is_asked_for_and_given_up_after_its_time(reading, kafka):
    """The partition waits for it as long as is configured; then its events are undecodable, and those behind go on."""
    kafka.broker.create(kafka.name, 2)
    producer = kafka.producer()
    schema = json.dumps({"type": "record", "name": "x", "fields": [{"name": "id", "type": "string"}]})
    for partition, value in (
        (0, b"\x00\x00\x0f\x42\x40\x02a"),
        (0, kafka.confluent(schema, {"id": "b"})),
        (1, kafka.confluent(schema, {"id": "c"})),
    ):
        producer.produce(kafka.name, value, partition=partition)
    assert 0 == producer.flush(30)
    log = reading(kafka.source(registry={"url": kafka.registry.url, "unknown_after": "1s"}), bare=False)
    log.until(lambda: log.got[kafka.name, 1], "the partition that does not need it")
    assert [] == log.got[kafka.name, 0]
    log.until(lambda: len(log.got[kafka.name, 0]) == 2, "the one that does")
    (damage,) = [each.damage for each in log.records if each.damage]
    assert ("undecodable/unknown_schema", 0) == (damage.outcome.value, damage.origin.block)


def test_the_type_from_a_header_and_from_the_topic(reading, kafka):
    """Where the schema's name says nothing."""
    schema = json.dumps({"type": "record", "name": "Event", "fields": [{"name": "id", "type": "string"}]})
    kafka.broker.create(kafka.name, 1)
    producer = kafka.producer()
    producer.produce(kafka.name, kafka.confluent(schema, {"id": "a"}), headers={"kind": b"users.canvas.Entry"})
    producer.produce(kafka.name, kafka.confluent(schema, {"id": "b"}))
    assert 0 == producer.flush(30)
    by_header = reading(kafka.source(type="header:kind"), bare=False)
    by_header.until_got(kafka.name, 0, [0, 1])
    assert {0: "users.canvas.Entry", 1: ""} == {each.origin.block: each.hint for each in by_header.records}
    by_topic = reading(kafka.source(type="topic", types={kafka.name: "users.messages.email.Click"}), bare=False)
    by_topic.until_got(kafka.name, 0, [0, 1])
    assert ["users.messages.email.Click"] == [each.hint for each in by_topic.records]
