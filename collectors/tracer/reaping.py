"""What must go on while a thread is being seized: the kernel makes that wait for an exec of the thread's process.

An exec waits in its turn until all other threads of the process have ended, and until who traces them has waited for
them (kernel/ptrace.c, ptrace_attach; fs/exec.c, de_thread). The thread that seizes cannot, and both would stand for
ever. But any thread of a process may wait for what one of them traces (wait(2), __WNOTHREAD).
"""

import threading
from collections.abc import Callable

from collectors.tracer import ptrace
from collectors.tracer.tracees import Tracees

LOOK_S = 0.02
"""Between two looks at whether seizing goes on. Mostly it is over before the first."""
STUCK_LOOKS = 12
"""After so many without anything seized or ended, the exec waits for something else: another tracer, or a server."""


class Reaper:
    """Waits for the ends of a process's threads while seizing others of them takes long. A context manager.

    `stuck` is called, in another thread, where that is of no use: seizing may never come to an end then.
    """

    def __init__(self, tracees: Tracees, pid: int, stuck: Callable[[], None]) -> None:
        self._tracees = tracees
        self._pid = pid
        self._stuck = stuck
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._found: list[tuple[int, int]] = []

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        """What was waited for is taken in by the thread that seized."""
        self._over.set()
        self._thread.join()
        for tid, status in self._found:
            self._tracees.handle(tid, status)
        self._tracees.forget_renumbered(self._pid)

    def _watch(self) -> None:
        vain, before = 0, -1
        while not self._over.wait(LOOK_S):
            if len(self._tracees) == before and not self._reap():
                vain += 1
            else:
                vain, before = 0, len(self._tracees)
            if vain == STUCK_LOOKS:
                self._stuck()

    def _reap(self) -> bool:
        ended = [found for tid in self._tracees.threads_of(self._pid) if (found := ptrace.ended(tid)) is not None]
        self._found += ended
        return bool(ended)
