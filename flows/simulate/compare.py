"""What Segment kept against what it must have, and the ledger against the expected counts: every difference by name, none by value.

Messages are told apart by content, not by id: the expected outcome knows nothing of how the pipeline makes ids.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from currents_segment.flows.simulate.expected import Content, Due, content_of, digest, encode
from currents_segment.flows.simulate.expected_file import Ledgers

SHOWN: Final = 5  # examples of each kind of difference
REMEMBERED: Final = 10_000  # strange messages of a connector that are looked at more closely; beyond, they are only counted


@dataclass(frozen=True, slots=True)
class Message:
    """A message that Segment kept.

    Attributes:
        connector: which connector it came from.
        id: its messageId.
        content: see `content_of`.
    """

    connector: str
    id: str
    content: Content


@dataclass(slots=True)
class Verdict:
    """How one connector's messages differ from the expected ones.

    Attributes:
        expected: how many Segment must have.
        kept: how many it has.
        missing: expected and not there.
        spurious: there and not expected.
        corrupted: there, and like a missing one but for a few fields; counted neither as missing nor as spurious.
        repeated: there more than once, beyond the first.
        examples: the first few of each kind.
    """

    expected: int = 0
    kept: int = 0
    missing: int = 0
    spurious: int = 0
    corrupted: int = 0
    repeated: int = 0
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Segment has exactly what it must."""
        return not (self.missing or self.spurious or self.corrupted or self.repeated)

    def show(self, kind: str, example: str) -> None:
        """Keep an example, if there is room for one more of its kind."""
        if len(examples := self.examples.setdefault(kind, [])) < SHOWN:
            examples.append(example)


def message(line: bytes, connector_of: Mapping[str, str]) -> Message:
    """A line of the double's view; a Segment source that is no connector's stands for itself."""
    kept = orjson.loads(line)
    sent = kept["message"]
    return Message(connector_of.get(kept["source"], kept["source"]), str(sent.get("messageId")), content_of(sent))


def messages(due: Callable[[], Iterable[Due]], kept: Iterable[Message], connectors: Iterable[str]) -> dict[str, Verdict]:
    """A verdict for each connector, and for each name under which messages came that no connector has.

    Args:
        due: gives the expected messages, afresh at each call: they are read again to tell what is missing.
        kept: what Segment kept.
        connectors: all that are expected, also those that must deliver nothing.
    """
    verdicts = defaultdict[str, Verdict](Verdict, {name: Verdict() for name in connectors})
    open_: dict[str, Counter[bytes]] = {name: Counter() for name in connectors}  # expected minus kept
    for message in due():
        for name in message.connectors:
            verdicts[name].expected += 1
            open_.setdefault(name, Counter())[digest(message.content)] += 1
    strange: dict[str, list[Message]] = defaultdict(list)
    for each in kept:
        verdict, mark = verdicts[each.connector], digest(encode(each.content))
        verdict.kept += 1
        left = open_.setdefault(each.connector, Counter())
        if mark not in left:
            verdict.spurious += 1
            if len(strange[each.connector]) < REMEMBERED:
                strange[each.connector].append(each)
        else:
            left[mark] -= 1
            if left[mark] < 0:
                verdict.repeated += 1
                verdict.show("repeated", _describe(each))
    for name, left in open_.items():
        verdicts[name].missing = sum(count for count in left.values() if count > 0)
    _look_closer(due, open_, strange, verdicts)
    return dict(verdicts)


def _look_closer(
    due: Callable[[], Iterable[Due]],
    open_: Mapping[str, Counter[bytes]],
    strange: Mapping[str, list[Message]],
    verdicts: Mapping[str, Verdict],
) -> None:
    """Pair strange messages with missing ones that they resemble, and name what is left."""
    lacking = {name for name, verdict in verdicts.items() if verdict.missing}
    resembling = {name: _Resemblance(strange.get(name, ())) for name in lacking}
    for message in due() if lacking else ():
        mark = digest(message.content)
        for name in lacking.intersection(message.connectors):
            if open_[name][mark] <= 0:
                continue
            open_[name][mark] -= 1
            verdict, wanted = verdicts[name], orjson.loads(message.content)
            if (found := resembling[name].take(wanted)) is None:
                verdict.show("missing", f"{wanted['event']} of {wanted['timestamp']}, content {mark.hex()[:12]}")
            else:
                verdict.missing, verdict.spurious, verdict.corrupted = verdict.missing - 1, verdict.spurious - 1, verdict.corrupted + 1
                differs = ", ".join(sorted(_differences(wanted, found.content)))
                verdict.show("corrupted", f"{_describe(found)}: {differs}")
    for name, messages_ in strange.items():
        left = resembling[name].left() if name in resembling else messages_
        for each in left:
            verdicts[name].show("spurious", _describe(each))


class _Resemblance:
    """Finds a message that was meant to be another: the same user at the same time, or the same properties under one event name."""

    def __init__(self, strange: Iterable[Message]) -> None:
        self._left = dict(enumerate(strange))
        self._by: dict[bytes, list[int]] = defaultdict(list)
        for number, each in self._left.items():
            for trait in _traits(each.content):
                self._by[trait].append(number)

    def take(self, wanted: Content) -> Message | None:
        """The first that resembles it most, which is then taken; None without one."""
        for trait in _traits(wanted):
            for number in self._by.get(trait, ()):
                if (found := self._left.pop(number, None)) is not None:
                    return found
        return None

    def left(self) -> list[Message]:
        """Those that were not taken."""
        return list(self._left.values())


def _traits(content: Content) -> Iterator[bytes]:
    """What makes a message resemble another, the strongest first."""
    who = [content.get("userId"), content.get("anonymousId")]
    for trait in (
        [content.get("event"), *who, content.get("timestamp")],
        [*who, content.get("timestamp")],
        [content.get("event"), who],
        [content.get("event"), content.get("timestamp"), content.get("properties")],
    ):
        yield orjson.dumps(trait, option=orjson.OPT_SORT_KEYS)


def _differences(one: object, two: object, path: str = "") -> Iterator[str]:
    """The paths at which two contents differ; never what stands there."""
    if isinstance(one, dict) and isinstance(two, dict):
        for name in {*one, *two}:
            yield from _differences(one.get(name, _ABSENT), two.get(name, _ABSENT), f"{path}.{name}" if path else str(name))
    elif one is _ABSENT:
        yield f"{path} should not be there"
    elif two is _ABSENT:
        yield f"{path} is not there"
    elif type(one) is not type(two):
        yield f"{path} has another type"
    elif one != two:
        yield f"{path} differs"


_ABSENT: Final = object()


def _describe(message: Message) -> str:
    return f"{message.content.get('event')} of {message.content.get('timestamp')}, messageId {message.id}"


def counts(expected: Ledgers, ledgers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each count in which the ledger of a status document differs from the expected one; nothing may be in flight."""
    lines = []
    for name, wanted in expected.items():
        if (ledger := ledgers.get(name)) is None:
            lines.append(f"{name}: the status has no such connector")
            continue
        pairs = {"received": (wanted["received"], ledger["received"]), "in flight": (0, ledger["in_flight"])}
        for outcome in sorted({*wanted["outcomes"], *ledger["outcomes"]}):
            pairs[outcome] = (wanted["outcomes"].get(outcome, 0), ledger["outcomes"].get(outcome, 0))
        lines += [f"{name}: {what}: expected {right:,}, the ledger has {is_:,}" for what, (right, is_) in pairs.items() if right != is_]
    return lines
