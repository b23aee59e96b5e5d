"""Folders and buckets as places for whole objects."""

import os
import resource
import stat
from pathlib import Path

import pytest

from currents_segment.sinks.dead_letters.places import Bucket, Folder, at


@pytest.fixture(params=["folder", "bucket"])
def place(request, tmp_path):
    """Both kinds; the bucket is the object store library on a folder: the same calls as for s3://."""
    root = tmp_path / "root"
    root.mkdir()
    return Folder(root) if request.param == "folder" else Bucket(root.as_uri())


def test_put_and_get(place):
    """What was put is got, and putting again replaces it."""
    place.put("a/b/c.gz", b"1")
    place.put("a/b/c.gz", b"22")
    assert b"22" == place.get("a/b/c.gz")
    assert ["a/b/c.gz"] == list(place.names(""))


def test_names(place):
    """Names are listed in order, all of them or below a folder, none where there is nothing."""
    for name in ("b/2/x", "a/1/y", "a/1/x", "ab/z"):
        place.put(name, b"")
    assert ["a/1/x", "a/1/y", "ab/z", "b/2/x"] == list(place.names(""))
    assert ["a/1/x", "a/1/y"] == list(place.names("a/"))
    assert [] == list(place.names("c/"))


def test_delete(place):
    """What was deleted is gone, and its neighbours are not; deleting what is gone is no fault."""
    place.put("a/x", b"1")
    place.put("a/y", b"2")
    place.delete("a/x")
    place.delete("a/x")
    place.delete("nowhere/x")
    assert ["a/y"] == list(place.names(""))


def test_missing(place):
    """An object that is not there is an OSError that names it."""
    with pytest.raises(OSError, match=r"gone\.gz"):
        place.get("gone.gz")


def test_bucket_fault(tmp_path):
    """A bucket that cannot be written to is an OSError, for the caller to try again."""
    root = tmp_path / "root"
    root.mkdir()
    bucket = Bucket(root.as_uri())
    (root / "a").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="cannot write"):
        bucket.put("a/b", b"1")


@pytest.mark.parametrize(
    ("kind", "place"), [(Folder, "/a/b"), (Folder, "file:///a/b"), (Bucket, "s3://bucket/a"), (Bucket, "az://container/a")]
)
def test_opened(kind, place):
    """Paths and file URLs are folders, other URLs buckets."""
    assert kind is type(at(place))


def test_private(tmp_path):
    """Dead letters hold data of persons: only their owner reads them."""
    Folder(tmp_path / "root").put("a/b", b"1")
    assert 0o600 == stat.S_IMODE((tmp_path / "root/a/b").stat().st_mode)
    assert 0o700 == stat.S_IMODE((tmp_path / "root/a").stat().st_mode)


def test_durable(tmp_path, monkeypatch):
    """An object is synced before it has its name, its folder after; new folders are synced in those that hold them."""
    steps, sync, replace = [], os.fsync, Path.replace

    def fsync(descriptor):
        steps.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(tmp_path).as_posix()))
        sync(descriptor)

    def rename(source, target):
        steps.append(("name", target.relative_to(tmp_path).as_posix()))
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", rename)
    Folder(tmp_path).put("a/b/c", b"1")
    assert [("sync", "."), ("sync", "a"), ("sync", "a/b/.c.part"), ("name", "a/b/c"), ("sync", "a/b")] == steps


def test_no_room(tmp_path):
    """Where there is no room the old object stays whole, nothing is left behind, and a later call does it."""
    folder = Folder(tmp_path)
    folder.put("a", b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            folder.put("a", b"x" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert b"old" == folder.get("a")
    assert ["a"] == [path.name for path in tmp_path.iterdir()]
    folder.put("a", b"x" * 1000)
    assert b"x" * 1000 == folder.get("a")


def test_half_written(tmp_path):
    """What a crash left half written is no object, and the next write of it succeeds."""
    (tmp_path / ".a.part").write_bytes(b"ha")
    folder = Folder(tmp_path)
    assert [] == list(folder.names(""))
    folder.put("a", b"whole")
    assert ["a"] == [path.name for path in tmp_path.iterdir()]
