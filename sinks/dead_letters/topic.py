"""Dead letters in a topic of Apache Kafka: each a message, and what is said of them later a message behind it.

| message | key | value |
|---|---|---|
| a letter | its digest | its line of JSON, as in files; `connector` and `outcome` are also headers |
| marks of what was sent again | `sent/` and a hash | their lines, as in files |
| a letter that was taken out | its digest | none |

What is said of a letter stands in its partition, behind it. Retention deletes a partition from its beginning, so a mark is never gone before
its letter. No two letters have one key, so compaction takes only what was written twice or taken out.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import structlog
from confluent_kafka.admin import AclOperation
from xxhash import xxh3_128_hexdigest

from currents_segment.flows.config import LettersTopic
from currents_segment.sinks.dead_letters import topic_log
from currents_segment.sinks.dead_letters.archive import Concern, Taken, Unreadable
from currents_segment.sinks.dead_letters.letter import DeadLetter, dump, load
from currents_segment.sinks.dead_letters.mark import Mark
from currents_segment.sinks.dead_letters.scope import Scope
from currents_segment.sinks.dead_letters.topic_log import Message, Span
from currents_segment.sinks.dead_letters.topic_writer import BATCH, Record, Writer

SENT: Final = b"sent/"
SHORT: Final = 7 * 86_400.0  # s: a letter should outlive a holiday of who looks at it
ROOMY: Final = 1 << 20  # bytes: letters of whole schemas or blocks; brokers take as much unless they are told otherwise


class Topic:
    """As `DeadLetters` says. What it reads is of one moment, that of its first reading.

    Args:
        kafka: which topic, and how to get there.

    Attributes:
        folder: it is none.
    """

    folder = None
    lingers = "the brokers keep their bytes until retention or compaction deletes them"

    def __init__(self, kafka: LettersTopic) -> None:
        self.name = f"topic {kafka.topic} at {kafka.bootstrap}"
        self._kafka, self._writer = kafka, Writer(kafka)
        self._spans: dict[int, Span] | None = None
        self._out: dict[tuple[int, bytes], int] | None = None  # offset from which on a letter is taken out, by partition and digest
        self._where: dict[bytes, int] = {}  # partition of each letter that was read

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """As in `DeadLetters`. Of a letter that is too large for the topic all is kept but its bytes: it must not hold up the others.

        Only what is larger than any message that Segment takes is cut; a topic that takes less is a fault that holds.
        """
        sizes = {record.key: len(record.value or b"") for record in self._writer.write(map(_record, letters))}
        cut = [_cut(letter, size) for letter in letters if (size := sizes.get(_key(letter)))]
        if any(size <= BATCH for size in sizes.values()) or self._writer.write(map(_record, cut)):
            raise OSError(f"{self._kafka.topic}: does not take messages of {BATCH:,} bytes: raise its max.message.bytes")
        if cut:
            remedy = f"raise max.message.bytes of topic {self._kafka.topic}"
            structlog.get_logger().warning("dead_letters.cut", letters=len(cut), first=cut[0].id, remedy=remedy)

    def read(self, scope: Scope, unreadable: Unreadable) -> Iterator[DeadLetter]:
        """As in `DeadLetters`."""
        seen = set[bytes]()
        for message, letter in self._letters(scope.connector, unreadable):
            digest = letter.digest
            if scope.holds(letter) and digest not in seen:
                seen.add(digest)
                self._where[digest] = message.partition
                yield letter

    def take_out(self, scope: Scope, *, wanted: Callable[[DeadLetter], bool], unreadable: Unreadable, really: bool) -> Iterator[Taken]:
        """As in `DeadLetters`, partition by partition, by messages that take letters out; a message that cannot be read stays."""
        gone, stay = defaultdict[int, set[bytes]](set), defaultdict[int, set[bytes]](set)
        for message, letter in self._letters(scope.connector, unreadable):
            taken = scope.holds(letter) and wanted(letter)
            (gone if taken else stay)[message.partition].add(letter.digest)
        for partition, digests in sorted(gone.items()):
            if really:
                self._writer.write(Record(digest.hex().encode(), None, partition=partition) for digest in sorted(digests))
            yield Taken(f"{self._kafka.topic}/{partition}", frozenset(digests), len(stay[partition]))

    def marks(self, connector: str | None, unreadable: Unreadable) -> Iterator[Mark]:
        """As in `DeadLetters`; on the way it is learnt what was taken out."""
        out: dict[tuple[int, bytes], int] = {}
        for message in self._messages():
            if message.value is None:
                out[message.partition, message.key] = message.offset
            elif message.key.startswith(SENT):
                for line in message.value.splitlines():
                    try:
                        mark = Mark.load(line)
                    except ValueError as error:
                        unreadable(self._place(message), str(error))
                        continue
                    if connector is None or mark.connector == connector:
                        yield mark
        self._out = out

    def mark(self, marks: Sequence[Mark], at: float) -> None:
        """As in `DeadLetters`."""
        lines = defaultdict[int, list[bytes]](list)
        for mark in marks:
            lines[self._where[mark.letter]].append(mark.dump(at))
        records = []
        for partition, each in lines.items():
            value = b"".join(each)
            headers = (("connector", marks[0].connector.encode()),)
            records.append(Record(SENT + xxh3_128_hexdigest(value).encode(), value, headers, partition))
        if self._writer.write(records):
            raise OSError(f"{self._kafka.topic}: does not take the marks of one request to Segment: raise its max.message.bytes")

    def fold(self, connector: str, at: float) -> None:
        """As in `DeadLetters`: nothing is quicker to read than it is."""

    def concerns(self) -> Iterator[Concern]:
        """As in `DeadLetters`."""
        try:
            topic_log.spans(self._kafka)
            found = topic_log.condition(self._kafka)
        except OSError as error:
            yield "fault", str(error)
            return
        if found.operations is not None and AclOperation.WRITE not in found.operations:
            yield "fault", f"{self.name}: we may not write it: grant WRITE on the topic"
        if found.operations is not None and AclOperation.READ not in found.operations:
            yield "warning", f"{self.name}: no command may read what is written there: grant READ on the topic to who needs them"
        room, kept = int(found.settings.get("max.message.bytes", ROOMY)), float(found.settings.get("retention.ms", -1)) / 1000
        deleted = "delete" in found.settings.get("cleanup.policy", "delete")
        if room < BATCH:
            yield "fault", f"{self.name}: does not take messages of {BATCH:,} bytes: raise its max.message.bytes"
        elif room < ROOMY:
            yield "warning", f"{self.name}: letters of more than {room:,} bytes are kept without their bytes: raise its max.message.bytes"
        if deleted and 0 <= kept < SHORT:
            yield "warning", f"{self.name}: letters are deleted after {kept / 3600:g} h, sent again or not: raise its retention.ms"

    def _letters(self, connector: str | None, unreadable: Unreadable) -> Iterator[tuple[Message, DeadLetter]]:
        """Every letter that was not taken out, as often as it was written."""
        if self._out is None:
            for _ in self.marks(None, lambda *_: None):  # who needs them reads them for themselves, and is told
                pass
        out = self._out or {}
        for message in self._messages():
            if message.value is None or message.key.startswith(SENT):
                continue
            if connector is not None and message.headers.get("connector") not in {None, connector.encode()}:
                continue  # it need not be read to know
            try:
                letter = load(message.value)
            except ValueError as error:
                unreadable(self._place(message), str(error))
                continue
            if out.get((message.partition, _key(letter)), -1) < message.offset:
                yield message, letter

    def _messages(self) -> Iterator[Message]:
        if self._spans is None:
            self._spans = topic_log.spans(self._kafka)
        return topic_log.messages(self._kafka, self._spans)

    def _place(self, message: Message) -> str:
        return f"{self._kafka.topic}/{message.partition}@{message.offset}"


def _record(letter: DeadLetter) -> Record:
    headers = (("connector", letter.connector.encode()), ("outcome", letter.outcome.value.encode()))
    return Record(_key(letter), dump(letter).rstrip(), headers)


def _key(letter: DeadLetter) -> bytes:
    return letter.digest.hex().encode()


def _cut(letter: DeadLetter, size: int) -> DeadLetter:
    """All of a letter but what makes it large."""
    detail = f"{letter.detail}; its {size:,} bytes are more than the topic takes, and are not kept".removeprefix("; ")
    return replace(letter, detail=detail, message=None, raw=b"", schema="")
