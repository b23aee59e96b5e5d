"""Places that can be filled up: small file systems in memory, where this machine lets us mount them."""

import errno
import subprocess
from pathlib import Path
from typing import Final

BALLAST: Final = "ballast"
PIECE: Final = bytes(1 << 20)


class Place:
    """A folder on a file system of its own, which can be made full; a plain folder where nothing can be mounted.

    Attributes:
        path: the folder.
        why_not: why it cannot be made full; empty where it can.
    """

    def __init__(self, path: Path, megabytes: int) -> None:
        self.path = path
        path.mkdir(parents=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "currents-torture", str(path)], capture_output=True, text=True, check=False
        )
        self.why_not = done.stderr.strip() or ("" if done.returncode == 0 else f"mount ended with {done.returncode}")

    def fill(self) -> None:
        """Not a byte is left; OSError when the disk is a real one."""
        if self.why_not:
            raise OSError(f"{self.path} cannot be filled up: {self.why_not}")
        with (self.path / BALLAST).open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(PIECE)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self) -> None:
        """There is room again."""
        (self.path / BALLAST).unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount."""
        if not self.why_not:
            subprocess.run(["umount", "--lazy", str(self.path)], capture_output=True, check=False)
