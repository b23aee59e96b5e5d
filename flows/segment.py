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

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from currents_segment.flows import dedup, steps
from currents_segment.flows.known import Known, Window
from currents_segment.flows.source import SlotSource
from currents_segment.sinks.segment.sink import SegmentSink


@dataclass(frozen=True, slots=True)
class Parts:
    """What the flow is made of.

    Attributes:
        source: reads chunks of raw records.
        decoders: by connector.
        window: of deduplication.
        clock: seconds since the epoch.
        watch: is shown the known ids of each shard of this process.
        trace: makes a span of each chunk; None when traces are off.
        sink: delivers.
    """

    source: SlotSource
    decoders: Mapping[str, steps.Decoder]
    window: Window
    clock: Callable[[], float]
    watch: Callable[[Known], None]
    trace: steps.Trace | None
    sink: SegmentSink


def build(parts: Parts) -> Dataflow:
    """Wire the steps."""
    window = parts.window
    flow = Dataflow("currents_segment")

    read = op.input("read", flow, parts.source)
    decoded = op.flat_map_batch("decode", read, partial(steps.decode, decoders=parts.decoders, trace=parts.trace))

    # Exact deduplication: ids to their shard; the rows that keep them give them back to it after a resume.
    ids = op.flat_map_batch("ids", decoded, lambda items: dedup.by_shard(items, window.slot(parts.clock())))
    rows = op.stateful_batch("rows", op.flat_map_batch("to_rows", ids, partial(dedup.to_rows, window=window)), dedup.RowLogic)
    known = op.merge("ids_and_known", ids, op.flat_map_batch("from_rows", rows, dedup.from_rows))
    answers = op.stateful_batch("dedup", known, lambda state: dedup.ShardLogic(state, window, parts.watch))

    bodies = op.flat_map_batch("bodies", decoded, steps.to_sink)
    verdicts = op.flat_map_batch("verdicts", answers, steps.verdicts)
    op.output("deliver", op.merge("chunks_and_verdicts", bodies, verdicts), parts.sink)
    return flow
