"""What must go on while a thread is being seized: the kernel makes that wait for an exec of the thread's process.

An exec waits in its turn until all other threads of the process have ended, and until who traces them has waited for
them (kernel/ptrace.c, ptrace_attach; fs/exec.c, de_thread). The thread that seizes cannot, and both would stand for
ever. But any thread of a process may wait for what one of them traces (wait(2), __WNOTHREAD).
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from collectors.tracer import ptrace
from collectors.tracer.tracees import Tracees

LOOK_S = 0.02
"""Between two looks at whether seizing goes on. Mostly it is over before the first."""
STUCK_LOOKS = 12
"""After so many without anything seized or ended, the exec waits for something else: another tracer, or a server."""


class Reaper:
    """Waits for the ends of a process's threads while seizing others of them takes long.

    `stuck` is called with its PID, in another thread, where that is of no use: seizing may never come to an end then.
    """

    def __init__(self, tracees: Tracees, stuck: Callable[[int], None]) -> None:
        self._tracees = tracees
        self._stuck = stuck
        self._pid = 0
        self._seen = 0, 0
        self._vain = 0
        self._found: list[tuple[int, int]] = []
        self._looking = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def seizing(self, pid: int) -> Iterator[None]:
        """While threads of the process are being seized. What was waited for is taken in at the end, by the caller."""
        if self._thread is None:
            self._over.clear()
            thread = threading.Thread(target=self._watch, daemon=True)
            with suppress(RuntimeError):  # a pids limit: mostly seizing needs nobody beside it
                thread.start()
                self._thread = thread
        self._pid = pid
        try:
            yield
        finally:
            with self._looking:
                self._pid = 0
            found, self._found = self._found, []
            for tid, status in found:
                self._tracees.handle(tid, status)
            self._tracees.forget_renumbered(pid)

    def rest(self) -> None:
        """Nothing is being seized for now."""
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            with self._looking:
                if self._pid:
                    self._look(self._pid)

    def _look(self, pid: int) -> None:
        before, self._seen = self._seen, (pid, len(self._tracees))
        if self._seen != before or self._reap(pid):
            self._vain = 0
            return
        self._vain += 1
        if self._vain == STUCK_LOOKS:
            self._stuck(pid)

    def _reap(self, pid: int) -> bool:
        ended = [found for tid in self._tracees.threads_of(pid) if (found := ptrace.ended(tid)) is not None]
        self._found += ended
        return bool(ended)
