"""Every read of /proc, with the races and refusals of the kernel turned into two errors, once.

`ProcessGone` is normal: processes end while they are read. `AccessDenied` is what the ptrace read check refuses
(proc(5); kernel fs/proc/base.c). Any other OSError (EMFILE, EIO …) is passed on as it is. Bytes become text here
and nowhere else, always as valid Unicode, so that any name or argument survives every encoder.
"""

import errno
import os
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from typing import NamedTuple

from collectors.standard_input import connection_on
from sensor.model.errors import AccessDenied, ProcessGone

READ_ONLY = os.O_RDONLY | os.O_CLOEXEC
CHUNK = 65_536
ARGS_LIMIT = 32_768
"""Bytes of a command line that are kept; what is longer is flagged as truncated."""

SURVIVORS = 16
"""Threads that are asked whether they live, where the main one does not; those that have exited are gone at once."""

PF_EXITING = 0x4
PF_FORKNOEXEC = 0x40
PF_KTHREAD = 0x200000
"""Bits of field 9 of /proc/PID/stat (include/linux/sched.h); readable for any process, whatever its owner."""


TOO_LONG = b"?"
"""Given in the place of a path of more than PATH_MAX bytes, which the kernel shows to nobody (fs/proc/base.c,
do_proc_readlink). Any process can go to such a directory, or hold it open."""

MOST_LISTED = 16_384
"""Descriptors of a process that are listed, 2 µs each: those with the lowest numbers, of which new ones are given."""
MOST_DESCRIPTORS = 2048
"""The same of those whose links are read, another 9 µs each with a look at what they lead to."""


class Stat(NamedTuple):
    """The fields of /proc/PID/stat that are used here (proc_pid_stat(5)).

    `image` is (startcode, startstack, arg_start): it differs between any two images, being random, and is zeros
    or ones where the kernel does not permit it. `exit_code` is the wait status of a zombie, if permitted.
    `threads` counts a main thread that has exited too. `survivor` is another thread, by its number and start ticks,
    where the main one has exited and that one goes on: then `state` and `image` are its own, and all that the program
    has must be read from it (`Procfs.stat`).
    """

    pid: int
    comm: str
    state: str
    ppid: int
    tty_nr: int
    flags: int
    start_ticks: int
    image: tuple[int, int, int]
    exit_signal: int
    exit_code: int
    threads: int = 1
    survivor: tuple[int, int] | None = None

    @property
    def is_thread(self) -> bool:
        """Whether the number is a thread's, not a process's: only threads have no exit signal (kernel/fork.c)."""
        return self.exit_signal == -1

    @property
    def has_executed(self) -> bool:
        """Whether this process ran a program of its own since it was forked (kernel fs/exec.c clears the bit)."""
        return not self.flags & PF_FORKNOEXEC

    @property
    def is_kernel_thread(self) -> bool:
        """Whether it is a thread of the kernel, which has no program."""
        return bool(self.flags & PF_KTHREAD)

    @property
    def is_zombie(self) -> bool:
        """Whether it has ended and waits for its parent; its program's facts are gone."""
        return self.state in "ZXx"

    @property
    def image_is_known(self) -> bool:
        """Whether the kernel let us see where the image lies."""
        return self.image[1] > 1

    @property
    def has_exited(self) -> bool:
        """Whether it has ended or is about to: its memory goes before its state says so (kernel/exit.c, do_exit)."""
        return self.is_zombie or bool(self.flags & PF_EXITING)

    @property
    def is_in_exec(self) -> bool:
        """Whether the kernel is about to run another program: the memory is new by then, and it does not say yet where
        the code begins (fs/exec.c, exec_mmap; the end of load_elf_binary in fs/binfmt_elf.c). What we may not see of
        the image has ones there (fs/proc/array.c)."""
        return not self.image[0] and not self.has_exited

    @property
    def runs_its_own(self) -> bool:
        """Whether it has begun a program of its own, and is not about to begin another."""
        return self.has_executed and not self.is_in_exec


class Credentials(NamedTuple):
    """Effective ids of a process."""

    uid: int
    gid: int


class ProgramLinks(NamedTuple):
    """The paths of a program's executable and of its working directory, each `TOO_LONG` if it is, and what
    `standard_input.connection_on` says of its standard input."""

    exe: bytes
    cwd: bytes
    stdin: bytes


