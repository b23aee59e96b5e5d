"""The main job from a real Apache Kafka: topics, the command line, and what Segment would keep."""

import pytest


@pytest.mark.parametrize(("processes", "again"), [(1, 2), (2, 1)])
def test_segment_has_what_it_must_have(job, double, kafka, events, processes, again):  # noqa: PLR0917 - fixtures
    """Every message that is due is kept once by Segment and nothing else is, the ledger and the dead letters are exact; what is done is not done again."""
    kafka.broker.create(kafka.name, 5)
    kafka.publish(events, partitions=5)
    main = job(kafka.source())
    main.once(processes)
    main.proved(events)
    sent = double.summary()
    main.once(again)
    assert sent == double.summary()
    main.proved(events)
