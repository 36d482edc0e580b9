"""Reads what there is to know of a program while its process stands still, right after the exec.

Nothing here can hang: the image is new, so its stack lies in memory that nobody else has mapped, the links are read
without a look at the files, and the one look at a file asks no server (`statx`). The app waits meanwhile, so that only
what may be lost is read first, and in the cheapest way: the kernel has just put arguments and environment on the stack
(`initial_stack`), from where one process_vm_readv(2) fetches them, in 4 µs where /proc/PID/stat and the two files take
40. The rest is read and made when the app has gone on; for a tracee that has ended meanwhile /proc keeps its stat until
the tracer has waited for it. The version of its file would be the next program's by then, if it has executed one: it is
kept only where the 16 random bytes that the kernel drew for this one (getauxval(3), AT_RANDOM) still lie there after it
was read. Where its stack lies would not do, since a program can have that be the same for the next one (personality(2),
ADDR_NO_RANDOMIZE).
"""

import ctypes
import errno
import os
import struct
from typing import NamedTuple

from collectors import environ
from collectors.procfs import ARGS_LIMIT, Procfs
from collectors.standard_input import connection_on
from collectors.statx import version
from collectors.tracer import initial_stack, ptrace
from collectors.tracer.initial_stack import RANDOM_BYTES
from collectors.tracer.wire import DENIED, GONE, IMAGE, TOO_LONG, VERSION, ExecFields
from sensor.model.errors import AccessDenied, ProcessGone

STAT_BYTES = 4096
WINDOW = 65_536
"""Bytes above the stack pointer that are read. The stack mostly ends before: then they hold all that was put there."""
_NOTHING = environ.packed(environ.Environ())
_START_STACK, _ARG_START = 25, 45
"""Fields 28 and 48 of /proc/PID/stat, counted after the name (proc_pid_stat(5))."""
_VECTOR = struct.Struct("@PN")

_read = ctypes.PyDLL(None).process_vm_readv
_read.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong)
_read.restype = ctypes.c_ssize_t


class Seen(NamedTuple):
    """What was read of a program while it stood still. What lies at `stack` is in the reader's buffer until its fields
    are made. A stack that is of another kind, or larger, is not; then stat, arguments, environment and the version of
    the file are in `files`."""

    stack: int
    size: int
    files: tuple[bytes, bytes | int, bytes | int, bytes | int] | None
    exe: bytes | int
    cwd: bytes | int
    owner: bytes | int


class ExecReader:
    """Reads into a buffer that is made once."""

    def __init__(self, procfs: Procfs) -> None:
        self._procfs = procfs
        self._root = os.fsencode(procfs.root)
        self._buffer = ctypes.create_string_buffer(WINDOW)
        self._view = memoryview(self._buffer).cast("B")
        self._here, self._there = bytearray(_VECTOR.size), bytearray(_VECTOR.size)
        _VECTOR.pack_into(self._here, 0, ctypes.addressof(self._buffer), WINDOW)
        self._here_at, self._there_at = (
            ctypes.addressof(ctypes.c_char.from_buffer(vector)) for vector in (self._here, self._there)
        )

    def stat(self, pid: int) -> bytes:
        """/proc/PID/stat as it is. Raises ProcessGone."""
        return self._procfs.record(f"{pid}/stat", STAT_BYTES)

    def status(self, pid: int) -> bytes:
        """/proc/PID/status as it is. Raises ProcessGone."""
        return self._procfs.record(f"{pid}/status", STAT_BYTES)

    def look(self, pid: int) -> Seen:
        """What may be lost once it goes on. Raises ProcessGone if it was killed and there is nothing of it."""
        stack = ptrace.stack_pointer(pid) or 0
        size = self._fetch(pid, stack, WINDOW) if stack else 0
        whole = 0 < size < WINDOW
        files = None if whole else self._files(pid)
        place = b"%s/%d" % (self._root, pid)
        return Seen(stack, size, files, _link(place + b"/exe"), _link(place + b"/cwd"), _owner(place))

    def fields(self, pid: int, seen: Seen) -> ExecFields:
        """What the sensor is told of it, once and before the next look. Raises ProcessGone if it was killed."""
        if seen.files is not None:
            stat, args, variables, of_file = seen.files
            image = _image(stat)
        else:
            stat = self.stat(pid)
            args, variables, of_file, image = self._on_stack(pid, seen)
        return ExecFields(
            stat,
            args,
            seen.exe,
            seen.cwd,
            seen.owner,
            variables if isinstance(variables, int) else _picked(variables),
            of_file,
            image,
            connection_on(b"%s/%d/fd/0" % (self._root, pid)),
        )

    def _fetch(self, pid: int, at: int, size: int) -> int:
        _VECTOR.pack_into(self._there, 0, at, size)
        return int(_read(pid, self._here_at, 1, self._there_at, 1, 0))

    def _files(self, pid: int) -> tuple[bytes, bytes | int, bytes | int, bytes | int]:
        variables, args = self._file(pid, "environ"), self._file(pid, "cmdline")
        if not args:  # it was killed, and its memory went; so the environment may have gone before it was read
            args, variables = GONE, variables or GONE
        return self.stat(pid), args, variables, self._version(pid)

    def _on_stack(self, pid: int, seen: Seen) -> tuple[bytes | int, bytes | int, bytes | int, bytes]:
        """Arguments, environment, the version of the file, and where they lie."""
        raw = self._view[: seen.size].tobytes()
        found = initial_stack.parse(raw, seen.stack)
        if found is None:
            return GONE, GONE, GONE, IMAGE.pack(seen.stack, 0)
        at = found.random_at - seen.stack
        drawn = raw[at : at + RANDOM_BYTES]
        of_file = self._version(pid)
        if self._fetch(pid, found.random_at, RANDOM_BYTES) != RANDOM_BYTES or self._view[:RANDOM_BYTES] != drawn:
            of_file = GONE  # it runs another program, or none
        return found.args, found.environ, of_file, IMAGE.pack(seen.stack, found.args_at)

    def _file(self, pid: int, name: str) -> bytes | int:
        limit = ARGS_LIMIT if name == "cmdline" else environ.LIMIT
        try:
            return self._procfs.read(f"{pid}/{name}", limit + 1)
        except AccessDenied:
            return DENIED
        except ProcessGone:
            return GONE

    def _version(self, pid: int) -> bytes | int:
        """The file may be gone with its process before the sensor can look; this says whether it is known already."""
        try:
            return VERSION.pack(*version(b"%s/%d/exe" % (self._root, pid)))
        except OSError:
            return GONE


def _link(path: bytes) -> bytes | int:
    try:
        return os.readlink(path)
    except PermissionError:
        return DENIED
    except OSError as error:
        return TOO_LONG if error.errno == errno.ENAMETOOLONG else GONE


def _owner(path: bytes) -> bytes | int:
    """The owner of /proc/PID itself is the effective user, dumpable or not (fs/proc/base.c, task_dump_owner)."""
    try:
        found = os.stat(path)
    except OSError:
        return GONE
    return b"%d %d" % (found.st_uid, found.st_gid)


def _image(stat: bytes) -> bytes:
    places = stat[stat.rfind(b")") + 2 :].split(None, _ARG_START + 1)
    return IMAGE.pack(int(places[_START_STACK]), int(places[_ARG_START]))


def _picked(variables: bytes) -> bytes:
    """What the sensor wants of an environment; nothing else of it leaves the tracer. Mostly it is nothing."""
    if b"LD_" not in variables and len(variables) <= environ.LIMIT:
        return _NOTHING
    found = environ.picked(variables)
    found.pop("PATH", None)
    return environ.packed(found)
