"""The launcher: a small single-threaded process from which helpers, and the tracer, are forked.

It must be forked before asyncio and threads exist in the sensor: a fork beside threads can deadlock in the child. One
that takes the place of another is a program of its own (`python -m collectors.helper_launcher`). It ends, and its
helpers with it, when the sensor's end of the socket closes, for whatever reason.
"""

import array
import gc
import os
import signal
import socket
import sys
from contextlib import suppress

from collectors import helper_wire as wire
from collectors import rights
from collectors.helper_process import become, serve, set_not_dumpable
from collectors.procfs import Procfs

_SOCKET = 3
"""The descriptor of the socket in one that was started anew."""
FIRST_WORD_S = 0.5
"""How long a helper may take to become who it shall be; shorter than the sensor waits for the launcher."""


def is_needed(status: bytes | None = None) -> bool:
    """Whether helpers can do more than the sensor itself, by its `/proc/self/status` (proc_pid_status(5)).

    Only root may take on other uids. SYS_PTRACE lets the sensor read every process in its user namespace and below
    (kernel/ptrace.c, __ptrace_may_access), and what a security module refuses then it refuses a helper as well. The
    launcher costs 4.4 MB (docs/adr/0097-the-second-stage-has-values-only.md).
    """
    held = rights.parse(Procfs().read("self/status", rights.STATUS_LIMIT) if status is None else status)
    return held.uid == 0 and rights.SYS_PTRACE not in (held.capabilities or ())


def start(*secrets: int) -> socket.socket:
    """Fork the launcher; the sensor's end of its socket. The descriptors in `secrets` are not for the launcher.

    Where the kernel allows no process more it is like one that has ended: another is started when it is needed.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    gc.freeze()  # keeps the collector from touching, and so copying, the pages shared with the sensor
    try:
        child = os.fork()
    except OSError:
        child = None
    if child == 0:
        for descriptor in (ours.fileno(), *secrets):
            os.close(descriptor)
        _run(theirs)
    theirs.close()
    return ours


def start_anew() -> tuple[socket.socket, int]:
    """Start another one later on; the sensor's end of its socket, on which it says `OK` once it is there, and its PID,
    for which the caller waits. Raises OSError.

    It is a program of its own, since a fork beside threads could deadlock, and a fork of the sensor would have its
    secrets; so it shares no memory. Of the environment it has only what Python needs.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environ = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
    with theirs:
        try:
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-P", "-m", "collectors.helper_launcher"],
                environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), _SOCKET)],
            )
        except OSError:
            ours.close()
            raise
    return ours, pid


def main() -> None:
    """The life of one that was started anew; never returns."""
    set_not_dumpable()
    sock = socket.socket(fileno=_SOCKET)
    sock.set_inheritable(False)
    gc.freeze()
    with suppress(OSError):  # the sensor has gone
        sock.send(wire.OK)
    _run(sock)


def _run(sock: socket.socket) -> None:
    """The launcher's life; never returns."""
    status = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the closing socket is what ends us
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # helpers are reaped by the kernel
        while request := sock.recv(wire.SPAWN.size):
            if request == wire.TRACE:
                _spawn_tracer(sock)
            else:
                _spawn(sock, *wire.SPAWN.unpack(request))
        status = 0
    finally:
        os._exit(status)


def _spawn(sock: socket.socket, uid: int, gid: int) -> None:
    """Fork one helper; once it has become who it shall be, pass on the sensor's end of its socket and its pidfd."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        child = os.fork()
        if child == 0:
            sock.close()
            ours.close()
            _help(theirs, uid, gid)
        theirs.close()
        _introduce(sock, ours, os.pidfd_open(child), wire.SPAWN.pack(uid, gid))
    except OSError as error:
        sock.send(wire.SPAWN.pack(uid, gid) + wire.FAILED + str(error).encode())
    finally:
        ours.close()
        theirs.close()


def _spawn_tracer(sock: socket.socket) -> None:
    """Fork the tracer; pass on the sensor's end of its socket, its pidfd, and the end of its pipe to read from.

    Unlike a helper it is not waited for: it has libraries to load, and its first answer says that it is there.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading, writing = os.pipe()
    try:
        child = os.fork()
        if child == 0:
            for descriptor in (sock.fileno(), ours.fileno(), reading):
                os.close(descriptor)
            _trace(theirs, writing)
        pidfd = os.pidfd_open(child)
        try:
            _pass_on(sock, wire.TRACE, wire.OK, [ours.fileno(), pidfd, reading])
        finally:
            os.close(pidfd)
    except OSError as error:
        sock.send(wire.TRACE + wire.FAILED + str(error).encode())
    finally:
        ours.close()
        theirs.close()
        os.close(reading)
        os.close(writing)


def _introduce(sock: socket.socket, helper: socket.socket, pidfd: int, who: bytes) -> None:
    """Raises TimeoutError for one that was stopped by a process of its uid before it could say anything."""
    helper.settimeout(FIRST_WORD_S)
    try:
        verdict = helper.recv(256) or wire.FAILED + b"the helper died"
        _pass_on(sock, who, verdict, [helper.fileno(), pidfd])
    except TimeoutError:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        raise
    finally:
        os.close(pidfd)


def _pass_on(sock: socket.socket, request: bytes, verdict: bytes, descriptors: list[int]) -> None:
    sock.sendmsg([request, verdict], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))])


def _help(sock: socket.socket, uid: int, gid: int) -> None:
    """A helper's life; never returns."""
    status = 1
    try:
        become(uid, gid)
        sock.send(wire.OK)
        serve(sock, Procfs())
        status = 0
    except OSError as error:
        sock.send(wire.FAILED + str(error).encode())
    finally:
        os._exit(status)


def _trace(sock: socket.socket, pipe: int) -> None:
    """The tracer's life; never returns. Its libraries are loaded here, so that only who traces pays for them."""
    status = 1
    try:
        from collectors.tracer.process import live

        live(sock, pipe)
        status = 0
    except Exception as error:  # noqa: BLE001 - whatever ends it is told, and the kernel lets go of what it traced
        sock.setblocking(False)
        sock.send(wire.FAILED + f"{type(error).__name__}: {error}".encode()[:200])
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
