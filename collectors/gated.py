"""What only the ptrace read check lets a reader see of a process: read directly, or else by a helper of its uid.

Without SYS_PTRACE, root may read these files of processes of other uids only through a helper (proc(5);
`docs/architecture.md`, "Eyes without SYS_PTRACE").
"""

from collections.abc import Callable, Iterable

from collectors import environ
from collectors.descriptor_map import DescriptorMaps, Look
from collectors.helper_wire import CWD, EXE, EXE_FILE, ROOT
from collectors.helpers import Helpers
from collectors.open_files import openings
from collectors.process_table import Tracked
from collectors.procfs import Procfs
from collectors.socket_links import holds
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.protocols import OpenFile


class GatedReads:
    """Each method raises ProcessGone, or AccessDenied saying why neither we nor a helper may look."""

    def __init__(self, procfs: Procfs, helpers: Helpers) -> None:
        self._procfs = procfs
        self._helpers = helpers
        self._maps = DescriptorMaps()

    def exe(self, process: Tracked) -> bytes:
        """The path of the executable, as its container sees it."""
        return self._link(process, "exe", EXE)

    def cwd(self, process: Tracked) -> bytes:
        """The working directory, as its container sees it."""
        return self._link(process, "cwd", CWD)

    def root(self, process: Tracked) -> int:
        """An O_PATH descriptor of its root directory; the caller closes it."""
        return self._descriptor(process, self._procfs.open_root, ROOT)

    def exe_file(self, process: Tracked) -> int:
        """An O_PATH descriptor of its executable, deleted or in memory too; the caller closes it."""
        return self._descriptor(process, self._procfs.open_exe, EXE_FILE)

    def environment(self, process: Tracked) -> environ.Environ:
        """What of `environ.NAMES` it was started with."""
        try:
            return environ.read(self._procfs, process.pid)
        except AccessDenied:
            return self._helpers.environ(_identity(process), process.pid, process.start_ticks)

    def search_path(self, processes: Iterable[Tracked]) -> list[bytes]:
        """The directories of the PATH of the first whose environment can be read; empty if none can."""
        for process in processes:
            try:
                path = self.environment(process).get("PATH", b"")
            except (ProcessGone, AccessDenied):
                continue
            return [directory for directory in path.split(b":") if directory.startswith(b"/")]
        return []

    def secrets(self, process: Tracked) -> environ.Secrets:
        """The names of the variables with secrets that it was started with."""
        try:
            return environ.read_secrets(self._procfs, process.pid)
        except AccessDenied:
            return self._helpers.secrets(_identity(process), process.pid, process.start_ticks)

    def sockets(self, process: Tracked, wanted: int, most: int) -> Look:
        """A look for a socket's inode among its descriptors, reading at most `most` links."""
        try:
            return self._maps.look(self._procfs, (process.pid, process.start_ticks), wanted, most)
        except AccessDenied:
            if process.uid is None:  # so new that nothing was read of it yet
                found = self._procfs.credentials(process.pid)
                process.uid, process.gid = found.uid, found.gid
            return self._helpers.sockets(_identity(process), process.pid, process.start_ticks, wanted, most)

    def holds(self, process: Tracked, device: int, inode: int) -> bool:
        """Whether it has the file open."""
        try:
            return holds(self._procfs, process.pid, device, inode)
        except AccessDenied:
            return self._helpers.holds(_identity(process), process.pid, process.start_ticks, device, inode)

    def openings(self, process: Tracked, device: int, inode: int) -> list[OpenFile]:
        """By which descriptors it has the file open."""
        try:
            return openings(self._procfs, process.pid, device, inode)
        except AccessDenied:
            return self._helpers.openings(_identity(process), process.pid, process.start_ticks, device, inode)

    def _descriptor(self, process: Tracked, open_it: Callable[[int], int], question: bytes) -> int:
        try:
            return open_it(process.pid)
        except AccessDenied:
            return self._helpers.descriptor(_identity(process), question, process.pid, process.start_ticks)

    def _link(self, process: Tracked, name: str, question: bytes) -> bytes:
        try:
            return self._procfs.link(f"{process.pid}/{name}")
        except AccessDenied:
            return self._helpers.link(_identity(process), question, process.pid, process.start_ticks)


def _identity(process: Tracked) -> tuple[int, int]:
    if process.uid is None or process.gid is None or process.uid == 0:
        raise AccessDenied(f"PID {process.pid}: denied, and no helper can stand in for uid {process.uid}")
    return process.uid, process.gid
