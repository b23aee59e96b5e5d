"""What happens between source and sink, as plain functions: decode (select, identify, encode), and the two ways of a chunk."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count, groupby
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from currents_segment.codecs.chunk import Framed, Messages, Origin, Records
from currents_segment.flows.dedup import gathered
from currents_segment.flows.items import AtSink, Chunk, Decoded, FromShard, Raw, Read, Tick, Verdict, emitted
from currents_segment.flows.slots import NAMES


class Decoder(Protocol):
    """Makes messages of records, for one connector."""

    def together(self, objects: Sequence[Sequence[Records | Framed]]) -> Sequence[Messages]:
        """Of the records of each object every one ends as a message, or in the tally."""


Trace = Callable[[str, Origin, float, Messages, float, float], tuple[int, int] | None]
"""Makes a chunk's span: connector, origin, arrival, messages, started, ended (s since the epoch); returns trace id and span id."""


class Decode:
    """Records become messages: what the slots of a process read in one turn becomes one load. Ticks pass, ahead of it.

    Args:
        decoders: by connector.
        trace: None when traces are off.
    """

    def __init__(self, decoders: Mapping[str, Decoder], trace: Trace | None) -> None:
        self._decoders, self._trace = decoders, trace
        self._numbers = count()

    def __call__(self, items: Iterable[Read]) -> Iterator[Decoded]:
        """Bytewax hands over together what its sources gave in one turn."""
        raws: list[Raw] = []
        for item in items:
            if isinstance(item, Tick):
                yield item
            else:
                raws.append(item)
        if raws:
            yield gathered(next(self._numbers), tuple(chain.from_iterable(map(self._chunks, raws))))

    def _chunks(self, raw: Raw) -> Iterator[Chunk]:
        """One for each object: what is said of its events, and of their letters, is the object's own."""
        decoder, trace = self._decoders[raw.connector], self._trace
        objects = [tuple(records) for _, records in groupby(raw.records, key=lambda records: records.origin.object)]
        started = time.time() if trace else 0.0
        for records, messages in zip(objects, decoder.together(objects), strict=True):
            first = records[0]
            kept = replace(messages, ids=anew(messages.ids, raw.rewinds)) if raw.rewinds else messages
            span = trace(raw.connector, first.origin, first.arrival, kept, started, time.time()) if trace else None
            arrival = max(each.arrival for each in records)
            yield Chunk(raw.slot, raw.connector, emitted(records), kept, arrival, first.origin, span)


def anew(ids: NDArray[np.uint64], rewinds: int) -> NDArray[np.uint64]:
    """The ids of events of a connector that was set back so often: unknown so far, and still one for each event.

    0 is reserved: the one id that would become it becomes the mask, which no other id does.
    """
    mask = np.uint64(xxh3_64_intdigest(rewinds.to_bytes(8, "little")))
    mixed = ids ^ mask
    mixed[mixed == 0] = mask
    return mixed


def to_sink(items: Iterable[Decoded]) -> Iterator[tuple[str, AtSink]]:
    """Loads and ticks go straight to a sink slot of the same process."""
    for item in items:
        yield NAMES[item.slot], item


def verdicts(items: Iterable[tuple[str, FromShard]]) -> Iterator[tuple[str, AtSink]]:
    """A shard's verdicts go back to the sink slot that has the load."""
    for _, item in items:
        if isinstance(item, Verdict):
            yield NAMES[item.slot], item
