"""Contenders run in turn over the same logs, several rounds: what each used, and whether what arrived is what had to."""

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import orjson
from isal import isal_zlib
from tests.bench import checksum, job, used
from tests.bench.checksum import Sum
from tests.bench.contenders import Contender
from tests.bench.logs import Logs
from tests.bench.receiver import Endpoint, Request, requests
from tests.bench.used import Used

SLOWEST: Final = 1000  # events/s: whoever is slower hangs, however busy the machine is
PATIENCE: Final = 120.0  # s beyond that
_ID: Final = re.compile(rb'"messageId": ?"([0-9a-f-]{36})')
NOTHING: Final = Used(0.0, 0, 0.0)
GZIP: Final = 31  # wbits: gzip's head and checksum


@dataclass(frozen=True, slots=True)
class Lap:
    """One run of a contender.

    Attributes:
        cpu: s, all its processes, start and end included.
        start: s of CPU, of a run with nothing to do.
        events: that it read, once for each connector.
        seconds: from the first request to the last.
        memory: bytes at the peak, all its processes.
        equal: what arrived is what had to; None where nothing does.
        traffic: bytes sent.
        requests: that took them.
    """

    cpu: float
    start: float
    events: int
    seconds: float
    memory: int
    equal: bool | None
    traffic: int
    requests: int

    @property
    def after_start(self) -> float:
        """CPU-seconds of a million events."""
        return (self.cpu - self.start) / self.events * 1e6

    @property
    def rate(self) -> float:
        """Events a second; what came with the first request counts, so of some thousand events it says little."""
        return self.events / self.seconds if self.seconds else 0.0


def lap(logs: Logs, contender: Contender, waves: int, spool: Path, *, started: bool = True) -> Lap:
    """One run, and one with nothing to do, unless the start is not asked for."""
    start = _run(logs, contender, 0, spool) if started else NOTHING
    whole = _run(logs, contender, waves, spool)
    came = arrived(requests(spool))
    return Lap(
        whole.cpu,
        start.cpu,
        logs.data.first(waves) * contender.connectors,
        came.seconds or whole.seconds - start.seconds,
        whole.memory,
        came.equal(logs.data.truth(waves), contender.connectors) if contender.sends else None,
        came.traffic,
        len(came.taken),
    )


def _run(logs: Logs, contender: Contender, waves: int, spool: Path) -> Used:
    endpoint = Endpoint(spool)
    try:
        assert contender.prepare is not None
        command = contender.prepare(logs, logs.home / "job", endpoint.url, waves)
        within = PATIENCE + logs.data.first(waves) * contender.connectors / SLOWEST
        return used.run(command, logs.home / "contender.log", env=job.KEY, within=within)
    finally:
        endpoint.close()


@dataclass(frozen=True, slots=True)
class Arrived:
    """What was taken.

    Attributes:
        sums: of its messages, by sender.
        taken: each request: when its last byte was here, s since the epoch, and how many messages it had.
        traffic: bytes, as they came.
    """

    sums: Mapping[str, Sum]
    taken: Sequence[tuple[float, int]]
    traffic: int

    @property
    def seconds(self) -> float:
        """From the first request to the last."""
        return max(at for at, _ in self.taken) - min(at for at, _ in self.taken) if self.taken else 0.0

    def equal(self, due: Sum, connectors: int) -> bool:
        """It is what had to come, from each of so many senders."""
        return len(self.sums) == connectors and all(each == due for each in self.sums.values())


def arrived(came: Iterable[Request]) -> Arrived:
    """What was taken of these requests."""
    sums: dict[str, Sum] = defaultdict(Sum)
    taken, traffic = [], 0
    for request in came:
        if request.status == 200:
            found = total(request.body)
            taken.append((request.came, found.events))
            traffic += request.size
            sums[request.sender] += found
    return Arrived(dict(sums), taken, traffic)


def message_ids(body: bytes) -> list[bytes]:
    """Braze's id of each message of a request, whoever sent it: ours and the others' messageIds begin with it."""
    return _ID.findall(body)


def total(body: bytes) -> Sum:
    """What the messages of one request come to."""
    ids = message_ids(body)
    if not ids:
        return Sum()
    prints = checksum.fingerprints(ids)
    chosen = np.flatnonzero(checksum.sampled(prints))
    messages = 0
    if len(chosen):
        batch = orjson.loads(body)["batch"]
        messages = sum(checksum.message(batch[number]) for number in chosen.tolist()) % 2**64
    return Sum(len(ids), int(prints.sum(dtype=np.uint64)), messages)


def gzip_alone(spool: Path, events: int) -> Lap:
    """The floor of compression: the bodies that were sent, compressed again and nothing else."""
    spent, traffic = 0.0, 0
    for request in requests(spool):
        begin = time.thread_time()
        traffic += len(isal_zlib.compress(request.body, 1, GZIP))
        spent += time.thread_time() - begin
    return Lap(spent, 0.0, events, spent, 0, None, traffic, 0)
