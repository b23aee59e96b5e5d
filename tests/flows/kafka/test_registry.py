import json
import subprocess
import sys
import threading
import time

import pytest
from tests.authority import Authority
from tests.flows.kafka.registry import RegistryDouble, server_context

from currents_segment.codecs.shape import parse
from currents_segment.flows.config.kafka import Registry
from currents_segment.flows.config.kinds import Reading
from currents_segment.flows.errors import UserError
from currents_segment.flows.kafka.registry import AGAIN, LAST_PAUSE, Pending, SchemaRegistry, Unusable

PATIENCE = 30.0  # s: as long as a condition may take on a machine that has other things to do
EVENT = {"type": "record", "name": "a.Event", "fields": [{"name": "id", "type": "string"}]}
ADDRESS = {"type": "record", "name": "b.Address", "fields": [{"name": "city", "type": "string"}]}
SECRET = "s3cr3t-w0rd"


class Clock:
    """A clock that tests move."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def double():
    """A registry that answers."""
    with RegistryDouble().serving() as made:
        yield made


@pytest.fixture
def clock():
    """Stands still unless moved."""
    return Clock()


@pytest.fixture
def opened(tmp_path, clock):
    """Opens registries with these settings, and closes them."""
    made = []

    def opens(url, **settings):
        section = Registry.model_validate({"url": url} | settings, context=Reading(tmp_path, secrets=True))
        made.append(SchemaRegistry(section, clock=clock))
        return made[-1]

    yield opens
    for each in made:
        each.close()


def settled(registry, ref, clock=None):
    """What the registry says once it isn't pending any more; the clock runs meanwhile if it is given."""
    return until(lambda: answer if not isinstance(answer := registry.schema(ref), Pending) else None, clock)


