"""The sink slots as Bytewax partitions: an adapter and nothing else."""

from collections.abc import Callable, Sequence

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from currents_segment.flows.items import AtSink
from currents_segment.flows.loud import loud
from currents_segment.flows.slots import NAMES
from currents_segment.sinks.segment.slot import SinkSlot, State


class SlotPartition(StatefulSinkPartition[AtSink, State]):
    """One sink slot."""

    def __init__(self, slot: SinkSlot) -> None:
        self._slot = slot

    @loud
    def write_batch(self, values: list[AtSink]) -> None:
        """Never waits."""
        self._slot.accept(values)

    @loud
    def snapshot(self) -> State:
        """In every epoch: a partition that is not written in one is not asked."""
        return self._slot.snapshot()


class SegmentSink(FixedPartitionedSink[AtSink, State]):
    """Lists the slots of this process only, so that a source slot and its sink slot meet.

    Args:
        slots: numbers of the slots that this process owns.
        build: makes a slot from its number and the state that was committed.
    """

    def __init__(self, slots: Sequence[int], build: Callable[[int, State | None], SinkSlot]) -> None:
        self._slots, self._build = slots, build

    def list_parts(self) -> list[str]:
        """Of this process only."""
        return [NAMES[slot] for slot in self._slots]

    def part_fn(self, item_key: str) -> int:
        """A slot's name is its index among all slots."""
        return int(item_key)

    @loud
    def build_part(self, step_id: str, for_part: str, resume_state: State | None) -> SlotPartition:  # noqa: ARG002 - Bytewax' signature
        """Once for each slot, before its first item."""
        return SlotPartition(self._build(int(for_part), resume_state))
