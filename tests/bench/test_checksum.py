import numpy as np
import pytest
from tests.bench import checksum
from tests.bench.checksum import Sum, fingerprints

IDS = [b"%08x-0000-4000-8000-%012x" % (number, number * 7) for number in range(10_000)]
MESSAGE = {
    "event": "Email Sent",
    "userId": "u",
    "timestamp": "2026-01-01T00:00:00.000Z",
    "properties": {"a": 1},
    "context": {"library": {}},
}


def test_ids_that_differ_in_one_place_have_other_fingerprints():
    """Each character counts, at its place."""
    one = b"0" * 36
    others = [one[:at] + b"1" + one[at + 1 :] for at in range(36)]
    assert 37 == len(set(fingerprints([one, *others]).tolist()))
    assert len(IDS) == len(set(fingerprints(IDS).tolist()))


def test_a_sum_does_not_depend_on_the_order_and_sees_what_is_missing_twice_or_another():
    """Whatever order requests come in, the same events give the same sum, and no others do."""

    def total(ids):
        return Sum(len(ids), int(fingerprints(ids).sum(dtype=np.uint64)))

    assert total(IDS) == total(IDS[5000:]) + total(IDS[:5000])
    assert total(IDS) not in (total(IDS[1:]), total([*IDS, IDS[0]]), total([*IDS[1:], IDS[1]]))


@pytest.mark.parametrize(
    "change",
    [
        {"event": "Email Opened"},
        {"userId": "v"},
        {"timestamp": "2026-01-01T00:00:01.000Z"},
        {"properties": {"a": 2}},
        {"context": {"traits": {"a": 1}}},
    ],
)
def test_a_message_s_number_is_of_what_it_says(change):
    """Not of who sent it, how the time is written, or in which order its fields stand."""
    same = {
        **dict(reversed(MESSAGE.items())),
        "timestamp": "2026-01-01T01:00:00+01:00",
        "messageId": "1",
        "context": {"library": {"name": "other"}},
    }
    assert checksum.message(MESSAGE) == checksum.message(same)
    assert checksum.message(MESSAGE) != checksum.message(MESSAGE | change)
