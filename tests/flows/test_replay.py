"""What of a letter can be sent again."""

import json

import orjson
import pytest
from tests.flows.replaying import SCHEMA, datum, letter, letters, profile, unread

from currents_segment.codecs.catalogue import load
from currents_segment.codecs.message import MAX_MESSAGE
from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.replay import NOT_CONFIGURED, Case, Judge, Plan, Stays, cases
from currents_segment.sinks.dead_letters import Mark, Marks, opened


def _judge(schema=None, **settings):
    return Judge(profile(**settings), load(), schema)


def _marks(place):
    def unreadable(name, what):
        raise AssertionError(name, what)

    return Marks(opened(str(place)), unreadable=unreadable)


@pytest.mark.parametrize("outcome", [Outcome.EXPIRED, Outcome.REFUSED])
def test_a_message_is_sent_as_it_was_kept(outcome):
    """Byte for byte, with its messageId."""
    one = letter("m-1", outcome)
    case = _judge().of(one)
    assert [("m-1", one.message.encode())] == case.messages
    assert [] == case.rest


@pytest.mark.parametrize(
    ("why", "changes", "settings"),
    [
        ("rejected/no_identity", {"userId": None}, {}),
        ("rejected/no_identity", {"userId": "[REDACTED]"}, {"anonymous_users": True}),
        ("filtered/anonymous_user", {"userId": None, "anonymousId": "b"}, {}),
        ("rejected/too_large", {"properties": {"text": "x" * MAX_MESSAGE}}, {}),
        ("its message has no messageId that Segment takes", {"messageId": ""}, {}),
        ("its message has no messageId that Segment takes", {"messageId": "é" * 50}, {}),
        ("an identity in its message is not text", {"userId": 7}, {}),
    ],
)
def test_a_message_passes_the_same_checks(why, changes, settings):
    """What the connector would not send today is not sent, and it is said why."""
    assert Stays(why) == _judge(**settings).of(letter(fields=changes))


def test_the_policy_of_today_decides():
    """An anonymous event is sent where the connector includes them now."""
    assert isinstance(_judge(anonymous_users=True).of(letter(fields={"userId": None, "anonymousId": "b"})), Case)


@pytest.mark.parametrize("text", ["no json", '"text"', "[1]"])
def test_what_is_no_message(text):
    """It stays."""
    assert Stays("its message is no JSON object") == _judge().of(letter(message=text))


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN_SCHEMA, Outcome.BAD_DATUM])
def test_bytes_that_can_be_read_now(outcome):
    """Every event in them is sent, as the main job would have sent it."""
    case = _judge().of(unread(datum("a"), datum("b"), outcome=outcome))
    assert ["a", "b"] == [message_id.partition(":")[0] for message_id, _ in case.messages]
    assert [message_id for message_id, _ in case.messages] == [orjson.loads(body)["messageId"] for _, body in case.messages]


@pytest.mark.parametrize(
    "one",
    [
        unread(datum("a"), schema="{"),
        unread(datum("a"), schema=""),
        unread(b"\xff\xff", outcome=Outcome.BAD_DATUM),
        unread(datum("a"), outcome=Outcome.BAD_FRAME),
        unread(outcome=Outcome.UNKNOWN_SCHEMA),
    ],
)
def test_bytes_that_still_cannot_be_read(one):
    """Nothing is sent."""
    assert Stays(one.outcome.value) == _judge().of(one)


def test_a_corrected_schema():
    """Bytes are read by it instead of the one that was kept with them."""
    assert isinstance(_judge(json.dumps(SCHEMA)).of(unread(datum("a"), schema="{")), Case)


def test_what_is_left_of_bytes_is_kept_under_its_own_name():
    """Events are sent, and what cannot be is a letter of its own: none is lost, and none is named as the letter that is gone."""
    one = unread(datum("a"), datum("b", user_id=None, external_user_id=None), datum("c"), b"\xff")
    case = _judge().of(one)
    assert ["a", "c"] == [message_id.partition(":")[0] for message_id, _ in case.messages]
    assert [Outcome.NO_IDENTITY, Outcome.BAD_DATUM] == [new.outcome for new in case.rest]
    assert [one.at, one.at] == [new.at for new in case.rest]
    assert one.digest not in {new.digest for new in case.rest}
    assert one.count == len(case.messages) + sum(new.count for new in case.rest)


def test_bytes_that_nobody_wants_now():
    """Events that are not selected are not sent, and the letter says so."""
    assert Stays("filtered/not_selected") == _judge(selected=frozenset({"users.messages.email.Click"})).of(unread(datum("a")))


def test_the_plan(tmp_path):
    """Letters are told apart: to be sent, sent before, not to be sent and why."""
    marks = _marks(tmp_path)
    sent, *others = letters(3)
    marks.write([Mark("shop", sent.id, sent.digest, (sent.id,), whole=True)], 1.0)
    stranger, nobody = letter("x", connector="other"), letter("n", fields={"userId": None})
    plan = Plan()
    found = list(cases([sent, *others, stranger, nobody], {"shop": _judge()}, marks, plan))
    assert others == [case.letter for case in found]
    assert (1, {"shop": 2}, {"shop": 2}) == (plan.before, plan.letters, plan.messages)
    assert {NOT_CONFIGURED: 1, "rejected/no_identity": 1} == plan.stays


def test_messages_of_a_letter_that_were_sent_are_left_out(tmp_path):
    """A letter of many messages goes on where it was interrupted."""
    marks = _marks(tmp_path)
    one = unread(datum("a"), datum("b"))
    (case,) = cases([one], {"shop": _judge()}, marks, Plan())
    first, second = (message_id for message_id, _ in case.messages)
    marks.write([Mark("shop", one.id, one.digest, (first,), whole=False)], 1.0)
    (case,) = cases([one], {"shop": _judge()}, marks, Plan())
    assert ([second], 1) == ([message_id for message_id, _ in case.messages], case.open)
