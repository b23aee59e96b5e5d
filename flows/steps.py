"""What happens between source and sink, as plain functions: decode (select, identify, encode), and the two ways of a chunk."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from currents_segment.codecs.chunk import Framed, Messages, Origin, Records, joined
from currents_segment.flows.dedup import shards_of
from currents_segment.flows.items import AtSink, Chunk, Decoded, FromShard, Read, Tick, Verdict, emitted
from currents_segment.flows.slots import NAMES


class Decoder(Protocol):
    """Makes messages of records, for one connector."""

    def decode(self, records: Records | Framed) -> Messages:
        """Every record ends as a message, or in the tally."""


Trace = Callable[[str, Origin, float, Messages, float, float], tuple[int, int] | None]
"""Makes a chunk's span: connector, origin, arrival, messages, started, ended (s since the epoch); returns trace id and span id."""


def decode(items: Iterable[Read], decoders: Mapping[str, Decoder], trace: Trace | None) -> Iterator[Decoded]:
    """Records become messages; ticks pass."""
    for item in items:
        if isinstance(item, Tick):
            yield item
            continue
        first = item.records[0]
        started = time.time() if trace else 0.0
        messages = joined([decoders[item.connector].decode(records) for records in item.records])
        if item.rewinds:
            messages = replace(messages, ids=anew(messages.ids, item.rewinds))
        span = trace(item.connector, first.origin, first.arrival, messages, started, time.time()) if trace else None
        chunk = Chunk(item.slot, item.connector, item.seq, emitted(item.records), messages, first.arrival, first.origin, 0, span)
        yield chunk._replace(shards=shards_of(chunk))


def anew(ids: NDArray[np.uint64], rewinds: int) -> NDArray[np.uint64]:
    """The ids of events of a connector that was set back so often: unknown so far, and still one for each event.

    0 is reserved: the one id that would become it becomes the mask, which no other id does.
    """
    mask = np.uint64(xxh3_64_intdigest(rewinds.to_bytes(8, "little")))
    mixed = ids ^ mask
    mixed[mixed == 0] = mask
    return mixed


def to_sink(items: Iterable[Decoded]) -> Iterator[tuple[str, AtSink]]:
    """Chunks and ticks go straight to the sink slot of their source slot: the same process."""
    for item in items:
        yield NAMES[item.slot], item


def verdicts(items: Iterable[tuple[str, FromShard]]) -> Iterator[tuple[str, AtSink]]:
    """A shard's verdicts go back to the sink slot that has the chunk."""
    for _, item in items:
        if isinstance(item, Verdict):
            yield NAMES[item.slot], item