class Procfs:
    """A /proc file system; `root` is another directory in tests."""

    def __init__(self, root: str = "/proc") -> None:
        self.root = root

    def read(self, name: str, limit: int = 1 << 20) -> bytes:
        """The first `limit` bytes of a file, for example `12/mountinfo` or `sys/kernel/pid_max`."""
        return self._read_by(_read_all, name, limit)

    def record(self, name: str, limit: int) -> bytes:
        """A file that the kernel makes as a whole (`single_open`, fs/seq_file.c), so that one read gives all of it."""
        return self._read_by(os.read, name, limit)

    def memory(self, name: str, limit: int) -> bytes:
        """What the kernel copies from a process's memory, `12/cmdline` or `12/environ`: as much as is asked for, so
        that what is shorter was all (fs/proc/base.c, get_mm_cmdline, environ_read)."""
        return self._read_by(_read_until_short, name, limit)

    def pieces(self, name: str) -> Generator[bytes, None, None]:
        """A file, read by read: the kernel gives about a page of whole lines of a table each time (fs/seq_file.c)."""
        fd = self._open(name, READ_ONLY)
        try:
            while piece := os.read(fd, CHUNK):
                yield piece
        except OSError as error:
            raise _translated(error, name) from None
        finally:
            os.close(fd)

    def link(self, name: str) -> bytes:
        """The target of a link such as `12/exe`, or `TOO_LONG`."""
        try:
            return os.readlink(f"{self.root}/{name}".encode())
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return TOO_LONG
            raise _translated(error, name) from None

    def program_links(self, pid: int) -> ProgramLinks:
        """Where it has just gone, all but its executable is empty."""
        exe = self.link(f"{pid}/exe")
        try:
            cwd = self.link(f"{pid}/cwd")
        except ProcessGone:
            cwd = b""
        return ProgramLinks(exe, cwd, connection_on(f"{self.root}/{pid}/fd/0".encode()))

    def names(self, name: str) -> list[str]:
        """The names in a directory such as `12/fd`."""
        try:
            return os.listdir(f"{self.root}/{name}")
        except OSError as error:
            raise _translated(error, name) from None

    def open_root(self, pid: int) -> int:
        """An O_PATH descriptor of the process's root directory; the caller closes it."""
        return self._open(f"{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def open_exe(self, pid: int) -> int:
        """An O_PATH descriptor of the process's executable, deleted or in memory too; the caller closes it.

        No server is asked for it: fs/namei.c checks nothing again at the end of such a link but what NFS knows itself.
        """
        return self._open(f"{pid}/exe", os.O_PATH | os.O_CLOEXEC)

    def pids(self) -> list[int]:
        """The processes there are, threads left out, in ascending order."""
        return sorted(int(name) for name in self.names("") if name.isdecimal())

    def stat(self, pid: int) -> Stat:
        """The parsed /proc/PID/stat; works for thread ids too.

        A main thread may exit before the others (pthread_exit(3)): it is a zombie without a program, files or
        arguments, until the last one ends or one of them executes another program (fs/exec.c, de_thread).
        """
        stat = parse_stat(self.record(f"{pid}/stat", 4096))
        return self._with_survivor(stat) if stat.is_zombie and stat.threads > 1 else stat

    def credentials(self, pid: int) -> Credentials:
        """Who the process runs as, by whom the kernel has own its directory: unlike what is in it, that is told of any
        process, a zombie included, and costs a third of its `status` (fs/proc/base.c, task_dump_owner)."""
        try:
            found = os.stat(f"{self.root}/{pid}")
        except OSError as error:
            raise _translated(error, f"{pid}") from None
        return Credentials(found.st_uid, found.st_gid)

    def tracer(self, tid: int) -> int:
        """The process that traces a process or a thread, 0 if none does (proc_pid_status(5), TracerPid)."""
        status = self.record(f"{tid}/status", 4096)
        return int(status[status.index(b"\nTracerPid:") + 11 :].split(None, 1)[0])

    def args(self, pid: int) -> tuple[tuple[str, ...], bool]:
        """The arguments and whether they were cut at `ARGS_LIMIT`; empty in the middle of an exec."""
        return split_args(self.memory(f"{pid}/cmdline", ARGS_LIMIT + 1))

    def is_init_ours(self) -> bool:
        """Whether we are PID 1 of our namespace, and so share it with nobody."""
        return os.getpid() == 1

    def last_pid(self) -> int:
        """The number handed out last in this PID namespace (fifth field of /proc/loadavg)."""
        return int(self.read("loadavg", 256).split()[4])

    def forks(self) -> int:
        """Processes and threads made since the kernel was started, in all namespaces (proc_stat(5), `processes`)."""
        found = self.read("stat")
        return int(found[found.index(b"\nprocesses ") + 11 :].split(None, 1)[0])

    def descriptors(self, pid: int) -> Iterator[tuple[int, bytes]]:
        """The first `MOST_DESCRIPTORS` of a process with their links; those that close meanwhile are passed over."""
        for number in self.descriptor_numbers(pid, MOST_DESCRIPTORS):
            try:
                yield number, self.link(f"{pid}/fd/{number}")
            except ProcessGone:
                continue

    def descriptor_numbers(self, pid: int, most: int = MOST_LISTED) -> list[int]:
        """The numbers of a process's descriptors, of the lowest ones so many; the kernel makes the list as it is read
        (fs/proc/fd.c, proc_readfd_common), so that the others cost nothing."""
        return [int(name) for name in islice(self._entries(f"{pid}/fd"), most)]

    def _with_survivor(self, stat: Stat) -> Stat:
        for name in islice(self._entries(f"{stat.pid}/task"), SURVIVORS):
            try:
                thread = parse_stat(self.record(f"{stat.pid}/task/{name}/stat", 4096))
            except ProcessGone:
                continue
            if thread.is_zombie:
                continue
            if thread.pid == stat.pid:
                return thread  # one has executed another program meanwhile, and has the number from then on
            survivor = thread.pid, thread.start_ticks
            flags = stat.flags & ~PF_EXITING  # those of a thread say nothing of the program
            return stat._replace(state=thread.state, flags=flags, image=thread.image, survivor=survivor)
        return stat

    def _entries(self, name: str) -> Iterator[str]:
        """As `names`, as far as they are wanted: there may be very many."""
        try:
            with os.scandir(f"{self.root}/{name}") as entries:
                for entry in entries:
                    yield entry.name
        except OSError as error:
            raise _translated(error, name) from None

    def _read_by(self, read: Callable[[int, int], bytes], name: str, limit: int) -> bytes:
        fd = self._open(name, READ_ONLY)
        try:
            return read(fd, limit)
        except OSError as error:
            raise _translated(error, name) from None
        finally:
            os.close(fd)

    def _open(self, name: str, flags: int) -> int:
        try:
            return os.open(f"{self.root}/{name}", flags)
        except OSError as error:
            raise _translated(error, name) from None


def text(raw: bytes) -> str:
    """Bytes from the kernel as valid Unicode: what is no UTF-8 becomes `\\xNN`."""
    return raw.decode("utf-8", "backslashreplace")


def parse_stat(raw: bytes) -> Stat:
    """The fields after the last `)`, since a process may put anything into its name. Raises ProcessGone if torn."""
    opening, closing = raw.find(b"("), raw.rfind(b")")
    fields = raw[closing + 2 :].split()
    try:
        return Stat(
            pid=int(raw[:opening]),
            comm=text(raw[opening + 1 : closing]),
            state=chr(fields[0][0]),
            ppid=int(fields[1]),
            tty_nr=int(fields[4]),
            flags=int(fields[6]),
            start_ticks=int(fields[19]),
            image=(int(fields[23]), int(fields[25]), int(fields[45])),
            exit_signal=int(fields[35]),
            exit_code=int(fields[49]),
            threads=int(fields[17]),
        )
    except (IndexError, ValueError):
        raise ProcessGone(f"no stat: {raw[:40]!r}") from None


def parse_credentials(raw: bytes) -> Credentials:
    """The `Uid:` and `Gid:` lines; the name line cannot forge them, the kernel escapes its newlines."""
    uids = raw[raw.index(b"\nUid:") + 5 :].split(None, 4)
    gids = raw[raw.index(b"\nGid:") + 5 :].split(None, 4)
    return Credentials(uid=int(uids[1]), gid=int(gids[1]))


def split_args(raw: bytes, limit: int = ARGS_LIMIT) -> tuple[tuple[str, ...], bool]:
    """NUL-separated arguments as texts, and whether they were longer than `limit`."""
    cut = len(raw) > limit
    raw = raw[:limit]
    if raw.endswith(b"\0"):
        raw = raw[:-1]
    elif not raw:
        return (), False
    return tuple(map(text, raw.split(b"\0"))), cut


def _read_all(fd: int, limit: int) -> bytes:
    """Until the end: seq_files give whole records, so a short read means nothing."""
    data = os.read(fd, min(limit, CHUNK))
    while len(data) < limit and (more := os.read(fd, min(limit - len(data), CHUNK))):
        data += more
    return data


def _read_until_short(fd: int, limit: int) -> bytes:
    """Where only the end makes a read short."""
    data = b""
    while wanted := min(limit - len(data), CHUNK):
        piece = os.read(fd, wanted)
        data += piece
        if len(piece) < wanted:
            break
    return data


def _translated(error: OSError, name: str) -> Exception:
    if error.errno in (errno.ENOENT, errno.ESRCH, errno.ENOTDIR, errno.EINVAL):  # EINVAL: mountinfo of a zombie
        return ProcessGone(f"/proc/{name}: gone")
    if error.errno in (errno.EACCES, errno.EPERM):
        return AccessDenied(f"/proc/{name}: denied")
    return error
