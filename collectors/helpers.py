"""The sensor's side of the helpers: asks, with a deadline, and lets go of one that does not answer.

A process of the same uid may stop or kill a helper as often as it likes (kill(2)), so that no answer is for ever: a
helper is tried again after a pause, and each one that was lost is told as the loss `helper_lost`.
"""

import os
import signal
import socket
from collections import OrderedDict
from typing import NamedTuple

from collectors import helper_wire as wire
from collectors.allowance import Allowance
from collectors.descriptor_map import Look
from collectors.environ import Environ, Secrets, unpacked, unpacked_secrets
from collectors.launcher_link import LauncherAway, LauncherLink
from collectors.procfs import ProgramLinks
from collectors.trace_link import TracerLink
from sensor.model.clock import Clock, SystemClock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.protocols import OpenFile

MOST = 4
"""Helpers at a time; each costs memory. The one that was asked longest ago goes first."""
STARTS_PER_SECOND, STARTS_SAVED = 2, 32
"""Helpers that are started. Each has the loop wait for some 8 ms, and a container's root may run one program after the
other as one uid after the other; so may look who searches a task of more users than `MOST` for a socket."""
DEADLINE_S = 0.2
HANGS_TOLERATED = 3
"""After so many unanswered questions of one identity each further helper for it has to wait for the pause."""
PAUSE_S = 60.0
"""How long a refusal stands. A helper that is stopped each time costs the loop `DEADLINE_S` in this time."""
FORGET_S = 2 * PAUSE_S
"""After this time without another, unanswered questions are forgotten with the next answer."""

Identity = tuple[int, int]
_SYSTEM = SystemClock()


class Helper(NamedTuple):
    """A running helper: where to ask it, and how to end one that hangs."""

    sock: socket.socket
    pidfd: int

    def end(self) -> None:
        """Close the socket, which ends it, and kill it in case it hangs in a read."""
        self.sock.close()
        try:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        except ProcessLookupError:
            return  # it has ended by itself
        finally:
            os.close(self.pidfd)