def until(condition, clock=None):
    """The condition's first value that counts."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline
        if clock:
            clock.now += 1
        threading.Event().wait(0.005)
    return value


def test_a_schema_is_the_same_object_for_ever(opened, double):
    """By id and by GUID; asked for once."""
    number = double.register("events", EVENT)
    registry = opened(double.url)
    text = settled(registry, number)
    assert json.dumps(EVENT) == text
    assert registry.schema(number) is text
    assert text == settled(registry, double.entries[number].guid)
    assert [f"/schemas/ids/{number}"] == double.asked  # the first answer names the GUID
    assert registry.error is None


def test_it_never_waits(opened, double):
    """While the registry does not answer its messages are pending, and what is known is there."""
    known, other = double.register("events", EVENT), double.register("addresses", ADDRESS)
    registry = opened(double.url)
    settled(registry, known)
    double.hold.clear()
    assert isinstance(registry.schema(other), Pending)
    until(lambda: 2 == len(double.asked))
    assert isinstance(registry.schema(other), Pending)
    assert json.dumps(EVENT) == registry.schema(known)
    double.hold.set()
    assert json.dumps(ADDRESS) == settled(registry, other)
    assert 2 == len(double.asked)


def test_silence_is_named(opened, double, clock):
    """A registry that takes the question and does not answer is an error after its time-out."""
    registry = opened(double.url, timeout="60s")
    double.hold.clear()
    registry.schema(1)
    until(lambda: double.asked)
    assert registry.error is None
    clock.now += 61
    assert "the schema registry has not answered for 61 s" == registry.error


def test_references_are_resolved(opened, double):
    """Over several schemas, deleted ones too: one text that is read by alone."""
    city = double.register("cities", {"type": "record", "name": "c.City", "fields": [{"name": "name", "type": "string"}]})
    double.register("addresses", {**ADDRESS, "fields": [{"name": "city", "type": "c.City"}]}, references=[("c.City", "cities", 1)])
    fields = [{"name": "id", "type": "string"}, {"name": "a", "type": "b.Address"}, {"name": "b", "type": ["null", "c.City"]}]
    number = double.register(
        "events",
        {**EVENT, "fields": fields},
        references=[("b.Address", "addresses", 1), ("c.City", "cities", 1)],
    )
    double.entries[city].deleted = True
    shape = parse(settled(opened(double.url), number))
    assert (("id", "a", "b"), 3) == (shape.fields, shape.least)


def test_schemas_that_refer_to_each_other_end(opened, double):
    """Each is asked for once."""
    number = double.register(
        "a", {**EVENT, "fields": [{"name": "id", "type": "string"}, {"name": "b", "type": "b.Address"}]}, references=[("b.Address", "b", 1)]
    )
    double.register("b", ADDRESS, references=[("a.Event", "a", 1)])
    assert isinstance(settled(opened(double.url), number), str)
    assert 3 == len(double.asked)


@pytest.mark.parametrize("kind", ["PROTOBUF", "JSON"])
def test_what_is_not_avro_is_named(opened, double, kind):
    """At once and for ever: an id never changes its schema."""
    number = double.register("events", "syntax = ...", kind=kind)
    registry = opened(double.url)
    assert Unusable(f"schema {number} is {kind}, not Avro") == settled(registry, number)
    assert Unusable(f"schema {number} is {kind}, not Avro") == registry.schema(number)
    assert 1 == len(double.asked)


def test_an_unknown_schema_is_given_up_after_its_time(opened, double, clock):
    """Until then it is asked for again and again, and so it is afterwards, as it may be registered at any time."""
    registry = opened(double.url, unknown_after="5m")
    until(lambda: "not known" in getattr(registry.schema(7), "why", ""))
    clock.now += 299.0
    until(lambda: isinstance(registry.schema(7), Pending) and 2 == len(double.asked))
    assert isinstance(registry.schema(7), Pending)
    clock.now += AGAIN
    answer = settled(registry, 7)
    assert Unusable("schema 7 is not known to the registry, after 304 s of asking") == answer
    asked = len(double.asked)
    assert answer == registry.schema(7)
    assert asked == len(double.asked)
    double.register("events", EVENT, number=7)
    clock.now += 301
    until(lambda: json.dumps(EVENT) == registry.schema(7))
    assert registry.error is None


def test_a_registry_without_guids_does_not_hold_for_ever(opened, double, clock):
    """It answers to a GUID as to a wrong path; that it is a registry shows by an id. Other messages go on meanwhile."""
    double.guids = False
    number = double.register("events", EVENT)
    registry = opened(double.url)
    guid = "9e2b4a6c-2c1b-4f0a-8a53-1d5f6f0d7a11"
    until(lambda: "not known" in getattr(registry.schema(guid), "why", ""))
    assert json.dumps(EVENT) == settled(registry, number)
    assert isinstance(settled(registry, guid, clock), Unusable)
    double.fault = (404, b"")
    with pytest.raises(UserError, match="nothing at that path"):
        registry.check()


def test_an_unknown_reference_waits_too(opened, double, clock):
    """The schema is known, what it refers to may come."""
    number = double.register(
        "events", {**EVENT, "fields": [{"name": "a", "type": "b.Address"}]}, references=[("b.Address", "addresses", 1)]
    )
    registry = opened(double.url)
    until(lambda: "refers to is not known" in getattr(registry.schema(number), "why", ""))
    double.register("addresses", ADDRESS)
    clock.now += AGAIN
    assert isinstance(settled(registry, number, clock), str)


def test_a_registry_that_is_down_holds(opened, clock):
    """However long: nothing is given up; when it is back everything goes on within its longest pause."""
    double = RegistryDouble()
    with double.serving():
        number = double.register("events", EVENT)
    registry = opened(double.url, unknown_after="0s")
    for _ in range(200):
        registry.schema(9)
        assert isinstance(registry.schema(number), Pending)
        clock.now += 3600
    until(lambda: registry.error)
    assert "cannot be reached" in registry.error
    until(lambda: "cannot be reached" in registry.schema(number).why)
    with double.serving():
        clock.now += LAST_PAUSE
        assert json.dumps(EVENT) == settled(registry, number, clock)
        assert registry.error is None


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ((401, b"{}"), "refuses our credentials"),
        ((403, b'{"error_code":40301,"message":"' + SECRET.encode() + b'"}'), "refuses our credentials"),
        ((404, b'{"error_code":404,"message":"HTTP 404 Not Found"}'), "has nothing at that path"),
        ((404, b"<html>" + SECRET.encode()), "has nothing at that path"),
        ((429, b""), "HTTP 429"),
        ((500, b'{"error_code":50001,"message":"' + SECRET.encode() + b'"}'), "HTTP 500"),
        ((503, b""), "HTTP 503"),
        ((200, b"<html>" + SECRET.encode()), "something else than a schema"),
        ((200, b"[]"), "something else than a schema"),
        ((200, b""), "something else than a schema"),
        ((200, b"{}"), "something else than a schema"),
        ((200, b'{"schema": 5}'), "something else than a schema"),
        ((200, b'{"schema": "\\"int\\"", "references": [5]}'), "something else than a schema"),
        ((302, b""), "HTTP 302"),
    ],
)
def test_a_registry_that_cannot_say_holds(opened, double, clock, fault, words):
    """Whatever is wrong with it is named, and none of what it sent is repeated."""
    number = double.register("events", EVENT)
    registry = opened(double.url, unknown_after="0s")
    double.fault = fault
    until(lambda: isinstance(registry.schema(number), Pending) and registry.error)
    assert words in registry.error
    assert SECRET not in registry.error
    with pytest.raises(UserError, match=words):
        registry.check()
    double.fault = None
    assert isinstance(settled(registry, number, clock), str)
    assert registry.error is None


def test_a_registry_in_trouble_is_left_alone(opened, double, clock):
    """Nothing is asked for twice before its pause is over, and the pauses grow."""
    registry = opened(double.url)
    double.fault = (503, b"")
    asked = []
    for _ in range(10):
        for ref in range(1, 50):
            registry.schema(ref)
        until(lambda: all("503" in registry.schema(ref).why for ref in range(1, 50)))
        asked.append(len(double.asked))
        clock.now += 1
    assert 49 == asked[0]
    assert asked[-1] <= 49 * 5


def test_a_schema_that_the_registry_fails_on_holds_no_other(opened, double, clock):
    """Whichever is asked for first, again and again."""
    bad, good = double.register("bad", EVENT), double.register("addresses", ADDRESS)
    double.broken.add(bad)
    registry = opened(double.url)

    def other():
        assert isinstance(registry.schema(bad), Pending)
        return not isinstance(registry.schema(good), Pending)

    until(other, clock)
    until(lambda: "HTTP 500" in registry.schema(bad).why)


@pytest.mark.parametrize("way", ["basic", "bearer"])
def test_credentials_are_taken_up_when_they_change(opened, double, clock, tmp_path, way):
    """They are sent, refused in words without them, and a replaced file works without a restart."""
    number = double.register("events", EVENT)
    file = tmp_path / "secret"
    file.write_text("old-secret")
    settings = {"basic": {"username": "user", "password": f"file:{file}"}, "bearer": {"token": f"file:{file}"}}[way]
    registry = opened(double.url, **settings)
    double.allow(**({"user": "user", "password": SECRET} if way == "basic" else {"token": SECRET}))
    until(lambda: isinstance(registry.schema(number), Pending) and registry.error)
    assert "refuses our credentials (HTTP 401)" in registry.error
    file.write_text(SECRET)
    assert isinstance(settled(registry, number, clock), str)
    registry.check()
    file.unlink()
    with pytest.raises(UserError, match="secret") as missing:
        registry.check()
    assert SECRET not in str(missing.value)


def test_a_token_for_confluent_cloud_names_cluster_and_pool(opened, double, tmp_path):
    """As Confluent Cloud wants it."""
    (tmp_path / "token").write_text(SECRET)
    double.allow(token=SECRET)
    number = double.register("events", EVENT)
    settled(opened(double.url, token="file:token", logical_cluster="lsrc-1", identity_pool="pool-2"), number)
    assert ("lsrc-1", "pool-2") == (double.seen[-1]["target-sr-cluster"], double.seen[-1]["Confluent-Identity-Pool-Id"])


def test_a_secret_that_cannot_be_sent_is_not_shown(opened, double, tmp_path):
    """A line break in a token breaks the header, and the client's words would repeat it."""
    (tmp_path / "token").write_text(f"{SECRET}\nmore")
    registry = opened(double.url, token="file:token")
    with pytest.raises(UserError, match="cannot be asked") as refused:
        registry.check()
    assert SECRET not in str(refused.value)


