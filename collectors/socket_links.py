"""Which sockets and files a process has open, by its descriptors' links."""

from collections.abc import Iterator

from collectors.procfs import TOO_LONG, Procfs
from collectors.statx import Cached, cached
from sensor.model.errors import AccessDenied

_PREFIX = b"socket:["


def socket_inode(link: bytes) -> int:
    """The inode in a descriptor's link (`socket:[INODE]`, proc_pid_fd(5)); 0 where it is no socket's."""
    return int(link[len(_PREFIX) : -1]) if link.startswith(_PREFIX) and link.endswith(b"]") else 0


def socket_inodes(procfs: Procfs, pid: int) -> list[int]:
    """The inodes of a process's sockets."""
    return [inode for _, link in procfs.descriptors(pid) if (inode := socket_inode(link))]


def holds(procfs: Procfs, pid: int, device: int, inode: int) -> bool:
    """Whether the process has that file open, by device and inode (stat(2)). Raises ProcessGone, AccessDenied."""
    return any(True for _ in descriptors_of(procfs, pid, device, inode))


def descriptors_of(procfs: Procfs, pid: int, device: int, inode: int) -> Iterator[tuple[int, Cached]]:
    """The numbers of the descriptors by which the process has that file open. Raises ProcessGone, AccessDenied.

    Any of its files may be on a mount whose server hangs, so none is asked for.
    """
    for number, link in procfs.descriptors(pid):
        if not link.startswith(b"/") and link != TOO_LONG:
            continue
        try:
            found = cached(f"{procfs.root}/{pid}/fd/{number}")
        except PermissionError:  # it has made itself unreadable since (PR_SET_DUMPABLE)
            raise AccessDenied(f"/proc/{pid}/fd") from None
        except OSError:
            continue  # closed since, or on a file system that fails
        if (found.inode, found.device) == (inode, device):
            yield number, found
