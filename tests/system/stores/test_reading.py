"""Reading from a real S3 server, with what happens to a connection or to an object on the way: no event is missing, none is half of another's."""

import itertools

import obstore
import pytest
from obstore.exceptions import BaseError
from tests.system.stores.proxy import Cut, Drip, Refuse
from tests.system.stores.reading import KEY, Reading, avro, events
from tests.system.stores.servers import READER, store

from currents_segment.flows.bucket.store import classify
from currents_segment.flows.errors import FailedError

LARGE = 40_000  # events of 61 bytes: three requests of a megabyte


@pytest.fixture
def bucket(s3, request):
    """The URL of a bucket of this test's own, and its store."""
    url = f"s3://{request.node.originalname.replace('_', '-')[:60].strip('-')}"
    return url, store(url, s3.options())


@pytest.mark.parametrize(
    "fault", [Cut(0), Cut(300_000), Cut(300_000, reset=True), Drip(0.1), Refuse(503, "SlowDown"), Refuse(500, "InternalError")], ids=str
)
def test_an_object_is_read_whole_over_a_bad_connection(s3, proxy, bucket, fault):
    """Bodies that end too early, connections that are reset, answers that drip, and refusals cost tries, never an event and never one twice."""
    url, place = bucket
    obstore.put(place, KEY.format("f"), avro(events("a", LARGE)))
    numbers = itertools.count()
    proxy.spoil = lambda request: (
        fault if request.key and next(numbers) in range(1, 5) else None
    )  # the first range comes, then nothing for an attempt
    reading = Reading(url, {**s3.options(url=proxy.url), "timeout": "1s"}, once=False)
    said = set()
    reading.until(lambda: (said.add(reading.log.error), len(reading.ids) >= LARGE and not reading.log.error)[1], "the last event")
    reading.log.close()
    assert events("a", LARGE) == reading.ids
    assert [] == reading.damage
    assert proxy.struck
    if not isinstance(fault, Cut):  # the client goes on where a body was cut: that is no more than a hiccup
        assert any(KEY.format("f") in line for line in said if line)


def test_an_object_that_is_replaced_or_deleted_on_the_way(s3, proxy, bucket):
    """Replaced before it is opened: it is read as it is; while it is read: again from its beginning; deleted: named, counted, and nothing else is held up."""
    url, place = bucket
    now = {"early": events("now", 30), "late": events("new", LARGE)}
    for name, ids in {
        "early": events("old", 20),
        "late": events("old", LARGE),
        "gone": events("gone", 10),
        "half": events("half", LARGE),
    }.items():
        obstore.put(place, KEY.format(name), avro(ids))
    first = dict.fromkeys(["early", "late", "gone", "half"], True)

    def happens(request):
        name = request.key.rpartition("/")[2].removesuffix(".avro")
        if name in first and first[name] and (request.first > 0) == (name in {"late", "half"}):
            first[name] = False
            if name in now:
                obstore.put(place, KEY.format(name), avro(now[name]))
            else:
                obstore.delete(place, KEY.format(name))

    proxy.spoil = happens
    reading = Reading(url, s3.options(url=proxy.url))
    reading.all()
    half = [one for one in reading.ids if one.startswith("half")]
    assert 0 < len(half) < LARGE
    assert events("half", len(half)) == half
    assert now["early"] == [one for one in reading.ids if one.startswith("now")]
    old = [one for one in reading.ids if one.startswith("old")]
    assert (events("old", len(old)), now["late"]) == (old, [one for one in reading.ids if one.startswith("new")])
    assert [] == [one for one in reading.ids if one.startswith("gone")]
    assert sorted(f"{KEY.format(name)} object vanished" for name in ("gone", "half")) == sorted(reading.damage)


def test_access_to_a_part_only(s3):
    """What may not be read is named with its key and holds what is behind it; the rest is read; what may not be listed is a fault of the whole source."""
    place = store("s3://narrow", s3.options())
    for name in ("open", "closed"):
        obstore.put(place, f"{name}/{KEY.format('f')}", avro(events(name, 10)))
    reading = Reading("s3://narrow/open", s3.options(READER))
    reading.all()
    assert events("open", 10) == reading.ids
    reading = Reading("s3://narrow", s3.options(READER))
    with pytest.raises(FailedError, match="access denied: s3://narrow; check the credentials and that they may list and read below"):
        reading.all()


def test_a_fault_that_stays_ends_a_bounded_run_and_is_asked_for_a_few_times_only(s3, proxy, bucket):
    """Five attempts of three requests each, then it is said what is wrong; one that follows would try on."""
    url, place = bucket
    obstore.put(place, KEY.format("f"), avro(events("a", 10)))
    proxy.spoil = lambda request: None if request.key else Refuse(503, "SlowDown")
    reading = Reading(url, s3.options(url=proxy.url))
    with pytest.raises(FailedError, match=f"throttled: {url}; list less often"):
        reading.all()
    assert 15 == proxy.struck


@pytest.mark.parametrize(
    ("url", "change", "said"),
    [
        ("s3://not-there", {}, "no such bucket"),
        ("s3://narrow", {"access_key_id": "nobody"}, "access denied"),
        ("s3://narrow", {"secret_access_key": "wrong"}, "access denied"),
        ("az://not-there", {}, "no such bucket"),
        ("az://acme", {"account_key": "d3Jvbmc="}, "access denied"),
    ],
)
def test_a_mistake_is_named_alike_in_every_store(request, url, change, said):
    """Whether something is listed or read, and whichever server says so in its own words."""
    server = request.getfixturevalue("azure" if url.startswith("az") else "s3")
    wrong = store(url, {**server.options(), **change})
    for ask in (lambda: list(wrong.list()), lambda: wrong.get("f.avro")):
        with pytest.raises((BaseError, OSError)) as fault:
            ask()
        assert said == classify(fault.value, url)
