import os
import socket

import pytest

from currents_segment.flows import machine


def test_the_nearest_folder_that_is_there(tmp_path):
    """A folder that a start would make is judged by the one that it would be made in."""
    assert tmp_path == machine.existing(tmp_path / "a" / "b")
    assert tmp_path == machine.existing(tmp_path)


def test_a_folder_that_can_be_written(tmp_path):
    """Nothing is wrong with a writable folder, or with one that can be made; and looking makes nothing."""
    assert None is machine.unwritable(tmp_path)
    assert None is machine.unwritable(tmp_path / "new" / "deeper")
    assert [] == list(tmp_path.iterdir())


def test_a_file_in_the_way(tmp_path):
    """A file where the folder should be is named."""
    (tmp_path / "state").write_text("")
    assert f"{tmp_path}/state is not a folder" == machine.unwritable(tmp_path / "state")


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    """The folder and the user are named, because one of the two must change."""
    monkeypatch.setattr(os, "access", lambda *_: False)  # root, who may run these tests, may write anywhere
    assert f"{tmp_path} cannot be written by user {os.geteuid()}" == machine.unwritable(tmp_path / "state")


@pytest.mark.parametrize(("expected", "kind"), [("nfs4", "nfs4"), (None, "ext4"), ("fuse.s3fs", "fuse.s3fs"), (None, "fuse.local")])
def test_file_systems_of_the_network(expected, kind, tmp_path):
    """The innermost mount around the folder decides; spaces are written as octal there."""
    (tmp_path / "my state").mkdir()
    mounts = tmp_path / "mounts"
    mounts.write_text(f"disk / ext4 rw 0 0\nserver:/x {tmp_path!s}/my\\040state {kind} rw 0 0\ndisk {tmp_path} ext4 rw 0 0\n")
    assert expected == machine.shared_by_network(tmp_path / "my state" / "deeper", mounts)


def test_a_system_without_a_mount_table(tmp_path):
    """Where the system does not tell, nothing is claimed."""
    assert None is machine.shared_by_network(tmp_path, tmp_path / "none")


def test_a_port():
    """A port that is listened on is taken; a free one and any one (0) are not."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert "Address already in use" == machine.taken("127.0.0.1", port)
    assert None is machine.taken("127.0.0.1", port)


def test_a_host_that_is_not_ours():
    """An address of another machine cannot be listened on."""
    assert "Cannot assign requested address" == machine.taken("192.0.2.1", 8321)
