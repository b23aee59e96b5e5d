"""A connector, its sender and its sink slots around a real double of Segment on a local port; Bytewax alone is left out."""

import threading
import time
from contextlib import contextmanager

import numpy as np

from currents_segment.codecs.chunk import Letter, Messages, Origin
from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.clock import Clock
from currents_segment.flows.config import Connector
from currents_segment.flows.dedup import gathered
from currents_segment.flows.gate import Bounds, Gate
from currents_segment.flows.items import Chunk, Tick, Verdict
from currents_segment.flows.simulate.segment import Double
from currents_segment.sinks.dead_letters import Scope, opened
from currents_segment.sinks.keeper import Keeper
from currents_segment.sinks.segment.loads import Loads
from currents_segment.sinks.segment.sender import Sender
from currents_segment.sinks.segment.slot import SinkSlot

SLOT = 3
ORIGIN = Origin("log", "object", 2, 5)
PATIENCE = 20.0  # s: far more than anything here takes


def until(condition, patience=PATIENCE):
    """Wait for a condition; AssertionError when it does not come true."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        threading.Event().wait(0.005)


def chunk(*names, connector="shop", arrival=0.0, letters=(), received=None, tally=None, slot=SLOT):
    """A chunk of small messages; the letters are no_identity."""
    bodies = [
        b'{"type":"track","event":"Tried","messageId":"%s","userId":"u","timestamp":"2026-01-01T00:00:00.000Z"},' % name.encode()
        for name in names
    ]
    dead = tuple(Letter(Outcome.NO_IDENTITY, letter, 1, b"{}", False, "", "neither id", ORIGIN, arrival) for letter in letters)
    counts = dict(tally or {}) | ({Outcome.NO_IDENTITY: len(dead)} if dead else {})
    messages = Messages(
        b"".join(bodies),
        np.cumsum([len(body) for body in bodies], dtype=np.int64),
        np.arange(1, len(names) + 1, dtype=np.uint64),
        len(names) + sum(counts.values()) if received is None else received,
        counts,
        dead,
    )
    return Chunk(slot, connector, max(1, messages.received), messages, arrival, ORIGIN, None)


def verdict(*places, number=0):
    """What shard 0 says, which all ids of these chunks belong to."""
    return Verdict(SLOT, number, 0, np.array(places, np.uint32).tobytes())


class World:
    """Everything of one process but Bytewax.

    Attributes:
        now: the time, seconds since the epoch; it runs, and tests move it.
        stepped: by how many seconds the wall clock was set wrong.
    """

    def __init__(self, double, url, folder, state=None, *, offset=0.0, **settings):
        self.double, self.folder = double, folder
        self.offset, self.stepped = offset, 0.0
        self.stopping = False
        self.gate = Gate(Bounds())
        key = folder / "key"
        if not key.exists():
            key.write_text("write-key-of-shop")
        self.connector = Connector(
            write_key=f"file:{key}", region="us", events=["*"], start="earliest", endpoint=f"{url}/v1/batch", **settings
        )
        self.connector._name, self.connector._workspace = "shop", "workspace"
        self.clock = Clock(lambda: self.now, lambda: self.now + self.stepped)
        self.sender = Sender({"shop": self.connector}, gate=self.gate, clock=self.clock, watch=self, stopping=lambda: self.stopping)
        self.keeper = Keeper(opened(str(folder / "dead-letters")), {"shop": "workspace"})
        self.requests, self.batches = [], []
        self.tick, self.loads = 0, 0
        self.slot = SinkSlot(SLOT, state, gate=self.gate, sender=self.sender, keeper=self.keeper, loads=Loads())

    @property
    def now(self):
        return time.time() + self.offset

    @now.setter
    def now(self, now):
        self.offset = now - time.time()

    def request(self, connector, result, seconds, events):
        self.requests.append((connector, result, events))

    def batch(self, connector, batch, result, ended):
        self.batches.append((connector, batch.events, result))

    @property
    def driver(self):
        return self.sender.drivers["shop"]

    @property
    def counts(self):
        account = self.slot.accounts.get("shop")
        return {outcome.value: count for outcome, count in account.outcomes.items() if count} if account else {}

    def epoch(self, *items):
        """One epoch: a tick, the items, the snapshot; what it returns is committed when the next one begins."""
        self.tick += 1
        self.accept(Tick(SLOT, self.tick), *items)
        return self.slot.snapshot()

    def settle(self):
        """Epochs until nothing is held: what is decided in one is committed by its snapshot, and written in the next."""
        until(lambda: self.epoch() and self.gate.idle(SLOT))

    def accept(self, *items):
        """As the dataflow brings them. A chunk stands for a load of its own with the verdicts that nothing in it is a duplicate."""
        self.slot.accept([one for item in items for one in (self._judged(item) if isinstance(item, Chunk) else [item])])

    def load(self, *chunks):
        """The next load of the process, without its verdicts."""
        for one in chunks:
            self.gate.emitted(one.slot, one.connector, one.emitted)
        self.loads += 1
        return gathered(self.loads - 1, chunks)

    def _judged(self, chunk):
        load = self.load(chunk)
        return [load, *(Verdict(part.slot, part.number, part.shard, b"") for part in load.parts)]

    def delivered(self):
        """messageIds that Segment would keep, in order."""
        return [kept["message"]["messageId"] for kept in self.double.view("shop")]

    def letters(self):
        """Dead letters on disk."""
        unreadable = []
        letters = list(opened(str(self.folder / "dead-letters")).read(Scope(), lambda *what: unreadable.append(what)))
        assert [] == unreadable
        return letters

    def close(self):
        self.sender.close(5)
        self.keeper.close(5)


@contextmanager
def world(folder, state=None, *, threads=True, **settings):
    """A running world, whose clock is `offset` seconds ahead of the machine's from its start on."""
    limits = {"batch_age": "20ms", "timeout": "2s"} | settings.pop("limits", {})
    double = Double({"shop": "write-key-of-shop"})
    with double.serving() as url:
        one = World(double, url, folder, state, limits=limits, **settings)
        if threads:
            one.sender.start()
            one.keeper.start()
        try:
            yield one
        finally:
            one.close()
