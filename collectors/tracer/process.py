"""The tracer's life: one thread, one loop, woken by the signals for a tracee's stop and for a question."""

import fcntl
import gc
import os
import signal
import socket
import time

from collectors.procfs import Procfs
from collectors.tracer import ptrace, wire
from collectors.tracer.attaching import attach
from collectors.tracer.exec_facts import ExecReader
from collectors.tracer.outlet import Outlet
from collectors.tracer.tracees import Tracees
from sensor.model.errors import ProcessGone

NAME = b"sensor-tracer"
BURST = 64
"""Stops and ends that are handled before the next look for questions."""
WAIT_S = 1.0
FULL_S = 0.01
"""Until the next try to write where the sensor has not read."""
_WAKERS = {signal.SIGCHLD, signal.SIGIO}


def live(control: socket.socket, pipe: int) -> None:
    """Trace until the sensor's end of the socket or of the pipe closes. What is traced is let go by the kernel then."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _WAKERS)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, the kernel would not announce stops
    ptrace.die_with_parent()
    ptrace.set_name(NAME)
    control.setblocking(False)
    fcntl.fcntl(control, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(control, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
    gc.freeze()
    gc.disable()  # a collection would hold up whoever is stopped, and nothing here makes cycles
    try:
        _Life(control, pipe).run()
    except ConnectionError:  # the sensor has gone
        return


class _Life:
    def __init__(self, control: socket.socket, pipe: int) -> None:
        self._control = control
        self._procfs = Procfs()
        self._outlet = Outlet(pipe)
        self._tracees = Tracees(self._outlet, ExecReader(self._procfs))

    def run(self) -> None:
        asked = True
        while not asked or self._answer():
            if self._outlet.is_full:
                self._outlet.flush()
            if asked := self._tracees.reap(BURST):
                continue  # there is no time to wait, and so nothing has said whether something was asked
            woken = signal.sigtimedwait(_WAKERS, FULL_S if self._outlet.is_full else WAIT_S)
            asked = woken is None or woken.si_signo == signal.SIGIO

    def _answer(self) -> bool:
        """Answer all that was asked; False once nobody will ask any more."""
        while True:
            try:
                question = self._control.recv(wire.QUESTION_BYTES)
            except BlockingIOError:
                return True
            if question[:1] == wire.PING_LETTER:
                self._pulse(wire.PING.unpack(question)[1])
            elif question[:1] == wire.ATTACH_LETTER:
                _, pid, start_ticks = wire.ATTACH.unpack(question)
                self._attach(pid, start_ticks)
            else:
                return False

    def _pulse(self, number: int) -> None:
        tracees = self._tracees
        pulse = wire.PULSE.pack(number, len(tracees), tracees.execs, tracees.stops, self._outlet.dropped)
        try:
            self._control.send(pulse)
        except BlockingIOError:
            return  # many are unread: the sensor knows that we live

    def _attach(self, pid: int, start_ticks: int) -> None:
        try:
            why_not = attach(self._tracees, self._procfs, pid, start_ticks)
        except ProcessGone:
            return
        kind = wire.ATTACHED if why_not is None else wire.REFUSED
        self._outlet.put(wire.pack(kind, pid, time.time_ns(), (why_not or "").encode()))
