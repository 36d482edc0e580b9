"""Reads what there is to know of a program while its process stands still, right after the exec.

Nothing here can hang: the image is new, so its arguments lie in memory that nobody else has mapped, and the links are
read without a look at the files. The app waits meanwhile, so the cheapest way is taken: /proc/PID/stat says where
arguments and environment lie, and one process_vm_readv(2) fetches both (3 µs, where the two files take 30).
"""

import ctypes
import os

from collectors import environ
from collectors.procfs import ARGS_LIMIT, Procfs
from collectors.tracer.wire import DENIED, GONE, VERSION, ExecFields
from sensor.model.errors import AccessDenied, ProcessGone

STAT_BYTES = 4096
_NOTHING = environ.packed(environ.Environ())
_ARG_START, _ENV_END = 45, 48
"""Fields 48 to 51 of /proc/PID/stat, counted after the name (proc_pid_stat(5))."""


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


_Vectors = _Vector * 2
_read = ctypes.CDLL(None, use_errno=True).process_vm_readv
_read.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong)
_read.restype = ctypes.c_ssize_t


class ExecReader:
    """Reads into buffers that are made once."""

    def __init__(self, procfs: Procfs) -> None:
        self._procfs = procfs
        self._buffers = tuple(ctypes.create_string_buffer(size + 1) for size in (ARGS_LIMIT, environ.LIMIT))
        self._views = tuple(memoryview(buffer).cast("B") for buffer in self._buffers)
        self._here, self._there = _Vectors(), _Vectors()
        for vector, buffer in zip(self._here, self._buffers, strict=True):
            vector.base = ctypes.addressof(buffer)
        self._here_at, self._there_at = ctypes.addressof(self._here), ctypes.addressof(self._there)

    def stat(self, pid: int) -> bytes:
        """/proc/PID/stat as it is. Raises ProcessGone."""
        return self._procfs.record(f"{pid}/stat", STAT_BYTES)

    def read(self, pid: int) -> ExecFields:
        """All of it. Raises ProcessGone if not even the stat is there: the process was killed."""
        stat = self.stat(pid)
        found = self._memory(pid, stat)
        args, variables = found if found is not None else (self._file(pid, "cmdline"), self._file(pid, "environ"))
        return ExecFields(
            stat,
            args,
            self._link(pid, "exe"),
            self._link(pid, "cwd"),
            self._ids(pid),
            variables if isinstance(variables, int) else _picked(variables),
            self._version(pid),
        )

    def _memory(self, pid: int, stat: bytes) -> tuple[bytes, bytes] | None:
        """Arguments and environment; None where the kernel does not hand them over whole this way."""
        places = [int(field) for field in stat[stat.rfind(b")") + 2 :].split()[_ARG_START : _ENV_END + 1]]
        if len(places) != 4 or not places[0]:
            return None
        args, args_end, variables, variables_end = places
        args_size = min(args_end - args, ARGS_LIMIT + 1)
        variables_size = min(variables_end - variables, environ.LIMIT + 1)
        self._place(0, args, args_size)
        self._place(1, variables, variables_size)
        if _read(pid, self._here_at, 2, self._there_at, 2, 0) != args_size + variables_size:
            return None
        return self._views[0][:args_size].tobytes(), self._views[1][:variables_size].tobytes()

    def _place(self, number: int, start: int, size: int) -> None:
        there = self._there[number]
        there.base, there.length = start, size
        self._here[number].length = size

    def _file(self, pid: int, name: str) -> bytes | int:
        limit = ARGS_LIMIT if name == "cmdline" else environ.LIMIT
        try:
            return self._procfs.read(f"{pid}/{name}", limit + 1)
        except AccessDenied:
            return DENIED
        except ProcessGone:
            return GONE

    def _link(self, pid: int, name: str) -> bytes | int:
        try:
            return self._procfs.link(f"{pid}/{name}")
        except AccessDenied:
            return DENIED
        except ProcessGone:
            return GONE

    def _version(self, pid: int) -> bytes | int:
        """The file may be gone with its process before the sensor can look; this says whether it is known already."""
        try:
            found = os.stat(f"{self._procfs.root}/{pid}/exe")
        except OSError:
            return GONE
        return VERSION.pack(found.st_dev, found.st_ino, found.st_mode, found.st_ctime_ns, found.st_size)

    def _ids(self, pid: int) -> bytes | int:
        """The owner of /proc/PID itself is the effective user, dumpable or not (fs/proc/base.c, task_dump_owner)."""
        try:
            found = os.stat(f"{self._procfs.root}/{pid}")
        except OSError:
            return GONE
        return b"%d %d" % (found.st_uid, found.st_gid)


def _picked(variables: bytes) -> bytes:
    """What the sensor wants of an environment; nothing else of it leaves the tracer. Mostly it is nothing."""
    if b"LD_" not in variables and len(variables) <= environ.LIMIT:
        return _NOTHING
    found = environ.picked(variables)
    found.pop("PATH", None)
    return environ.packed(found)
