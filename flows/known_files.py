"""The files in which known ids outlive the process: for each shard and time slot an array of ids, written by position.

How much of a file counts, and its checksum, is part of the shard's committed state (`known.Past`). What a crashed epoch wrote behind that is
ignored, and is overwritten by what the next run puts there. So a snapshot costs the new ids, once, and nothing is kept in memory for it; and
nobody waits for the disk: what a power cut takes from a file shows by the checksum.
"""

import mmap
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from currents_segment.flows.dedup import Keyed, ToFiles
from currents_segment.flows.items import Complete, Learned, Row
from currents_segment.flows.loud import loud
from currents_segment.flows.slots import NAMES, Place

ALL: Final = "all"  # the only partition; it is process 0's, which has the volume


class Files:
    """The folder, made when the first id is written. Each file is uint64 after uint64, without a header.

    Args:
        folder: where the files lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writing: dict[str, tuple[int, int]] = {}  # by shard: time slot and descriptor

    def file(self, shard: str, time_slot: int) -> Path:
        """Where the ids of a shard's time slot are."""
        return self._folder / f"{shard}-{time_slot:08d}.ids"

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Everything that lies there, mapped and not yet read."""
        for path in sorted(self._folder.glob("*.ids")):
            shard, _, time_slot = path.stem.partition("-")
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size // 8 * 8
                ids = np.frombuffer(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b"", np.uint64)
            yield shard, Row(int(time_slot), ids)

    def keep(self, shard: str, learned: Learned) -> None:
        """Write ids where they belong."""
        time_slot, descriptor = self._writing.get(shard, (None, -1))
        if time_slot != learned.time_slot:
            if descriptor >= 0:
                os.close(descriptor)
            self._folder.mkdir(exist_ok=True)
            descriptor = os.open(self.file(shard, learned.time_slot), os.O_WRONLY | os.O_CREAT, 0o600)
            self._writing[shard] = learned.time_slot, descriptor
        at, ids = learned.at * 8, memoryview(learned.ids)
        while ids:
            written = os.pwrite(descriptor, ids, at)
            at, ids = at + written, ids[written:]

    def forget(self, shard: str, time_slot: int) -> None:
        """Remove a time slot's ids."""
        self.file(shard, time_slot).unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing is written any more."""
        for _, descriptor in self._writing.values():
            os.close(descriptor)
        self._writing.clear()


class Back(StatefulSourcePartition[Keyed, None]):
    """Gives everything back at once, in the first epoch: it cannot end before the shards have it."""

    def __init__(self, files: Files) -> None:
        self._files: Files | None = files

    @loud
    def next_batch(self) -> list[Keyed]:
        """Once."""
        if self._files is None:
            raise StopIteration
        files, self._files = self._files, None
        rows: list[Keyed] = list(files.rows())
        counts = Counter(shard for shard, _ in rows)
        return rows + [(shard, Complete(counts[shard])) for shard in NAMES]

    def snapshot(self) -> None:
        """What counts is in the shards' state."""


class KnownSource(FixedPartitionedSource[Keyed, None]):
    """What earlier runs knew, on its way to the shards."""

    def __init__(self, place: Place, files: Files) -> None:
        self._parts = [ALL] if place.process == 0 else []
        self._files = files

    def list_parts(self) -> list[str]:
        """Of process 0 only."""
        return self._parts

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> Back:  # noqa: ARG002 - Bytewax' signature
        """Once."""
        return Back(self._files)


class Kept(StatefulSinkPartition[ToFiles, None]):
    """Writes at once; removes what was forgotten when that is committed, since an epoch that is done again needs it again."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._forgotten: list[tuple[str, int]] = []
        self._committed: list[tuple[str, int]] = []

    @loud
    def write_batch(self, values: list[ToFiles]) -> None:
        """That it is called again after a snapshot means that the epoch was committed."""
        for shard, time_slot in self._committed:
            self._files.forget(shard, time_slot)
        self._committed.clear()
        for shard, item in values:
            if isinstance(item, Learned):
                self._files.keep(shard, item)
            else:
                self._forgotten.append((shard, item.time_slot))

    @loud
    def snapshot(self) -> None:
        """What was forgotten by now may go once this is committed."""
        self._committed += self._forgotten
        self._forgotten.clear()

    def close(self) -> None:
        """At the end of the flow."""
        self._files.close()


class KnownSink(FixedPartitionedSink[ToFiles, None]):
    """Keeps what the shards learn."""

    def __init__(self, place: Place, files: Files) -> None:
        self._parts = [ALL] if place.process == 0 else []
        self._files = files

    def list_parts(self) -> list[str]:
        """Of process 0 only."""
        return self._parts

    def part_fn(self, item_key: str) -> int:  # noqa: ARG002 - Bytewax' signature
        """There is one."""
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> Kept:  # noqa: ARG002 - Bytewax' signature
        """Once."""
        return Kept(self._files)
