"""Compiles every loop with the types that a run uses, so that an image holds the machine code and a start need not wait for it."""
# ruff: noqa: INP001  # a script of the image, no part of the package

import sys

import numpy as np
from numba.core.dispatcher import Dispatcher

from currents_segment.codecs import frame_kernel
from currents_segment.codecs import kernel as _transcoder  # noqa: F401  # is compiled when it is imported, as it says its types itself
from currents_segment.codecs.frames import Framer
from currents_segment.flows import kernels
from currents_segment.flows.kafka import fetch_kernel
from currents_segment.flows.known import SHARDS, Known, Window

ids = np.arange(1, 1000, dtype=np.uint64)
kernels.by_shard(ids, np.empty(len(ids), np.uint32), np.empty_like(ids), np.empty(SHARDS + 1, np.int64))
Known(Window(length=60.0, max_ids=len(ids) * SHARDS)).add(np.frombuffer(ids.tobytes(), np.uint64), 1.0)  # read-only, as they arrive

frame_kernel.Frames(Framer()).tell(bytes(6), np.array([0]), np.array([6]))
fetch_kernel.gather(np.empty(0, np.uintp), np.empty(0, np.uintp))
fetch_kernel.free(np.empty(0, np.uintp))
fetch_kernel.lengths(np.empty(0, np.uintp), np.empty(0, np.uintp))

modules = (kernels, frame_kernel, fetch_kernel)
loops = {
    f"{module.__name__}.{name}": loop
    for module in modules
    for name, loop in vars(module).items()
    if isinstance(loop, Dispatcher) and not name.startswith("_")  # those are called by the others alone
}
if missed := [name for name, loop in loops.items() if not loop.signatures]:
    sys.exit(f"deploy/compile.py does not compile {', '.join(missed)}; call it there with the types that a run uses")
