"""The verdict says of each thing that can be wrong that it is wrong, and of nothing else."""

from collections import Counter
from dataclasses import replace

import pytest
from tests.oracle.journal import Journal, Life, Outage
from tests.oracle.letters import Books, Letter
from tests.oracle.truth import Connector, Due, Fact, expected, outcome
from tests.oracle.verdict import Delivery, Seen, judge
from tests.oracle.world import EXPIRY

SHOP = Connector("shop", "acme", {"events": ["*"]})
KNOWN = {
    "currents_type": "users.messages.email.Open",
    "segment_name": "Email Opened",
    "other_published_names": [],
    "family": "Email",
    "fields": [{"name": "url", "type": "string", "nullable": True, "maps_to": "properties.link"}],
}
FIELDS = ("id", "external_user_id", "user_id", "time", "url")
EVENT = {"id": "e-1", "external_user_id": "u-1", "user_id": "b-1", "time": 1_700_000_000, "url": "https://example.com"}
DUE = outcome(SHOP, KNOWN, FIELDS, EVENT)
assert isinstance(DUE, Due)
AT = 1_000_000.0  # s since the epoch: when the run that is looked at begins
FACTS = [
    Fact(("log", "object", 0, 0), AT, KNOWN, True, FIELDS, EVENT),
    Fact(("log", "object", 0, 1), AT, KNOWN, True, FIELDS, EVENT),
    Fact(("log", "object", 1, 0), AT, KNOWN, damage="undecodable/bad_frame", count=7),
]
DAMAGE = Letter("shop", "undecodable/bad_frame", "object#1.0", ("log", "object", 1, 0), AT, AT, 7, None, None, b"?")
EXPIRED = Letter("shop", "expired", DUE.message_id, ("log", "object", 0, 0), AT, AT + EXPIRY + 5, 1, None, DUE.message, None)
BOOKS = Books(9, 0, 0, Counter({"delivered": 1, "duplicate": 1, "undecodable/bad_frame": 7}))
RIGHT = Seen(
    kept={DUE.message_id: DUE.message | {"sentAt": "now"}},
    first={DUE.message_id: AT + 10},
    deliveries={DUE.message_id: [Delivery(AT + 10, meddled=False)]},
    ambiguous=0,
    refusals={},
    letters=[DAMAGE],
    books=BOOKS,
)


def journal(*, clean=True):
    """One run of a minute, and another."""
    return Journal(lives=[Life(1, AT, AT + 59, AT + 60, clean), Life(1, AT + 61)], clock=[(0.0, 0.0, 0.0)])


def wrong(seen, journal, facts=FACTS):
    """What is wrong, by name, and how often."""
    verdict = judge(SHOP, expected(SHOP, facts), seen, journal)
    return {name: getattr(verdict, name) for name in verdict.__slots__ if name != "examples" and getattr(verdict, name)}


def test_nothing_is_wrong():
    """What is as it had to be is left alone."""
    assert {} == wrong(RIGHT, journal())


@pytest.mark.parametrize(
    ("what", "seen"),
    [
        ("missing", replace(RIGHT, kept={})),
        ("missing", replace(RIGHT, letters=[])),
        ("spurious", replace(RIGHT, kept={**RIGHT.kept, "m": DUE.message})),
        ("spurious", replace(RIGHT, letters=[DAMAGE, replace(DAMAGE, place=("log", "object", 2, 0))])),
        ("spurious", replace(RIGHT, letters=[DAMAGE, replace(EXPIRED, outcome="rejected/refused", status=418)])),
        ("corrupted", replace(RIGHT, kept={DUE.message_id: {**DUE.message, "userId": "another"}})),
        ("corrupted", replace(RIGHT, letters=[replace(DAMAGE, count=6)])),
        ("corrupted", replace(RIGHT, letters=[replace(DAMAGE, raw=None)])),
        ("unbalanced", replace(RIGHT, books=replace(BOOKS, received=10))),
        ("unbalanced", replace(RIGHT, books=replace(BOOKS, in_flight=1))),
        ("unbalanced", replace(RIGHT, books=None)),
        ("dedup_failures", replace(RIGHT, books=replace(BOOKS, outcomes=BOOKS.outcomes - Counter(["duplicate"])))),
    ],
)
def test_each_thing_that_is_wrong_is_seen(what, seen):
    """Each has its name."""
    assert wrong(seen, journal()).get(what)


@pytest.mark.parametrize(
    ("first", "clean", "explained"),
    [(58.0, False, True), (58.0, True, True), (30.0, False, False), (30.0, True, False)],
    ids=["before a crash", "before a stop", "long before a crash", "long before a stop"],
)
def test_a_second_delivery_needs_a_reason(first, clean, explained):
    """A crash or a stop soon after the first is one."""
    twice = replace(RIGHT, deliveries={DUE.message_id: [Delivery(AT + first, meddled=False), Delivery(AT + 70, meddled=False)]})
    assert ({"replayed": 1} if explained else {"dedup_failures": 1}) == wrong(twice, journal(clean=clean))


def test_a_second_delivery_in_the_same_run_has_no_reason():
    """Unless a process stood still about then, so that it may have given up what was answered."""
    twice = replace(RIGHT, deliveries={DUE.message_id: [Delivery(AT + 10, meddled=False), Delivery(AT + 20, meddled=False)]})
    assert {"dedup_failures": 1} == wrong(twice, journal())
    still = journal()
    still.freezes.append((AT + 9, AT + 11))
    assert {"replayed": 1} == wrong(twice, still)


OVER = Seen({}, {}, {}, 0, {}, [DAMAGE, EXPIRED], Books(9, 0, 0, Counter({"expired": 1, "duplicate": 1, "undecodable/bad_frame": 7})))


@pytest.mark.parametrize(("begun", "early"), [(AT, False), (AT + 3, False), (AT + 60, True)])
def test_an_event_expires_when_its_time_is_over(begun, early):
    """48 h after it came, or after the outage began if that was later."""
    down = journal()
    down.outages.append(Outage("shop", begun, ended=AT + EXPIRY + 100))
    assert ({"expired_early": 1} if early else {}) == wrong(OVER, down)


def test_nothing_expires_without_an_outage():
    """Whatever time has passed."""
    assert {"expired_early": 1} == wrong(OVER, journal())


def test_what_is_a_letter_is_not_delivered_and_what_was_delivered_is_no_letter():
    """Both at once have a reason only where the sender forgot that it had delivered."""
    down = journal(clean=False)
    down.lives[0].ended, down.lives[1].begun = AT + 60, AT + 61
    down.outages.append(Outage("shop", AT, ended=AT + EXPIRY + 100))

    def both(at):
        return wrong(replace(OVER, deliveries={DUE.message_id: [Delivery(at, meddled=False)]}), down)

    assert {} == both(AT + 58)
    assert {"spurious": 1} == both(AT + 30)
    assert {"spurious": 1} == both(AT + EXPIRY + 10)


def test_what_had_to_expire_is_not_delivered_behind_an_outage():
    """Its time was over, and the connector had failed all the while."""
    down = journal()
    down.outages.append(Outage("shop", AT, ended=AT + EXPIRY + 200, over=AT + 5, jumped=AT + EXPIRY + 120))
    assert {"expired_late": 1} == wrong(RIGHT, down)
