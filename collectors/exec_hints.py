"""Which program files are being opened right now: the earliest sign that something is about to run.

inotify tells of every open in the directories that hold programs, and of the loader's cache (/etc/ld.so.cache), which
nearly every dynamically linked program opens as its first act. An open alone proves no exec: a backup opens every
program there is. What it is good for is to look at the newest processes at once.
"""

import errno
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from collectors import rootfs
from collectors.inotify_stream import IGNORED, IS_DIRECTORY, OPEN, OVERFLOW, InotifyStream
from collectors.procfs import text
from sensor.model.counters import Counters
from sensor.model.errors import SensorError

LOADER_CACHE = b"/etc/ld.so.cache"
USUAL_PATH = (b"/usr/local/sbin", b"/usr/local/bin", b"/usr/sbin", b"/usr/bin", b"/sbin", b"/bin")
"""Where programs are looked up when a container has no PATH of its own."""
MOST_DIRECTORIES = 64
"""Directories watched in one container."""
MOST_WATCHES = 1024


class Opened(NamedTuple):
    """A file that was opened: a program (or what lies beside programs), or the loader's cache."""

    container: str
    path: str
    by_loader: bool


class _Watch(NamedTuple):
    """`path` as it was asked for; `place` without links, as /proc shows where a program lies."""

    container: str
    path: bytes
    place: bytes
    is_directory: bool


class ExecHints:
    """Watches of all containers in one inotify instance, apart from the file collector's.

    `root_of` is TaskView.root_of. Raises OSError where no instance can be had.
    """

    def __init__(self, root_of: Callable[[str], int | None], counters: Counters) -> None:
        self._root_of = root_of
        self._counters = counters
        self._stream = InotifyStream()
        self._watches: dict[int, _Watch] = {}
        self._known: dict[str, set[bytes]] = {}
        self._covered: set[str] = set()
        self._short: set[str] = set()

    def fileno(self) -> int:
        """Readable when something was opened."""
        return self._stream.fileno()

    def covers(self, container_id: str) -> bool:
        """Whether programs that start in this container give a hint."""
        return container_id in self._covered and container_id not in self._short

    def enter(self, container_id: str, path: Iterable[bytes]) -> None:
        """Watch a container's directories of programs (`path`, as its PATH has them) and its loader's cache."""
        self._known.setdefault(container_id, set())
        self._short.discard(container_id)
        self._watch(container_id, LOADER_CACHE, is_directory=False)
        for directory in (*path, *USUAL_PATH):
            self._watch(container_id, directory, is_directory=True)

    def ran(self, container_id: str, exe: str) -> None:
        """A program was seen to run from here: others may follow."""
        known = self._known.get(container_id)
        above, slash, _ = exe.rpartition("/")
        directory = (above or slash).encode()
        if known is not None and directory and directory not in known:
            self._watch(container_id, directory, is_directory=True)

    def leave(self, container_id: str) -> None:
        """The container has ended: nothing of it stays busy."""
        self._known.pop(container_id, None)
        self._covered.discard(container_id)
        self._short.discard(container_id)
        for wd in [wd for wd, watch in self._watches.items() if watch.container == container_id]:
            del self._watches[wd]
            self._stream.remove(wd)

    def read(self) -> list[Opened]:
        """What was opened since the last read; what did not fit the kernel's queue is counted as `hints.overflow`."""
        found = []
        for notice in self._stream.read():
            if notice.mask & OVERFLOW:
                self._counters.add("hints.overflow")
            watch = self._watches.get(notice.wd)
            if watch is None or notice.mask & IS_DIRECTORY:
                continue
            if notice.mask & IGNORED:
                self._gone(notice.wd, watch)
            elif notice.mask & OPEN and (notice.name or not watch.is_directory):
                path = watch.place + b"/" + notice.name if watch.is_directory else watch.place
                found.append(Opened(watch.container, text(path), not watch.is_directory))
        self._counters.add("hints", len(found))
        return found

    def close(self) -> None:
        """Release the instance and all watches."""
        self._stream.close()
        self._watches.clear()
        self._known.clear()
        self._covered.clear()

    def _gone(self, wd: int, watch: _Watch) -> None:
        """What was watched was replaced or unmounted; a new loader's cache is watched in its place."""
        del self._watches[wd]
        known = self._known.get(watch.container)
        if known is not None:
            known.discard(watch.path)
            self._watch(watch.container, watch.path, is_directory=watch.is_directory)

    def _watch(self, container_id: str, path: bytes, *, is_directory: bool) -> None:
        known = self._known[container_id]
        if path in known or len(known) >= MOST_DIRECTORIES or not path.startswith(b"/"):
            return
        known.add(path)
        if len(self._watches) >= MOST_WATCHES:
            self._counters.add("hints.unwatched")
            return
        root = self._root_of(container_id)
        if root is None:
            known.discard(path)  # the root may be had later
            return
        try:
            open_it = rootfs.open_directory if is_directory else rootfs.open_handle
            with rootfs.held(open_it(root, path)) as handle:
                watch = _Watch(container_id, path, _place(root, handle, path), is_directory)
                self._watches.setdefault(self._stream.add(handle, OPEN, is_directory=is_directory), watch)
                self._covered.add(container_id)
        except (OSError, SensorError) as error:  # not there, or not local: this place gives no hints for now,
            known.discard(path)  # and takes the room of none that does
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                self._short.add(container_id)  # it is there, and no watch is left (fs.inotify.max_user_watches)


def _place(root: int, handle: int, path: bytes) -> bytes:
    """Where it lies below the root, as the kernel tells it: `/bin` may lead to `/usr/bin`, and the programs there are
    known by that. `path` where it cannot tell. The root itself is empty, since a slash is put before each name."""
    above, place = (os.readlink(os.fsencode(rootfs.path_of_watch(fd))).rstrip(b"/") for fd in (root, handle))
    return place.removeprefix(above) if (place + b"/").startswith(above + b"/") else path.rstrip(b"/")