def test_tls_trusts_whom_it_is_told_to(opened, tmp_path):
    """A registry by our own authority, with a certificate of ours; without either it is refused, and named."""
    authority = Authority.new(tmp_path)
    server, client = authority.issue("server"), authority.issue("client", password=SECRET)
    (tmp_path / "password").write_text(SECRET)
    tls = {"ca": str(authority.ca), "certificate": str(client[0]), "key": str(client[1]), "key_password": "file:password"}
    with RegistryDouble().serving(server_context(*server, authority.ca)) as double:
        number = double.register("events", EVENT)
        assert isinstance(settled(opened(double.url, tls=tls), number), str)
        with pytest.raises(UserError, match="certificate verify failed"):
            opened(double.url).check()
        with pytest.raises(UserError, match="cannot be"):
            opened(double.url, tls={"ca": str(authority.ca)}).check()
        (tmp_path / "password").write_text("wrong")
        with pytest.raises(UserError, match=r"TLS files cannot be used .*client\.key"):
            opened(double.url, tls=tls).check()


def test_several_addresses_are_tried_in_turn(opened, double):
    """The first that answers serves."""
    number = double.register("events", EVENT)
    with RegistryDouble().serving() as gone:
        pass
    assert isinstance(settled(opened(f"{gone.url}, {double.url}"), number), str)


def test_made_up_ids_do_not_fill_the_memory(opened, double, monkeypatch):
    """What the registry does not know is forgotten, the oldest first."""
    monkeypatch.setattr("currents_segment.flows.kafka.registry.MAX_UNKNOWN", 50)
    registry = opened(double.url, unknown_after="0s")
    for ref in range(1, 200):
        assert isinstance(settled(registry, ref), Unusable)
        assert len(registry._entries) <= 50


def test_a_bug_is_raised_where_it_is_seen(opened, double, monkeypatch):
    """A thread that died would hold its messages for ever."""
    registry = opened(double.url)
    monkeypatch.setattr(registry, "_settle", lambda *_: 1 / 0)
    registry.schema(1)

    def raised():
        try:
            registry.schema(2)
        except ZeroDivisionError:
            return True
        return False

    until(raised)


def test_the_client_is_not_loaded_before_it_is_needed():
    """It takes a third of a second, which a job without a registry need not spend."""
    code = "import sys, currents_segment.flows.kafka.registry; sys.exit('confluent_kafka.schema_registry' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False, timeout=PATIENCE).returncode
