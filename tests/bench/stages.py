"""Stages of the pipeline: to which a sample of a profile belongs, told from the frames of its stack. Values in, values out."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

START, RECOVERY, READ, DECODE, DEDUP, PACK, HTTP, SHELL, WATCH, BYTEWAX, OTHER = STAGES = (
    "start",
    "recovery: snapshots",
    "read",
    "decode, select, identify, encode",
    "dedup",
    "pack and gzip",
    "HTTP",
    "shell: source, gate, lanes, ledger",
    "metrics and status",
    "Bytewax itself, its store included",
    "other",
)
_ANYWHERE: Final = (  # whatever calls it or is called by it
    (RECOVERY, re.compile(r"^(\w+\.)?snapshot \(.*(flows|sinks)/")),
    (START, re.compile(r"^(_find_and_load|_call_with_frames_removed|<module>) \(.*(importlib|numba|flows|codecs|sinks)")),
)
_NEAREST: Final = (  # the innermost frame that is one of these
    (PACK, re.compile(r"^(compress|gzip|gzipped|pack|document|drop|take) \(")),
    (READ, re.compile(r"\(.*(flows/(kafka|bucket)/|confluent_kafka|obstore|codecs/(container|stream|compression|frames|blocks))")),
    (DECODE, re.compile(r"\(.*(codecs/|fastavro|orjson|flows/steps)")),
    (DEDUP, re.compile(r"\(.*flows/(dedup|known|known_files|kernels)\.py")),
    (HTTP, re.compile(r"\(.*(sinks/segment/(client|connection|keys|pool|reply|resolver)|asyncio|httptools)")),
    (WATCH, re.compile(r"\(.*flows/(board|status|ledger|telemetry|logs)")),
    (SHELL, re.compile(r"\(.*(flows/(source|gate|items|pace|segment|slots|holdings)|sinks/)")),
    (BYTEWAX, re.compile(r"^(cli_main|Process\._flow) \(|bytewax")),  # what runs there without a frame of its own is in Rust
)
_WAITS: Final = re.compile(r"^(\w+Selector\.select|Condition\.wait|Event\.wait|Thread\._wait_for_tstate_lock) \(")
"""A thread that has just been woken or falls asleep is taken for a busy one there."""
_RDKAFKA: Final = "rdk:"  # how librdkafka names its threads


@dataclass(frozen=True, slots=True)
class Stack:
    """Samples with the same frames.

    Attributes:
        thread: its id; of the system.
        name: of the thread.
        frames: `function (file:line)`, the outermost first.
        count: samples.
    """

    thread: int
    name: str
    frames: tuple[str, ...]
    count: int


def parsed(raw: str) -> list[Stack]:
    """A profile in py-spy's raw form, `thread (id): name;frame;frame count` a line, without the threads that wait."""
    stacks = []
    for line in raw.splitlines():
        whole, _, count = line.rpartition(" ")
        first, *frames = whole.split(";")
        found = re.fullmatch(r"thread \((\w+)\)(?:: (.*))?", first)
        if found is None:
            raise ValueError(f"not a thread of py-spy's raw form: {first}")
        if frames and not _WAITS.search(frames[-1]):
            stacks.append(Stack(int(found[1], 0), found[2] or "", tuple(frames), int(count)))
    return stacks


def stage(frames: Sequence[str]) -> str:
    """The stage of a stack."""
    for name, pattern in _ANYWHERE:
        if any(pattern.search(frame) for frame in frames):
            return name
    for frame in reversed(frames):
        for name, pattern in _NEAREST:
            if pattern.search(frame):
                return name
    return OTHER


def shares(stacks: Iterable[Stack], spent: Mapping[int, tuple[str, float]]) -> dict[str, float]:
    """CPU-seconds by stage.

    Args:
        stacks: of the profile.
        spent: by thread, its name and its CPU-seconds by the system's account. A thread's time falls to the stages as its samples do; threads without
            Python are told by their names.
    """
    by_thread: dict[int, Counter[str]] = {}
    for stack in stacks:
        by_thread.setdefault(stack.thread, Counter())[stage(stack.frames)] += stack.count
    total: Counter[str] = Counter()
    for thread, (name, cpu) in spent.items():
        seen = by_thread.get(thread, Counter({READ if name.startswith(_RDKAFKA) else OTHER: 1}))
        for each, count in seen.items():
            total[each] += cpu * count / seen.total()  # type: ignore[assignment]
    return {name: total[name] for name in STAGES if total[name]}
