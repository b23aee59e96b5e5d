"""Messages as arrays, made of plain values."""

from collections.abc import Mapping

import numpy as np

from currents_segment.codecs.frames import Headers
from currents_segment.flows.kafka.run import UNSAID, Run


def run(*messages: tuple[int, bytes | None], times: list[float] | None = None, headers: Mapping[int, Headers] | None = None) -> Run:
    """Messages of one partition, each with offset and value; when the broker wrote each, s since the epoch, if it says so; headers by offset."""
    sizes = [len(value or b"") for _, value in messages]
    ends = np.cumsum([0, *sizes])[1:]
    begins = ends - sizes + [value is None for _, value in messages]
    said = [UNSAID] * len(messages) if times is None else [round(1000 * time) for time in times]
    table = np.array([begins, ends, [offset for offset, _ in messages], said], np.int64).reshape(4, len(messages))
    return Run(b"".join(value or b"" for _, value in messages), table, headers or {})
