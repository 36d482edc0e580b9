"""Which sockets and files a process has open, by its descriptors' links."""

import os

from collectors.procfs import Procfs

_PREFIX = b"socket:["


def socket_inode(link: bytes) -> int:
    """The inode in a descriptor's link (`socket:[INODE]`, proc_pid_fd(5)); 0 where it is no socket's."""
    return int(link[len(_PREFIX) : -1]) if link.startswith(_PREFIX) and link.endswith(b"]") else 0


def socket_inodes(procfs: Procfs, pid: int) -> list[int]:
    """The inodes of a process's sockets."""
    return [inode for _, link in procfs.descriptors(pid) if (inode := socket_inode(link))]


def holds(procfs: Procfs, pid: int, device: int, inode: int) -> bool:
    """Whether the process has that file open, by device and inode (stat(2))."""
    for number, link in procfs.descriptors(pid):
        if not link.startswith(b"/"):
            continue
        try:
            found = os.stat(f"{procfs.root}/{pid}/fd/{number}")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if found.st_ino == inode and found.st_dev == device:
            return True
    return False
