"""What only the ptrace read check lets a reader see of a process: read directly, or else by a helper of its uid.

Without SYS_PTRACE, root may read these files of processes of other uids only through a helper (proc(5);
`docs/architecture.md`, "Eyes without SYS_PTRACE").
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from collectors import environ
from collectors.descriptor_map import DescriptorMaps, Look
from collectors.helper_wire import EXE_FILE, ROOT
from collectors.helpers import Helpers, Identity
from collectors.open_files import openings
from collectors.process_table import Tracked
from collectors.procfs import Procfs, ProgramLinks
from collectors.socket_links import holds
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.protocols import OpenFile

T = TypeVar("T")


class GatedReads:
    """Each method raises ProcessGone, or AccessDenied saying why neither we nor a helper may look."""

    def __init__(self, procfs: Procfs, helpers: Helpers) -> None:
        self._procfs = procfs
        self._helpers = helpers
        self._maps = DescriptorMaps()

    def links(self, process: Tracked) -> ProgramLinks:
        """As `Procfs.program_links`, as its container sees them."""
        return self._read(process, self._procfs.program_links, self._helpers.links)

    def root(self, process: Tracked) -> int:
        """An O_PATH descriptor of its root directory; the caller closes it."""
        return self._descriptor(process, self._procfs.open_root, ROOT)

    def exe_file(self, process: Tracked) -> int:
        """An O_PATH descriptor of its executable, deleted or in memory too; the caller closes it."""
        return self._descriptor(process, self._procfs.open_exe, EXE_FILE)

    def environment(self, process: Tracked) -> environ.Environ:
        """What of `environ.NAMES` it was started with."""
        return self._read(process, lambda pid: environ.read(self._procfs, pid), self._helpers.environ)

    def search_path(self, processes: Iterable[Tracked]) -> list[bytes]:
        """The directories of the PATH of the first whose environment can be read; empty if none can."""
        for process in processes:
            try:
                path = self.environment(process).get("PATH", b"")
            except (ProcessGone, AccessDenied, OSError):  # no descriptor is left, for example
                continue
            return [directory for directory in path.split(b":") if directory.startswith(b"/")]
        return []

    def secrets(self, process: Tracked) -> environ.Secrets:
        """The names of the variables with secrets that it was started with."""
        return self._read(process, lambda pid: environ.read_secrets(self._procfs, pid), self._helpers.secrets)

    def sockets(self, process: Tracked, wanted: int, most: int) -> Look:
        """A look for a socket's inode among its descriptors, reading at most `most` links."""

        def look(_: int) -> Look:
            found = self._maps.look(self._procfs, process.read_by, wanted, most)
            if not found.links:
                raise ProcessGone(f"PID {process.pid}: no descriptors")  # those of a main thread that has exited
            return found

        def ask(who: Identity, pid: int, start_ticks: int) -> Look:
            return self._helpers.sockets(who, pid, start_ticks, wanted, most)

        return self._read(process, look, ask)

    def holds(self, process: Tracked, device: int, inode: int) -> bool:
        """Whether it has the file open."""

        def ask(who: Identity, pid: int, start_ticks: int) -> bool:
            return self._helpers.holds(who, pid, start_ticks, device, inode)

        return self._read(process, lambda pid: holds(self._procfs, pid, device, inode), ask)

    def openings(self, process: Tracked, device: int, inode: int) -> list[OpenFile]:
        """By which descriptors it has the file open."""

        def ask(who: Identity, pid: int, start_ticks: int) -> list[OpenFile]:
            return self._helpers.openings(who, pid, start_ticks, device, inode)

        return self._read(process, lambda pid: openings(self._procfs, pid, device, inode), ask)

    def _descriptor(self, process: Tracked, open_it: Callable[[int], int], question: bytes) -> int:
        def ask(who: Identity, pid: int, start_ticks: int) -> int:
            return self._helpers.descriptor(who, question, pid, start_ticks)

        return self._read(process, open_it, ask)

    def _read(self, process: Tracked, read: Callable[[int], T], ask: Callable[[Identity, int, int], T]) -> T:
        """By the thread that shows its program; once more by another, where that one has exited since."""
        if process.survivor is not None:
            self._is_read_by_another(process)  # the number of a thread may be another process's in a moment
        try:
            return self._read_once(process, read, ask)
        except (ProcessGone, AccessDenied):  # to others than root the kernel refuses what a zombie no longer has
            if not self._is_read_by_another(process):
                raise
            return self._read_once(process, read, ask)

    def _read_once(self, process: Tracked, read: Callable[[int], T], ask: Callable[[Identity, int, int], T]) -> T:
        if self._helpers.stands_in_for(process.uid, process.gid):
            return self._read_after_asking(process, read, ask)
        try:
            return read(process.read_by[0])
        except AccessDenied:
            return ask(self._identity(process), *process.read_by)

    def _read_after_asking(
        self, process: Tracked, read: Callable[[int], T], ask: Callable[[Identity, int, int], T]
    ) -> T:
        """Where a helper was needed before, it is asked first, since an attempt that is denied costs as much again."""
        try:
            return ask(self._identity(process), *process.read_by)
        except AccessDenied:
            with suppress(AccessDenied):  # its user may be another by now
                return read(process.read_by[0])
            raise

    def _is_read_by_another(self, process: Tracked) -> bool:
        """Whether another thread shows its program by now."""
        try:
            stat = self._procfs.stat(process.pid)
        except ProcessGone:
            return False
        if stat.start_ticks != process.start_ticks or stat.survivor == process.survivor:
            return False
        process.survivor = stat.survivor
        return True

    def _identity(self, process: Tracked) -> Identity:
        if process.uid is None:  # so new that nothing was read of it yet
            found = self._procfs.credentials(process.read_by[0])
            process.uid, process.gid = found.uid, found.gid
        if process.gid is None or process.uid == 0:
            raise AccessDenied(f"PID {process.pid}: denied, and no helper can stand in for uid {process.uid}")
        return process.uid, process.gid
