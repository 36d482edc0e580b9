"""A helper: runs as the uid and gid of an app, and reads for the sensor what only that uid may read.

It answers the questions of `helper_wire` and nothing else, remembers only which descriptors are sockets, and ends when
its socket closes.
"""

import array
import ctypes
import os
import socket

from collectors import environ
from collectors import helper_wire as wire
from collectors.descriptor_map import DescriptorMaps
from collectors.open_files import openings
from collectors.procfs import Procfs
from collectors.socket_links import holds
from sensor.model.errors import AccessDenied, ProcessGone

PR_SET_DUMPABLE = 4
"""prctl(2), include/uapi/linux/prctl.h"""


def become(uid: int, gid: int) -> None:
    """Give up everything but this identity. Raises OSError (EPERM without SETUID and SETGID).

    A change of uid resets what the sensor has said to ptrace(2) to fs.suid_dumpable (kernel/cred.c, commit_creds), and
    where that is 1 every process of the app could read and steer its helper. So it is said again.
    """
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    set_not_dumpable()


def set_not_dumpable() -> None:
    """Close this process's memory, environment and links to others of its uid (prctl(2)). Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, *map(ctypes.c_ulong, (0, 0, 0, 0))) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def serve(sock: socket.socket, procfs: Procfs) -> None:
    """Answer until the other end closes."""
    maps = DescriptorMaps()
    while question := sock.recv(wire.QUESTION.size):
        descriptors: list[int] = []
        try:
            answer = wire.OK + _answer(procfs, maps, question, descriptors)
        except ProcessGone:
            answer = wire.GONE
        except AccessDenied:
            answer = wire.DENIED
        except OSError as error:
            answer = wire.FAILED + str(error).encode()
        _send(sock, answer, descriptors)


def _answer(procfs: Procfs, maps: DescriptorMaps, question: bytes, descriptors: list[int]) -> bytes:
    letter, pid, start_ticks, device, inode = wire.QUESTION.unpack(question)
    if procfs.stat(pid).start_ticks != start_ticks:
        raise ProcessGone(f"PID {pid} is another process by now")
    if letter == wire.LINKS:
        return b"\0".join(procfs.program_links(pid))
    if letter == wire.SOCKETS:
        found = maps.look(procfs, (pid, start_ticks), device, min(inode, wire.MOST_SOCKETS))
        return b"".join(map(wire.INODE.pack, (found.links, *found.inodes)))
    if letter == wire.HOLDS:
        return b"1" if holds(procfs, pid, device, inode) else b""
    if letter == wire.OPENINGS:
        return b"".join(wire.OPENING.pack(*one) for one in openings(procfs, pid, device, inode)[: wire.MOST_OPENINGS])
    if letter == wire.ENVIRON:
        return environ.packed(environ.read(procfs, pid))
    if letter == wire.SECRETS:
        return environ.packed_secrets(environ.read_secrets(procfs, pid))
    if letter in (wire.ROOT, wire.EXE_FILE):
        descriptors.append(procfs.open_root(pid) if letter == wire.ROOT else procfs.open_exe(pid))
        return b""
    raise ProcessGone(f"no such question: {letter!r}")


def _send(sock: socket.socket, answer: bytes, descriptors: list[int]) -> None:
    passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    try:
        sock.sendmsg([answer], passed)
    finally:
        for fd in descriptors:
            os.close(fd)