class Helpers:
    """One helper for each (uid, gid), made by the launcher when it is first needed."""

    def __init__(
        self,
        launcher: socket.socket | None,
        counters: Counters,
        clock: Clock = _SYSTEM,
    ) -> None:
        self._launcher = LauncherLink(launcher, counters, clock.monotonic)
        self._counters = counters
        self._monotonic = clock.monotonic
        self._starts = Allowance(per_second=STARTS_PER_SECOND, burst=STARTS_SAVED, clock=clock)
        self._helpers: OrderedDict[Identity, Helper] = OrderedDict()
        self._refused: dict[Identity, tuple[str, float]] = {}
        self._hangs: dict[Identity, tuple[int, float]] = {}

    def stands_in_for(self, uid: int | None, gid: int | None) -> bool:
        """Whether there is a helper for this identity, since the sensor itself was denied something."""
        return (uid, gid) in self._helpers

    def links(self, who: Identity, pid: int, start_ticks: int) -> ProgramLinks:
        """As `Procfs.program_links`. Raises ProcessGone or AccessDenied."""
        exe, _, rest = self._ask(who, wire.LINKS, pid, start_ticks)[0].partition(b"\0")
        cwd, _, stdin = rest.partition(b"\0")
        return ProgramLinks(exe, cwd, stdin)

    def sockets(self, who: Identity, pid: int, start_ticks: int, wanted: int, most: int) -> Look:
        """A look for a socket among a process's descriptors, reading at most `most` links."""
        payload, _ = self._ask(who, wire.SOCKETS, pid, start_ticks, wanted, most)
        links, *inodes = [number for (number,) in wire.INODE.iter_unpack(payload)]
        return Look(inodes, links)

    def holds(self, who: Identity, pid: int, start_ticks: int, device: int, inode: int) -> bool:
        """Whether a process has a file open."""
        return bool(self._ask(who, wire.HOLDS, pid, start_ticks, device, inode)[0])

    def openings(self, who: Identity, pid: int, start_ticks: int, device: int, inode: int) -> list[OpenFile]:
        """By which descriptors a process has a file open."""
        payload, _ = self._ask(who, wire.OPENINGS, pid, start_ticks, device, inode)
        return [OpenFile(*fields) for fields in wire.OPENING.iter_unpack(payload)]

    def environ(self, who: Identity, pid: int, start_ticks: int) -> Environ:
        """What of `environ.NAMES` a process was started with."""
        return unpacked(self._ask(who, wire.ENVIRON, pid, start_ticks)[0])

    def secrets(self, who: Identity, pid: int, start_ticks: int) -> Secrets:
        """The names of secrets that a process was started with."""
        return unpacked_secrets(self._ask(who, wire.SECRETS, pid, start_ticks)[0])

    def descriptor(self, who: Identity, question: bytes, pid: int, start_ticks: int) -> int:
        """The answer to `ROOT` or `EXE_FILE`: an O_PATH descriptor; the caller closes it."""
        _, descriptors = self._ask(who, question, pid, start_ticks)
        if not descriptors:
            raise AccessDenied(f"PID {pid}: the helper passed no descriptor")
        return descriptors[0]

    def start_tracer(self) -> TracerLink:
        """A tracer of the launcher's making. Raises AccessDenied."""
        sock, (pidfd, pipe) = self._made(wire.TRACE, "tracer", 3)
        return TracerLink(sock, pidfd, pipe)

    def close(self) -> None:
        """End all helpers and the launcher."""
        for helper in self._helpers.values():
            helper.end()
        self._helpers.clear()
        self._launcher.close()

    def _ask(
        self, who: Identity, letter: bytes, pid: int, start_ticks: int, device: int = 0, inode: int = 0
    ) -> tuple[bytes, list[int]]:
        helper = self._helper(who)
        try:
            helper.sock.send(wire.QUESTION.pack(letter, pid, start_ticks, device, inode))
            answer, descriptors = wire.receive(helper.sock, wire.ANSWER_BYTES, 1)
        except OSError as error:
            self._drop(who)
            raise AccessDenied(f"the helper for uid {who[0]} did not answer: {error}") from None
        return self._checked(who, answer, pid), descriptors

    def _checked(self, who: Identity, answer: bytes, pid: int) -> bytes:
        if not answer:
            self._drop(who)
            raise AccessDenied(f"the helper for uid {who[0]} has ended")
        if who in self._hangs and self._monotonic() - self._hangs[who][1] >= FORGET_S:
            del self._hangs[who]
        status, payload = answer[:1], answer[1:]
        if status == wire.OK:
            return payload
        if status == wire.GONE:
            raise ProcessGone(f"PID {pid}: gone")
        reason = payload.decode(errors="replace") or "denied"
        raise AccessDenied(f"PID {pid}, asked as uid {who[0]}: {reason}")

    def _helper(self, who: Identity) -> Helper:
        if (helper := self._helpers.get(who)) is not None:
            self._helpers.move_to_end(who)
            return helper
        self._raise_refusal(who)
        if not self._starts.take(1):
            self._counters.add("helpers.spared")
            raise AccessDenied(f"no helper for uid {who[0]} now: too many users in turn")
        helper = self._spawn(who)
        self._helpers[who] = helper
        self._counters.add("helpers.started")
        if len(self._helpers) > MOST:
            _, oldest = self._helpers.popitem(last=False)
            oldest.end()
        return helper

    def _raise_refusal(self, who: Identity) -> None:
        """Raises AccessDenied while a refusal stands."""
        reason, until = self._refused.get(who, ("", 0.0))
        if reason and self._monotonic() < until:
            raise AccessDenied(reason)
        self._refused.pop(who, None)

    def _refuse(self, who: Identity, reason: str) -> None:
        """Those that are over go, since a container's root may run a program as any uid, one after the other."""
        now = self._monotonic()
        self._refused = {other: refusal for other, refusal in self._refused.items() if now < refusal[1]}
        self._refused[who] = (reason, now + PAUSE_S)

    def _spawn(self, who: Identity) -> Helper:
        try:
            sock, (pidfd,) = self._made(wire.SPAWN.pack(*who), f"helper for uid {who[0]}", 2)
        except LauncherAway:
            raise
        except AccessDenied as error:
            self._refuse(who, str(error))
            raise
        return Helper(sock, pidfd)

    def _made(self, request: bytes, what: str, most: int) -> tuple[socket.socket, list[int]]:
        """The socket of a process that the launcher has forked, and the other descriptors. Raises AccessDenied."""
        verdict, descriptors = self._launcher.ask(request)
        if verdict != wire.OK or len(descriptors) != most:
            for fd in descriptors:
                os.close(fd)
            raise AccessDenied(f"no {what}: {verdict[1:].decode(errors='replace')}")
        sock = socket.socket(fileno=descriptors[0])
        sock.settimeout(DEADLINE_S)
        return sock, descriptors[1:]

    def _drop(self, who: Identity) -> None:
        """End a helper that hangs or died; the next question makes another, a few times at once."""
        self._counters.lost("helper_lost")
        self._helpers.pop(who).end()
        now, hangs = self._monotonic(), self._hangs.get(who, (0, 0.0))[0] + 1
        self._hangs = {other: (n, at) for other, (n, at) in self._hangs.items() if now - at < FORGET_S}
        self._hangs[who] = hangs, now
        if hangs >= HANGS_TOLERATED:
            self._refuse(who, f"helpers for uid {who[0]} keep hanging or dying")
