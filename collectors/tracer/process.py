"""The tracer's life: one thread that waits for tracees, until a signal calls because something is asked."""

import fcntl
import gc
import os
import select
import signal
import socket
import time
from contextlib import suppress
from types import FrameType

from collectors.procfs import Procfs
from collectors.tracer import ptrace, wire
from collectors.tracer.attaching import attach
from collectors.tracer.exec_facts import ExecReader
from collectors.tracer.outlet import Outlet
from collectors.tracer.reaping import Reaper
from collectors.tracer.tracees import Tracees
from sensor.model.errors import ProcessGone

NAME = b"sensor-tracer"
TURN = 256
"""After so many stops as many tracees are looked at in turn (1 µs each): the kernel tells of the newest first, and few
that stop again and again would keep all that are older standing for ever."""


def live(control: socket.socket, pipe: int) -> None:
    """Trace until the sensor's end of the socket or of the pipe closes. What is traced is let go by the kernel then."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, the kernel would not announce stops
    ptrace.die_with_parent()
    ptrace.set_name(NAME)
    control.setblocking(False)
    life = _Life(control, pipe)
    signal.signal(signal.SIGIO, life.called)
    fcntl.fcntl(control, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(control, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
    gc.freeze()
    gc.disable()  # a collection would hold up whoever is stopped, and nothing here makes cycles
    try:
        life.run()
    except ConnectionError:  # the sensor has gone
        return


class _Life:
    """Waits in waitid(2) itself, which takes half the time of waiting for SIGCHLD first.

    A call that comes in the moment before that wait is not heard; so the sensor calls again with each of its looks.
    """

    def __init__(self, control: socket.socket, pipe: int) -> None:
        self._control = control
        self._procfs = Procfs()
        self._outlet = Outlet(pipe)
        self._tracees = Tracees(self._outlet, ExecReader(self._procfs))
        self._reaper = Reaper(self._tracees, self._stuck)
        self._called = True
        self._waiting = False
        self._until_turn = TURN

    def run(self) -> None:
        """Raises ConnectionError when the sensor has gone."""
        questions = select.poll()
        questions.register(self._control, select.POLLIN)
        while True:
            self._waiting = True
            if self._called:
                self._answer()
            try:
                seen = ptrace.wait()
            except ChildProcessError:  # nobody is followed
                self._waiting = False
                questions.poll()
                self._called = True
            else:
                self._waiting = False  # before it is fetched: a pulse takes for a stray what was fetched and not told
                if (found := ptrace.fetch(seen)) is not None:
                    self._handle(*found)

    def _handle(self, tid: int, status: int) -> None:
        self._tracees.handle(tid, status)
        self._until_turn -= 1
        if self._until_turn == 0:
            self._until_turn = TURN
            for known in self._tracees.next_in_turn(TURN):
                if (found := ptrace.waiting(known)) is not None:
                    self._tracees.handle(*found)

    def called(self, _signal: int, _frame: FrameType | None) -> None:
        """Something was asked, or the sensor has gone; answered at once unless a tracee waits to go on."""
        self._called = True
        if self._waiting:
            self._answer()

    def _answer(self) -> None:
        """Answer all that was asked. Raises ConnectionError once nobody will ask any more."""
        self._waiting = False
        while self._called:
            self._called = False
            while (question := self._asked()) is not None:
                if question[:1] == wire.PING_LETTER:
                    self._pulse(wire.PING.unpack(question)[1])
                elif question[:1] == wire.ATTACH_LETTER:
                    _, pid, start_ticks = wire.ATTACH.unpack(question)
                    self._attach(pid, start_ticks)
                else:
                    raise ConnectionResetError
        self._reaper.rest()
        self._waiting = True

    def _asked(self) -> bytes | None:
        try:
            return self._control.recv(wire.QUESTION_BYTES)
        except BlockingIOError:
            return None

    def _pulse(self, number: int) -> None:
        tracees = self._tracees
        tracees.tell_early()
        tracees.tell_strays()
        self._outlet.flush()
        pulse = wire.PULSE.pack(number, len(tracees), tracees.execs, tracees.stops, self._outlet.dropped)
        try:
            self._control.send(pulse)
        except BlockingIOError:
            return  # many are unread: the sensor knows that we live

    def _attach(self, pid: int, start_ticks: int) -> None:
        try:
            with self._reaper.seizing(pid):
                why_not = attach(self._tracees, self._procfs, pid, start_ticks)
        except ProcessGone:
            return
        kind = wire.ATTACHED if why_not is None else wire.REFUSED
        self._outlet.put(wire.pack(kind, pid, time.time_ns(), (why_not or "").encode()))

    def _stuck(self, pid: int) -> None:
        """All tracees would wait with us: the sensor is to kill us. Called in a thread of its own."""
        with suppress(OSError):
            self._control.send(wire.STUCK.pack(wire.STUCK_LETTER, pid))
