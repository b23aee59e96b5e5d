"""Our own command for the benchmarks: a configuration with the product's defaults, and how it is started."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.bench.data import SELECTED
from tests.system.rig import CLI, free_port

KEY: Final = {"BENCH_WRITE_KEY": "bench-w3r1te-k3y"}
REQUESTS: Final = (
    1000  # a second: Segment's limit of a whole workspace; with the default of 200 the limit would be measured, not the program
)


def connector(url: str, number: int = 1, **settings: Any) -> dict[str, Any]:
    """Everything that is not named is the default."""
    return {
        "integration_name": "Bench", "contact_email": "data@example.com", "write_key": "env:BENCH_WRITE_KEY", "region": "us", "events": SELECTED,
        "start": "earliest", "endpoint": f"{url}/ours-{number}/v1/batch", "limits": {"requests_per_second": REQUESTS}, **settings,
    }  # fmt: skip


def configure(home: Path, source: Mapping[str, Any], url: str, connectors: int = 1, processes: int = 1, **settings: Any) -> Path:
    """A configuration whose connectors all read the same source; with a fresh state."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    whole = {
        "state": "./state",
        "dead_letters": "./dead-letters",
        "http": {"port": free_port(processes)},
        **settings,
        "workspaces": {
            "acme": {
                "sources": {"currents": source},
                "connectors": {f"bench-{number}": connector(url, number) for number in range(1, connectors + 1)},
            }
        },
    }
    config = home / "segment.yaml"
    config.write_text(json.dumps(whole, indent=1))
    return config


def command(config: Path, processes: int = 1, *, once: bool = True) -> list[object]:
    """The words of `run`."""
    return [*CLI, "run", config, *(["--once"] if once else []), *(["--processes", processes] if processes > 1 else [])]
