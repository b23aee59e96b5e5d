"""Takes one guard out of the pipeline, in the processes that get this folder on their path: what the oracle does then shows whether it sees anything.

Python imports this file by its name at the start of every process. Nothing else beside the tests knows of it, and the product has no switch for it.
"""

import os
from dataclasses import replace

from currents_segment.flows.bucket.log import BucketLog
from currents_segment.flows.dedup import ShardLogic
from currents_segment.flows.gate import Bound, Gate
from currents_segment.flows.items import Verdict
from currents_segment.flows.kafka.lane import Lane
from currents_segment.flows.kafka.settings import CONSUMER
from currents_segment.flows.source import SlotPartition
from currents_segment.sinks.keeper import Keeper
from currents_segment.sinks.segment.driver import Driver
from currents_segment.sinks.segment.slot import SinkSlot


def unacked_events_are_not_in_the_snapshot():
    """What is in flight at a crash is gone: its positions are behind it."""
    snapshot = SinkSlot.snapshot
    SinkSlot.snapshot = lambda self: snapshot(self) | {"lanes": {}}


def dead_letters_are_not_in_the_snapshot():
    """What is decided and not yet written at a crash is gone."""
    snapshot = SinkSlot.snapshot
    SinkSlot.snapshot = lambda self: snapshot(self) | {"dead": ()}


def known_ids_are_not_kept():
    """A run knows none of the ids of the one before."""
    begin = ShardLogic.__init__
    ShardLogic.__init__ = lambda self, state, *more, **named: begin(self, None, *more, **named)


def copies_are_not_dropped():
    """Every id is new."""
    on_batch = ShardLogic.on_batch

    def nothing_dropped(self, values):
        answers, ended = on_batch(self, values)
        return [each._replace(drop=b"") if isinstance(each, Verdict) else each for each in answers], ended

    ShardLogic.on_batch = nothing_dropped


def no_tick_in_every_epoch():
    """Only the first and the last epoch of a run have a tick."""
    snapshot = SlotPartition.snapshot

    def without(self):
        state = snapshot(self)
        self._epoch_begins = False
        return state

    SlotPartition.snapshot = without


def positions_run_ahead():
    """What was read ahead counts as taken."""

    def position(self, unit):
        with self._lock:
            return self._lanes[unit].position

    BucketLog.position = position


def offsets_run_ahead():
    """What lies in a partition of Kafka counts as taken."""
    Lane.pack = lambda self: [self.id, max(self.next, self.latest), self.lost]


def aborted_transactions_are_read():
    """Kafka gives whatever lies in a partition."""
    CONSUMER["isolation.level"] = "read_uncommitted"


def dead_events_leave_before_their_letters_are_written():
    """The state lets go of them when they are handed over for writing."""
    bury = Keeper.bury

    def early(self, dead, done):
        dead = tuple(dead)
        done()
        bury(self, dead, lambda: None)

    Keeper.bury = early


def letters_are_written_before_the_commit():
    """They are handed over when they are decided."""
    bury = SinkSlot.bury

    def at_once(self, dead):
        bury(self, dead)
        self._keeper.bury(tuple(dead), lambda: None)

    SinkSlot.bury = at_once


def a_restart_begins_the_time_to_expiry_anew():
    """A run does not take over since when its connectors fail."""
    restore = Driver.restore
    Driver.restore = lambda self, health, *more: restore(self, replace(health, failing_since=None), *more)


def little_is_let_in():
    """No guard is taken out by it: a connector that fails may hold less than a file or partition of the schedule has."""
    begin = Gate.__init__
    Gate.__init__ = lambda self, bounds: begin(self, bounds._replace(failing=Bound(1_000, 375_000)))


little_is_let_in()
if guard := os.environ["SABOTAGE"]:
    globals()[guard]()
