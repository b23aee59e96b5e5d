"""The double of Segment as a process of its own: scripted and looked at over HTTP, as a user would."""

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from tests.system.rig import CLI, PATIENCE, wait


class Double:
    """The double as a process, and what Segment would keep."""

    def __init__(self, home: Path) -> None:
        ready = home / "port"
        with (home / "double.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*CLI, "simulate", "segment", "--key", "nobody=nobodys-key", "--ready-file", ready], stdout=log, stderr=log
            )
        wait(ready.exists, "the double to listen")
        self.url = f"http://127.0.0.1:{ready.read_text()}"
        self._client = httpx.Client(base_url=f"{self.url}/_double", timeout=PATIENCE)

    def close(self) -> None:
        """End the process."""
        self._client.close()
        self._process.terminate()
        assert 0 == self._process.wait(PATIENCE)

    def reset(self) -> None:
        """Nothing was sent, nothing fails."""
        self._client.post("/reset").raise_for_status()

    def fault(self, **fault: Any) -> str:
        """Put a fault in force; its name."""
        names: list[str] = self._client.post("/faults", json=fault).raise_for_status().json()["added"]
        return names[0]

    def clear(self, **which: str) -> None:
        """End faults: all, or by source or name."""
        self._client.delete("/faults", params=which).raise_for_status()

    def source(self, name: str, **change: Any) -> None:
        """Add a source, or change its key or state."""
        self._client.post("/keys", json={"source": name, **change}).raise_for_status()

    def summary(self, source: str | None = None) -> dict[str, Any]:
        """Counts of one source, or of all."""
        found = self._client.get("/summary").raise_for_status().json()
        nothing = {"requests": {}, "received": 0, "kept": 0, "duplicates": {"answered": 0}, "refused": {}}
        counts: dict[str, Any] = found["total"] if source is None else found["sources"].get(source, nothing)
        return counts

    def kept(self, source: str | None = None) -> int:
        """Messages that Segment would have."""
        kept: int = self.summary(source)["kept"]
        return kept

    def answers(self, source: str | None = None) -> Counter[str]:
        """Requests by what became of them."""
        return Counter(self.summary(source)["requests"])

    def requests(self, source: str | None = None, **more: str) -> list[dict[str, Any]]:
        """The last requests of a source or of all, oldest first; `ids="1"` for the messageIds in each."""
        found: list[dict[str, Any]] = (
            self._client.get("/requests", params={**({"source": source} if source else {}), **more}).raise_for_status().json()
        )
        return found

    def strikes(self) -> dict[str, int]:
        """How often each fault in force has struck, by name."""
        return {fault["name"]: fault["strikes"] for fault in self._client.get("/faults").raise_for_status().json()}

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def send(self, number: int) -> None:
        """A signal to its process."""
        self._process.send_signal(number)

    def view(self, source: str | None = None) -> bytes:
        """What Segment would keep of a source or of all, in order of arrival, JSON lines."""
        return self._client.get("/view", params={"source": source} if source else {}).raise_for_status().content
