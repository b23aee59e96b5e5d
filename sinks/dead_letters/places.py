"""Where dead letters lie: a folder or a bucket. Whole objects only: put, list, get, delete. Every fault of a place is an OSError."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

LOCK: Final = ".replay.lock"  # of a folder whose letters are being sent again; names that begin with a dot are none of its objects
FILE_MODE: Final = 0o600  # dead letters hold data of persons
FOLDER_MODE: Final = 0o700
PATIENCE: Final = timedelta(
    seconds=30
)  # of a bucket's own retries (default 180 s): the caller tries again by itself, and says so meanwhile


class Place(Protocol):
    """A flat space of objects; names have slashes."""

    def put(self, name: str, data: bytes) -> None:
        """Durable and whole once this returns, never seen in part; an object of the same name is replaced."""

    def names(self, folder: str) -> Iterator[str]:
        """Names of the objects below a folder (`""`: all), in order; none where there is no such folder."""

    def get(self, name: str) -> bytes:
        """An object's bytes."""

    def delete(self, name: str) -> None:
        """The object is gone for good once this returns; one that was gone already is no fault."""


def at(place: str) -> Place:
    """The place that a path, a `file://` URL or a bucket URL (`s3://`, `gs://`, `az://`) names; nothing is touched or asked yet."""
    return Bucket(place) if (folder := local(place)) is None else Folder(folder)


def local(place: str) -> Path | None:
    """The folder that a path or `file://` URL names; None for a bucket."""
    if "://" not in place:
        return Path(place)
    parts = urlsplit(place)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


class Folder:
    """A local folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, data: bytes) -> None:
        """As in `Place`: written beside, synced, renamed, and the folders synced."""
        path = self._root / name
        _make(path.parent)
        beside = path.with_name(f".{path.name}.part")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)  # on a full disk its bytes are wanted
            raise
        _sync(path.parent)

    def names(self, folder: str) -> Iterator[str]:
        """As in `Place`; what is still being written is not there yet."""
        for path, folders, files in os.walk(self._root / folder, onerror=_unless_missing):
            folders.sort()
            for file in sorted(files):
                if not file.startswith("."):
                    yield (Path(path) / file).relative_to(self._root).as_posix()

    def get(self, name: str) -> bytes:
        """As in `Place`."""
        return (self._root / name).read_bytes()

    def delete(self, name: str) -> None:
        """As in `Place`; its folder stays."""
        path = self._root / name
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            _sync(path.parent)


def _unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _make(folder: Path) -> None:
    """The folder and those above it, each durable in the one that holds it."""
    if folder.is_dir():
        return
    _make(folder.parent)
    folder.mkdir(FOLDER_MODE, exist_ok=True)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Bucket:
    """An object store; credentials come from the environment, as each cloud's own tools take them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: Any = None

    def put(self, name: str, data: bytes) -> None:
        """As in `Place`: the store itself does so."""
        import obstore  # noqa: PLC0415 - a folder needs none of it

        with self._faults("write", name):
            obstore.put(self._store(), name, data)

    def names(self, folder: str) -> Iterator[str]:
        """As in `Place`."""
        import obstore  # noqa: PLC0415

        with self._faults("list", folder):
            found = sorted(meta["path"] for page in obstore.list(self._store(), folder or None) for meta in page)
        yield from found

    def get(self, name: str) -> bytes:
        """As in `Place`."""
        import obstore  # noqa: PLC0415

        with self._faults("read", name):
            return bytes(obstore.get(self._store(), name).bytes())

    def delete(self, name: str) -> None:
        """As in `Place`."""
        import obstore  # noqa: PLC0415

        with self._faults("delete", name), suppress(FileNotFoundError):
            obstore.delete(self._store(), name)

    def _store(self) -> Any:
        if self._opened is None:
            from obstore.store import from_url  # noqa: PLC0415

            self._opened = from_url(self._url, retry_config={"max_retries": 2, "retry_timeout": PATIENCE})
        return self._opened

    @contextmanager
    def _faults(self, what: str, name: str) -> Iterator[None]:
        """The store's own errors as OSError; a URL's query, which may hold a signature, is cut out."""
        from obstore.exceptions import BaseError  # noqa: PLC0415

        try:
            yield
        except BaseError as error:
            words = re.sub(r"\?[^\s\"']*", "", str(error)).strip().splitlines()
            raise OSError(f"cannot {what} {self._url}/{name}: {words[0] if words else type(error).__name__}") from None
