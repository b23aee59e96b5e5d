"""A limit of CPU for a command and all that it starts, as Kubernetes sets it for a container: a control group of Linux with so much time a period."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

PERIOD: Final = 100_000  # µs, as of Kubernetes: who has used up its time stands still for the rest of it
SELF: Final = Path("/proc/self")
_FIRST: Final = 'echo $$ > "$0" && exec "$@"'


class UnlimitedError(Exception):
    """No limit can be set here; says why."""


@contextmanager
def limited(cores: float, *, proc: Path = SELF) -> Iterator[list[str]]:
    """Words to be put before a command while the block runs; then it must have ended.

    Args:
        cores: how much CPU, in cores.
        proc: where the system says which control groups there are.

    Raises:
        UnlimitedError: none can be made, mostly for want of rights.
    """
    group = _made(cores, proc)
    try:
        yield ["sh", "-c", _FIRST, str(group / "cgroup.procs")]
    finally:
        group.rmdir()


def _made(cores: float, proc: Path) -> Path:
    quota, why = round(cores * PERIOD), "no control groups for CPU are mounted"
    for parent, settings in parents(proc, quota):
        try:
            group = Path(mkdtemp(dir=parent, prefix="bench-"))
        except OSError as error:
            why = f"no control group can be made in {parent}: {error.strerror}"
            continue
        try:
            for name, value in settings.items():
                (group / name).write_text(value)
        except OSError as error:
            group.rmdir()
            why = f"{parent} takes no limit: {error.strerror}"
        else:
            return group
    raise UnlimitedError(why)


def parents(proc: Path, quota: int) -> Iterator[tuple[Path, dict[str, str]]]:
    """Where a group may be made, the nearest to this process first, and what makes it one with this quota, in µs a period."""
    own = {}
    for line in (proc / "cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        own.update(dict.fromkeys(controllers.split(","), path))
    for line in (proc / "mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        mount = Path(place)
        if kind == "cgroup" and "cpu" in options.split(","):
            for folder in _upwards(mount, own.get("cpu", "/")):
                yield folder, {"cpu.cfs_period_us": str(PERIOD), "cpu.cfs_quota_us": str(quota)}
        if kind == "cgroup2":
            for folder in _upwards(mount, own.get("", "/")):
                if "cpu" in (folder / "cgroup.subtree_control").read_text().split():  # else its groups have no limits
                    yield folder, {"cpu.max": f"{quota} {PERIOD}"}


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    """The group and those above it; in a container the path may be one of the host, and only the mount itself is there."""
    for group in (inner := Path(path.lstrip("/"))), *inner.parents:
        if (mount / group).is_dir():
            yield mount / group
