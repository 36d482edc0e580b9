"""Remote mounts in a mountinfo."""

from pathlib import Path

from collectors.mounts import is_remote, remote_mount_points, remote_mounts_of
from collectors.procfs import Procfs

MOUNTINFO = rb"""
600 500 0:52 / / rw,relatime - overlay overlay rw,lowerdir=/a,upperdir=/b
601 600 0:53 / /dev/shm rw,nosuid - tmpfs shm rw,size=65536k
602 600 0:60 / /var/www/html rw,relatime shared:7 master:1 - nfs4 127.0.0.1:/ rw,vers=4.1
603 600 0:61 / /mnt/a\040b\012c rw - fuse.s3fs s3fs rw,user_id=0
604 600 0:62 / /mnt/fs rw - virtiofs tag rw
605 600 8:1 /x\040-\040y /etc/hosts rw - ext4 /dev/vda rw
606 600 0:63 / /host rw - 9p host rw
cut
"""


def test_remote_types_are_found_and_their_paths_unescaped() -> None:
    assert remote_mount_points(MOUNTINFO) == (b"/var/www/html", b"/mnt/a b\nc", b"/host")


def test_a_container_without_remote_mounts_has_none() -> None:
    assert remote_mount_points(b"600 500 0:52 / / rw - overlay overlay rw\n") == ()


def test_the_mounts_of_a_process_that_is_gone_are_not_known(tmp_path: Path) -> None:
    for who in ("self", "12"):
        (tmp_path / who).mkdir()
        (tmp_path / who / "mountinfo").write_bytes(MOUNTINFO)
    procfs = Procfs(str(tmp_path))
    assert remote_mounts_of(procfs, "13") is None
    assert remote_mounts_of(procfs, "12") == remote_mounts_of(procfs, "self") == remote_mount_points(MOUNTINFO)


def test_a_mount_is_known_by_its_number() -> None:
    found = {number: is_remote(MOUNTINFO, number) for number in (600, 602, 603, 604, 606)}
    assert found == {600: False, 602: True, 603: True, 604: False, 606: True}
    assert is_remote(MOUNTINFO, 60) is None
    assert is_remote(b"600 500 0:52 / / rw", 600) is None
