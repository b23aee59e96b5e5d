"""What decoding costs: both paths on the same events, in blocks as files have them, and in chunks as Kafka gives them: mixed, or grouped by writer.

python -m tests.bench.transcoder --chunk 4000
"""

import argparse
import io
import random
import sys
import time

import numpy as np

from currents_segment.codecs.catalogue import load
from currents_segment.codecs.chunk import Framed, Origin
from currents_segment.codecs.container import records
from currents_segment.codecs.datums import Datums
from currents_segment.codecs.decoder import Decoder
from currents_segment.codecs.profile import Profile
from currents_segment.codecs.shape import parse
from currents_segment.codecs.transcoder import Transcoder
from currents_segment.flows.simulate import currents_types
from currents_segment.flows.simulate.currents import Export, Simulator, spread
from currents_segment.flows.simulate.currents_mess import TIDY

EVENTS = 20_000
TYPES = 20
TURNS = 15
FRAME = b"\x00\x00\x00\x00\x07"


def blocks():
    """Events of many types as files have them."""
    kinds = tuple(currents_types.load().values())[:: 100 // TYPES]
    export = Export(kinds, seed=1, codec="null", events_per_file=1_000, block=1_000, mess=TIDY)
    for file in Simulator(export).files(spread(EVENTS, 1, 1_767_322_800.0)):
        for piece, _ in records(io.BytesIO(file.data), log="log", key=file.key, hint=file.folder, arrival=5.0):
            yield piece


def messages(pieces, chunk, *, grouped):
    """The same events as Kafka gives them: in chunks, in which they stand in the order of the log; they are named in that order, or writer by writer."""
    writers = tuple(dict.fromkeys((piece.schema, piece.hint) for piece in pieces))
    events = []
    for piece in pieces:
        datums, writer = Datums(piece.data, parse(piece.schema)), writers.index((piece.schema, piece.hint))
        for _ in range(piece.count):
            begin = datums.position
            datums.skip()
            events.append((writer, piece.data[begin : datums.position]))
    random.Random(1).shuffle(events)
    for first in range(0, len(events), chunk):
        some = events[first : first + chunk]
        sizes = np.array([len(datum) for _, datum in some], np.int64)
        ends = np.cumsum(sizes + len(FRAME))
        data = b"".join(FRAME + datum for _, datum in some)
        which = np.array([writer for writer, _ in some], np.uint16)
        order = np.argsort(which, kind="stable") if grouped else np.arange(len(some))
        yield Framed(writers, which[order], data, (ends - sizes)[order], ends[order], order, 5.0, Origin("topic", "0"))


def cost(decoder, pieces, turns):
    """CPU-µs an event: the best of some turns, since whatever else runs only adds."""
    best = float("inf")
    for _ in range(turns):
        began = time.thread_time()
        for piece in pieces:
            decoder.decode(piece)
        best = min(best, time.thread_time() - began)
    return best / EVENTS * 1e6


def main():
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.transcoder")
    parser.add_argument("--chunk", type=int, default=4_000)
    options = parser.parse_args()
    known = load()
    profile = Profile("shop", "ws", frozenset(known.types), anonymous_users=True, names=known.names().of)
    stood = list(blocks())
    shapes = {
        "blocks": stood,
        "mixed": list(messages(stood, options.chunk, grouped=False)),
        "grouped": list(messages(stood, options.chunk, grouped=True)),
    }
    for name, pieces in shapes.items():
        fast, slow = cost(Transcoder(profile, known), pieces, TURNS), cost(Decoder(profile, known), pieces, 1)
        size = sum(len(piece.data) for piece in pieces) / EVENTS
        print(f"{name:<9} {size:4.0f} B an event: {fast:5.2f} µs by the transcoder, {slow:5.1f} µs by the reference path")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
