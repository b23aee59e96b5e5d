import pytest
from confluent_kafka import KafkaException, libversion
from tests.system.rig import wait

from currents_segment.flows.errors import UserError
from currents_segment.flows.kafka.client import Client
from currents_segment.flows.kafka.librdkafka import C, Listed, check_version, refused
from currents_segment.flows.kafka.reader import AHEAD, AHEAD_OF_ALL, LEAST, bounds

NOWHERE = {"bootstrap.servers": "127.0.0.1:1", "group.id": "g", "log_level": 0}


def client(**settings):
    return Client({**NOWHERE, **settings}, most=10, headers=[], heard=lambda error: None, committed=lambda error: None)


def test_the_library_is_the_python_client_s_own():
    """The one that is loaded already, found through it."""
    assert libversion()[1] == C.rd_kafka_version()


def test_another_version_is_refused():
    """Nothing is read by a layout that was not tried."""
    check_version(0x021003FF)
    with pytest.raises(UserError, match=r"librdkafka 2\.17\.0, and this program was tested with 2\.16: install"):
        check_version(0x021100FF)


@pytest.mark.parametrize(
    ("settings", "words"), [({"no.such": 1}, "No such configuration property"), ({"ssl.ca.location": "/nowhere", "security.protocol": "SSL"}, "ssl.ca.location")]
)  # fmt: skip
def test_settings_that_cannot_be_are_named(settings, words):
    """As the Python client does."""
    with pytest.raises(KafkaException) as refused_:
        client(**settings)
    assert words in refused_.value.args[0].str()


def test_what_is_not_read_is_not_unassigned():
    """And what cannot be read is said."""
    one = client()
    one.unassign(("t", 0))
    one.assign({("t", 0): 5})
    with pytest.raises(KafkaException, match="already"):
        one.assign({("t", 0): 5})
    one.unassign(("t", 0))
    assert [] == one.waiting()
    one.close()


def test_a_bug_in_what_is_called_is_raised():
    """C would only print it."""

    def heard(error):
        raise ZeroDivisionError

    one = Client(NOWHERE, most=10, headers=[], heard=heard, committed=lambda error: None)
    one.assign({("t", 0): 0})
    with pytest.raises(ZeroDivisionError):
        wait(lambda: one.serve().runs, "the fault")
    one.close()


def test_a_list_tells_what_was_refused():
    """The first fault of its partitions."""
    with Listed([("a", 0, 1), ("b", 3, 4)]) as listed:
        assert [(b"a", 0, 1), (b"b", 3, 4)] == [(one.topic, one.partition, one.offset) for one in listed.contents.places[:2]]
        assert 0 == refused(listed)
        listed.contents.places[1].error = 16
        assert 16 == refused(listed)
    assert 0 == refused(None)


@pytest.mark.parametrize("beside", [1, 4, 10, 100])
@pytest.mark.parametrize("partitions", [1, 3, 12, 64, 1000])
def test_what_lies_ready_is_bounded(partitions, beside):
    """Over all partitions, and all readers of a process, however many there are; each may have a chunk at the least."""
    made = bounds(partitions, beside)
    each = (made["queued.max.messages.kbytes"] << 10) + made["fetch.message.max.bytes"]
    assert partitions * each <= max(AHEAD, partitions * LEAST)
    assert beside * partitions * each <= max(AHEAD_OF_ALL, beside * partitions * LEAST)
    assert each >= LEAST
    assert made["fetch.message.max.bytes"] >= LEAST // 2
