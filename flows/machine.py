"""What this machine offers a run: a folder to keep state in, its disk, a free port. It looks and changes nothing."""

import os
import shutil
import socket
from pathlib import Path
from typing import Final

SHARED: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.s3fs", "fuse.gcsfuse", "fuse.sshfs"})
"""File systems on which SQLite's locks do not hold."""
MOUNTS: Final = Path("/proc/self/mounts")


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def unwritable(folder: Path) -> str | None:
    """Why files cannot be kept in the folder (which need not be there yet), or None."""
    base = next(path for path in (folder, *folder.parents) if path.exists())
    if not base.is_dir():
        return f"{base} is not a folder"
    if not os.access(base, os.W_OK | os.X_OK):
        return f"{base} cannot be written by user {os.geteuid()}"
    return None


def free(folder: Path) -> int:
    """Bytes free where the folder is, or will be."""
    return shutil.disk_usage(existing(folder)).free


def shared_by_network(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of file system where the folder is, if it is one of the network; None where it is local, or the system does not tell."""
    if not mounts.exists():
        return None
    path = existing(folder).resolve()
    around: tuple[int, str] = (0, "")
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, point, kind, *_ = line.split()
        point = point.replace(r"\040", " ")  # as mount tables write a space
        if path.is_relative_to(point):
            around = max(around, (len(point), kind))
    return around[1] if around[1] in SHARED else None


def taken(host: str, port: int) -> str | None:
    """Why nothing can listen there, or None."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as fault:
        return fault.strerror or str(fault)
    return None
