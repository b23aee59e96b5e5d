"""What the benchmarks found, as one JSON file: each adds its part, whichever is run alone."""

import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from deploy.broker.jars import versions
from tests.bench.contenders import Contender
from tests.bench.data import NOT_SELECTED, TYPES, Data
from tests.bench.race import Lap

Results = dict[str, Any]
FORM: Final = 3  # counted up when older figures can't stand beside newer ones


def machine() -> dict[str, Any]:
    """On which it was measured."""
    model = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "cores": os.cpu_count(),
        "processor": model[1] if model else platform.machine(),
        "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "kafka": versions()["kafka"],
    }


def made(data: Data) -> dict[str, Any]:
    """What was measured with."""
    numbers = data.schema_numbers()
    unselected = [number for number, name in enumerate(TYPES, 1) if name in NOT_SELECTED]
    return {
        "events": data.events,
        "types": len(TYPES),
        "size": data.size,
        "files": sum(1 for _ in data.bucket().rglob("*.avro")),
        "due": int(data.due.sum()),
        "not_selected": int(sum((numbers == number).sum() for number in unselected)),
        "copies": data.copies(),
    }


def row(contender: Contender, laps: Sequence[Lap], **more: Any) -> dict[str, Any]:
    """A contender with its laps; each figure is the median of them."""
    start = median(lap.start for lap in laps)  # of all rounds: a start that had to compile says nothing about the events behind it
    after = [(lap.cpu - start) / lap.events * 1e6 for lap in laps]
    middle = {
        "after_start": median(after),
        "start": start,
        "whole": median(lap.cpu / lap.events * 1e6 for lap in laps),
        "rate": median(lap.rate for lap in laps),
        "memory": max(lap.memory for lap in laps),
        "equal": None if laps[0].equal is None else all(lap.equal for lap in laps),
        "events": laps[0].events,
        "requests": max(lap.requests for lap in laps),
        "traffic": max(lap.traffic for lap in laps),
    }
    spread = [min(after), max(after)]
    shape = {name: getattr(contender, name) for name in ("name", "group", "source", "processes", "connectors")}
    return {**shape, **middle, "spread": spread, "rounds": len(laps), **more}


def keep(file: Path, **parts: Any) -> Results:
    """Add parts to the file; gives all that it has."""
    whole: Results = json.loads(file.read_text()) if file.exists() else {}
    whole |= json.loads(json.dumps(parts, default=_plain))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(whole, indent=1) + "\n")
    return whole


def begun(file: Path, **about: Any) -> Results:
    """What the file has, if it is about the same data and machine; else it begins anew."""
    if file.exists() and any(json.loads(file.read_text()).get(name) != value for name, value in about.items()):
        file.unlink()
    return keep(file, **about)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"no JSON form of {type(value).__name__}")
