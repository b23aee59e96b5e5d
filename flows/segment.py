"""The flow: from the log of Currents to Segment.

    log (bucket)
     │  one position per connector and partition
    read ──▶ decode ──▶ select ──▶ identify ──▶ encode ──▶ dedup ──▶ deliver ──▶ Segment
    chunk    writer's   event      anonymous    Segment    exact,    batch, retry,   │
             schema     types      policy       JSON       sharded   back off        ├─▶ dead letters
                                                                                     └─▶ ledger, metrics, traces

Chunks flow, never single events. Bodies go straight from the source slot to the sink slot of the same number, in the same process;
only ids go through the exchange between workers, and only the positions to drop come back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream
from bytewax.operators import KeyedStream

from currents_segment.flows import dedup, steps
from currents_segment.flows.items import Decoded, FromShard
from currents_segment.flows.known import Known, Window
from currents_segment.flows.known_files import Files, KnownSink, KnownSource
from currents_segment.flows.slots import Place
from currents_segment.flows.source import SlotSource
from currents_segment.sinks.segment.sink import SegmentSink

Shard = Callable[[Any], dedup.ShardLogic]
"""Makes a shard of its committed state, None at the first start."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the flow is made of.

    Attributes:
        source: reads chunks of raw records.
        decoders: by connector.
        place: which process this is.
        window: of deduplication.
        files: of known ids.
        clock: seconds since the epoch.
        watch: is shown the known ids of each shard of this process.
        trace: makes a span of each chunk; None when traces are off.
        sink: delivers.
    """

    source: SlotSource
    decoders: Mapping[str, steps.Decoder]
    place: Place
    window: Window
    files: Files
    clock: Callable[[], float]
    watch: Callable[[Known], None]
    trace: steps.Trace | None
    sink: SegmentSink


def build(parts: Parts) -> Dataflow:
    """Wire the steps."""
    flow = Dataflow("currents_segment")

    read = op.input("read", flow, parts.source)
    decoded = op.flat_map_batch("decode", read, steps.Decode(parts.decoders, parts.trace))

    shard = partial(dedup.ShardLogic, window=parts.window, clock=parts.clock, watch=parts.watch)
    answers = deduplicated(flow, decoded, shard, place=parts.place, files=parts.files)

    bodies = op.flat_map_batch("bodies", decoded, steps.to_sink)
    verdicts = op.flat_map_batch("verdicts", answers, steps.verdicts)
    op.output("deliver", op.merge("chunks_and_verdicts", bodies, verdicts), parts.sink)
    return flow


def deduplicated(flow: Dataflow, decoded: Stream[Decoded], shard: Shard, *, place: Place, files: Files) -> KeyedStream[FromShard]:
    """Exact deduplication: ids to their shard. What it learns goes to files, which give it back after a start."""
    ids = op.flat_map_batch("ids", decoded, dedup.by_shard)
    known = op.input("known", flow, KnownSource(place, files))
    answers = op.stateful_batch("dedup", op.merge("ids_and_known", ids, known), shard)
    op.output("keep", op.flat_map_batch("to_files", answers, dedup.to_files), KnownSink(place, files))
    return answers
