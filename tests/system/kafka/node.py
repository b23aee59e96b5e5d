"""One node of a real Apache Kafka (KRaft) on this machine, as a process: formatted, started, killed, started again."""

import ctypes
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.broker.jars import classpath, java
from tests.system.rig import PATIENCE, wait

CLUSTER: Final = "MkU3OEVBNTcwNTJENDM2Qk"
HEAP: Final = 320  # MB
JVM: Final = ("-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Djava.awt.headless=true")


def _die_with_the_tests() -> None:
    """Tests that are killed leave no broker behind: Linux' prctl(PR_SET_PDEATHSIG, SIGKILL)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Node:
    """A broker that is its own controller, alone or as one of several.

    Args:
        home: folder of its own.
        settings: all of them.
        users: of SCRAM-SHA-512, with their passwords.
        java_options: further ones.
        heap: MB of memory for its objects.
    """

    def __init__(
        self,
        home: Path,
        settings: Mapping[str, str],
        *,
        users: Mapping[str, str] | None = None,
        java_options: tuple[str, ...] = (),
        heap: int = HEAP,
    ) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self._settings, self._out = home / "server.properties", home / "server.out"
        self._options = (*JVM, f"-Xmx{heap}m", *java_options)
        self._settings.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        self._process: subprocess.Popen[bytes] | None = None
        self._before = 0
        more = [
            word for name, password in (users or {}).items() for word in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        ]
        done = subprocess.run(
            [*self._java(), "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(self._settings), *more],
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert 0 == done.returncode, f"{done.stdout}{done.stderr}"

    def _java(self) -> list[str]:
        return [java(), *self._options, f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties')}", "-cp", classpath()]

    def launch(self) -> None:
        """Begin to start it."""
        self._before = self._out.stat().st_size if self._out.exists() else 0
        with self._out.open("ab") as out:
            self._process = subprocess.Popen(
                [*self._java(), "kafka.Kafka", str(self._settings)],
                stdout=out,
                stderr=out,
                preexec_fn=_die_with_the_tests,  # noqa: PLW1509 - it calls one C function and takes no lock
            )

    def until_it_serves(self, within: float = PATIENCE) -> None:
        """It was launched; wait for it."""
        process = self._process
        assert process is not None

        def serves() -> bool:
            said = self._out.read_bytes()[self._before :]
            assert process.poll() is None, f"the broker died:\n{said[-4000:].decode(errors='replace')}"
            return b"Kafka Server started" in said

        wait(serves, "the broker", within)

    def start(self) -> None:
        """Until it serves."""
        self.launch()
        self.until_it_serves()

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def send(self, number: int) -> None:
        """A signal to its process."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """In good order: its partitions are handed over first."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(PATIENCE)

    def close(self) -> None:
        """End it, at once: what it holds is thrown away."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
