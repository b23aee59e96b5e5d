"""What is said of a torture at its end: everything that Segment would keep, each delivery and each dead letter held against what had to be."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import pairwise
from math import inf
from typing import Final, Self

from tests.oracle.journal import Journal
from tests.oracle.letters import Books, Letter
from tests.oracle.truth import Connector, Expected, Json
from tests.oracle.world import EXPIRY, TIMEOUT
from tests.system.double import Double

CLEARLY: Final = 15.0  # s: a success this long before a crash was committed for sure, even where a commit takes its time
SLACK: Final = 1.0  # s between the clocks of two processes, the reading of the offset's file included
DENIED: Final = "answer: html"  # a page behind a 200 is no success: some proxy answered
MINUTE: Final = 60.0  # s in which an event expires after its time
STEP: Final = 600.0  # s that the wall clock may be off when a process that reads begins
LONGEST: Final = 331.0  # s: a connector may wait for so long before it notices that an outage is over


@dataclass(slots=True)
class Verdict:
    """Events, counted by what is wrong with them; all but `replayed` must be 0.

    Attributes:
        missing: neither delivered nor a dead letter.
        spurious: delivered or a dead letter without a reason: never put in, or both without an ambiguous answer or a crash between.
        corrupted: another message, place or count than it had to be.
        replayed: deliveries that repeat one whose answer was ambiguous, or that a crash or a stop made forgotten. These are allowed.
        dedup_failures: deliveries that repeat another without such a reason, and copies that the ledger does not have as duplicates.
        expired_early: dead letters of events whose time was not over.
        expired_late: events that had to expire and did not within a minute.
        unbalanced: ledgers that do not add up, and counts that are not what the oracle counted.
    """

    missing: int = 0
    spurious: int = 0
    corrupted: int = 0
    replayed: int = 0
    dedup_failures: int = 0
    expired_early: int = 0
    expired_late: int = 0
    unbalanced: int = 0
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def wrong(self, what: str, example: str, events: int = 1) -> None:
        """One thing that must not be."""
        setattr(self, what, getattr(self, what) + events)
        if len(self.examples[what]) < 3:
            self.examples[what].append(example)

    def __iadd__(self, other: Self) -> Self:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for what, examples in other.examples.items():
            self.examples[what] += examples
        return self

    @property
    def good(self) -> bool:
        """Nothing is wrong."""
        return not any(getattr(self, name) for name in COUNTS if name != "replayed")

    def __str__(self) -> str:
        return " ".join(f"{name}={getattr(self, name)}" for name in COUNTS)


COUNTS: Final = tuple(each.name for each in fields(Verdict) if each.name != "examples")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request of whose success the sender was told: when it came, and whether a fault delayed the answer."""

    at: float
    meddled: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What the double and the disk show of one connector at the end.

    Attributes:
        kept: what Segment would keep, by messageId.
        first: when it came there, s since the epoch, by messageId.
        deliveries: of which the sender was told, by messageId, in order.
        ambiguous: deliveries that repeat one of which the sender was not told.
        refusals: statuses that refuse for good, by messageId.
        letters: dead letters.
        books: the ledger; None where no run left one.
    """

    kept: Mapping[str, Json]
    first: Mapping[str, float]
    deliveries: Mapping[str, Sequence[Delivery]]
    ambiguous: int
    refusals: Mapping[str, set[int]]
    letters: Sequence[Letter]
    books: Books | None


def seen(double: Double, letters: Iterable[Letter], books: Mapping[str, Books], name: str) -> Seen:
    """Put together what is seen of one connector.

    Raises:
        ValueError: the double does not remember all requests.
    """
    kept: dict[str, Json] = {}
    first: dict[str, float] = {}
    for line in double.view(name).splitlines():
        each = json.loads(line)
        kept[each["message"]["messageId"]] = each["message"]
        first[each["message"]["messageId"]] = datetime.fromisoformat(each["receivedAt"]).timestamp()
    deliveries: dict[str, list[Delivery]] = defaultdict(list)
    refusals: dict[str, set[int]] = defaultdict(set)
    requests, summary = double.requests(name, ids="1"), double.summary(name)
    if len(requests) != sum(summary["requests"].values()):
        raise ValueError(f"the double remembers {len(requests)} requests of {sum(summary['requests'].values())}: fewer rounds, please")
    for request in requests:
        for message in request["ids"]:
            if request["acknowledged"] and not (request["fault"] or "").startswith(DENIED):
                deliveries[message].append(Delivery(request["at"], request["fault"] is not None))
            elif request["status"].isdecimal():
                refusals[message].add(int(request["status"]))
    duplicates = summary["duplicates"]
    mine = [letter for letter in letters if letter.connector == name]
    return Seen(kept, first, deliveries, duplicates["ambiguous"], refusals, mine, books.get(name))


def judge(connector: Connector, expected: Expected, seen: Seen, journal: Journal) -> Verdict:
    """The verdict on one connector."""
    verdict = Verdict()
    ended = _letters(connector, expected, seen, journal, verdict)
    _messages(expected, seen, ended, verdict)
    _repeats(seen, journal, verdict)
    _both(seen, ended, journal, verdict)
    _overdue(connector, expected, seen, journal, verdict)
    _ledger(connector, expected, seen, ended, verdict)
    return verdict


def _letters(connector: Connector, expected: Expected, seen: Seen, journal: Journal, verdict: Verdict) -> dict[str, Letter]:
    """Each letter is one that had to be, or was allowed; gives those of due events, by messageId."""
    wanted = dict(expected.letters)
    ended: dict[str, Letter] = {}
    for letter in seen.letters:
        what = f"{connector.name}: letter {letter.outcome} {letter.id} {letter.place}"
        if letter.outcome in {"expired", "rejected/refused"}:
            if letter.id not in expected.due or letter.id in ended:
                verdict.wrong("spurious", what)
                continue
            ended[letter.id] = letter
            if _plain(letter.message) not in expected.due[letter.id] or letter.count != 1:
                verdict.wrong("corrupted", what)
            if letter.outcome == "expired":
                _in_time(letter, expected, journal, verdict, what)
            elif letter.status not in seen.refusals.get(letter.id, ()):
                verdict.wrong("spurious", f"{what}: the double never answered {letter.status}")
        elif (letter.outcome, letter.place) not in wanted:
            verdict.wrong("spurious", what, letter.count)
        else:
            count, message = wanted.pop((letter.outcome, letter.place))
            if (count, message) != (letter.count, _plain(letter.message)) or (message is None) != (letter.raw is not None):
                verdict.wrong("corrupted", f"{what}: expected {count} events, {message}; found {letter.count}, {letter.message}")
    for (outcome, place), (count, _) in wanted.items():
        verdict.wrong("missing", f"{connector.name}: no letter {outcome} for {place}", count)
    return ended


def _in_time(letter: Letter, expected: Expected, journal: Journal, verdict: Verdict, what: str) -> None:
    """Its clock began when it came, or with the outage in which it expired if that was later; and 48 hours were over."""
    arrivals = expected.arrivals[letter.id]
    read = letter.id in expected.unstamped and letter.arrival > min(arrivals) - SLACK - STEP
    if not read and not any(-SLACK < letter.arrival - arrival < SLACK + expected.spread for arrival in arrivals):
        verdict.wrong("corrupted", f"{what}: it did not arrive at {letter.arrival}")
    at = journal.unstepped(letter.at)
    mine = [one for one in journal.outages if one.connector == letter.connector]
    outages = [one.begun for one in mine if one.begun <= at <= one.ended + LONGEST]
    if not outages or at < max(letter.arrival, min(outages)) + EXPIRY - SLACK:
        verdict.wrong("expired_early", f"{what}: came {letter.arrival}, expired {at}, outages since {outages}")


def _messages(expected: Expected, seen: Seen, ended: Mapping[str, Letter], verdict: Verdict) -> None:
    """Every due message is kept, or a letter, as it had to be; nothing else is kept."""
    for message_id, right in expected.due.items():
        if message_id in seen.kept:
            if _plain(seen.kept[message_id]) not in right:
                verdict.wrong("corrupted", f"kept {seen.kept[message_id]}\n   expected {right[0]}")
        elif message_id not in ended:
            verdict.wrong("missing", f"{message_id}: neither delivered nor a letter")
    for message_id in seen.kept.keys() - expected.due.keys():
        verdict.wrong("spurious", f"delivered {seen.kept[message_id]}")


def _repeats(seen: Seen, journal: Journal, verdict: Verdict) -> None:
    """A delivery that repeats another is explained by an ambiguous answer, or by what happened to the process that was told."""
    verdict.replayed += seen.ambiguous
    for message_id, deliveries in seen.deliveries.items():
        for one, two in pairwise(deliveries):
            if forgotten(one, two.at, journal):
                verdict.replayed += 1
            else:
                verdict.wrong("dedup_failures", f"{message_id}: delivered at {one.at} and again at {two.at}")


def forgotten(one: Delivery, then: float, journal: Journal) -> bool:
    """Whether the sender of a request that was answered may not know of it at a later time: it was killed, or stopped, or stood still, about then."""
    if any(begin - TIMEOUT <= one.at <= end + TIMEOUT for begin, end in journal.freezes):
        return True
    life = next(life for life in reversed(journal.lives) if life.begun <= one.at)
    if then <= life.ended:
        return False
    ending = life.ended if life.ending is None else life.ending
    return one.at > ending - (TIMEOUT if life.clean else CLEARLY) or (life.clean and one.meddled)


def _both(seen: Seen, ended: Mapping[str, Letter], journal: Journal, verdict: Verdict) -> None:
    """What was delivered, and its sender was told and remembers it, is no letter; what is a letter is never sent again."""
    for message_id, letter in ended.items():
        decided = journal.real(letter.at)
        for one in seen.deliveries.get(message_id, ()):
            if one.at > decided + SLACK or not forgotten(one, decided, journal):
                verdict.wrong("spurious", f"{message_id}: delivered at {one.at}, and {letter.outcome} at {decided}")
                break


def _overdue(connector: Connector, expected: Expected, seen: Seen, journal: Journal, verdict: Verdict) -> None:
    """What had to expire in an outage was not delivered behind it."""
    for outage in journal.outages:
        if outage.connector == connector.name and outage.jumped:
            for message_id, at in seen.first.items():
                if message_id in expected.unstamped:
                    continue
                came = max(*expected.arrivals.get(message_id, [inf]), expected.put.get(message_id, inf), outage.begun)
                if came + expected.spread + EXPIRY + MINUTE < outage.jumped and at > outage.over:
                    verdict.wrong("expired_late", f"{message_id}: came {came}, delivered {at}, behind an outage until {outage.jumped}")


def _ledger(connector: Connector, expected: Expected, seen: Seen, ended: Mapping[str, Letter], verdict: Verdict) -> None:
    """The ledger adds up, and says what the oracle counted."""
    if seen.books is None:
        verdict.wrong("unbalanced", f"{connector.name}: no ledger")
        return
    found = Counter({name: count for name, count in seen.books.outcomes.items() if count})
    wanted = Counter(expected.ended) + Counter(letter.outcome for letter in ended.values())
    wanted.update(duplicate=expected.copies, delivered=len(expected.due) - len(ended))
    if (unseen := wanted["duplicate"] - found["duplicate"]) > 0:
        verdict.wrong("dedup_failures", f"{connector.name}: {unseen} copies are no duplicates in the ledger", unseen)
    wrong = {name: (wanted[name], found[name]) for name in {*wanted, *found} if wanted[name] != found[name]}
    if wrong:
        verdict.wrong("unbalanced", f"{connector.name}: outcomes expected and found: {wrong}", len(wrong))
    if seen.books.imbalance or seen.books.in_flight or seen.books.pending:
        verdict.wrong("unbalanced", f"{connector.name}: {seen.books}")


def _plain(message: Json | None) -> Json | None:
    """Without what differs from attempt to attempt and from version to version."""
    if message is None:
        return None
    library = {name: value for name, value in message["context"]["library"].items() if name != "version"}
    return {name: value for name, value in message.items() if name != "sentAt"} | {"context": {**message["context"], "library": library}}
