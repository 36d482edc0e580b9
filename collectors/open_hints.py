"""Which unread PID ran which program: one number without a process meeting one open without a program.

An open of a program file proves nothing (a backup opens them all), and a number that is gone may have been a thread
or a failed fork. Only where, within a short time, exactly one of each is left over, and the loader's cache was opened
besides, the two are taken for one exec whose process was gone before it could be read.
"""

import os
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from collectors.exec_hints import Opened
from collectors.process_table import Tracked
from collectors.procfs import text
from sensor.model.clock import Clock
from sensor.model.times import NS

WINDOW_S = 0.05
"""How long an open or a number waits for its counterpart."""
MOST = 512
COMM = 15
"""Bytes of a name that the kernel keeps (TASK_COMM_LEN without its NUL)."""


class Unread(NamedTuple):
    """A PID that was gone before its program was read; `process` where at least its fork was seen."""

    at: float
    pid: int
    process: Tracked | None


class Ran(NamedTuple):
    """An exec by evidence of an open: the program's path and its container, when it was opened, and the PID."""

    unread: Unread
    opened: Opened
    at: float


class OpenHints:
    """Fed with opens, with programs that were read, and with PIDs that were not; `match` says what can be concluded.

    Times are in monotonic seconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._programs: deque[tuple[float, Opened]] = deque(maxlen=MOST)
        self._loaders: deque[tuple[float, str]] = deque(maxlen=MOST)
        self._unread: deque[Unread] = deque(maxlen=MOST)
        self._read_before: deque[tuple[float, str, str]] = deque(maxlen=MOST)

    def __bool__(self) -> bool:
        """Whether there is anything that `match` would look at."""
        return bool(self._programs or self._unread or self._loaders or self._read_before)

    @property
    def has_unread(self) -> bool:
        """Whether a number waits for its explanation."""
        return bool(self._unread)

    def containers(self) -> set[str]:
        """Where a program was opened that is not accounted for."""
        return {opened.container for _, opened in self._programs}

    def opened(self, now: float, opened: Opened) -> None:
        """Something was opened. What a program that was already read has opened is accounted for."""
        if opened.by_loader:
            self._loaders.append((now, opened.container))
        elif not _take(self._read_before, lambda one: one[1:] == (opened.container, opened.path)):
            self._programs.append((now, opened))

    def explained(self, now: float, process: Tracked) -> None:
        """A program was read: the opens of its file, of its script, and one of the loader's cache are accounted for.

        Its own open may not have been read yet. One from before it was forked is not its own: of a program that is run
        again and again each would take that of the one before, and leave its own for the next.
        """
        container = process.container
        forked = now - (self._clock.wall() - process.start) / NS
        for path in {process.exe, *(process.args or ())[:3]}:
            found = self._take_open(container, path, forked)
            if not found and path is not None and path == process.exe and container is not None:
                self._read_before.append((now, container, path))
        _take(self._loaders, lambda one: one[1] == container)

    def opens_ourselves(self, process: Tracked) -> None:
        """We are about to open a process's executable: that open is no sign of anything."""
        if process.container is not None and process.exe is not None:
            self.opens_file(process.container, process.exe)

    def opens_file(self, container: str, path: str) -> None:
        """The same for a program that nobody runs yet."""
        self._read_before.append((self._clock.monotonic(), container, path))

    def _take_open(self, container: str | None, path: str | None, since: float) -> bool:
        return _take(self._programs, lambda one: one[0] >= since and one[1][:2] == (container, path))

    def claim(self, container: str | None, comm: str) -> str | None:
        """The path of the open that belongs to a program of which only the kernel's name is known; accounted for."""
        for item in self._programs:
            if item[1].container == container and _comm_of(item[1].path) == comm:
                self._programs.remove(item)
                _take(self._loaders, lambda one: one[1] == container)
                return item[1].path
        return None

    def unread(self, unread: Unread) -> None:
        """A PID is gone without having been read."""
        self._unread.append(unread)

    def match(self, now: float) -> tuple[Ran | None, list[Unread], int]:
        """What ran; the PIDs that stay unexplained for good; and how many opens were left as mere candidates."""
        candidates = self._forget_old(now)
        unexplained: list[Unread] = []
        if len(self._unread) > 1 or (self._unread and now - self._unread[0].at > WINDOW_S):
            unexplained = list(self._unread)
            self._unread.clear()
        ran = self._one_of_each()
        if ran is not None:
            self._unread.clear()
            _take(self._programs, lambda one: one[1] is ran.opened)
            _take(self._loaders, lambda one: one[1] == ran.opened.container)
        return ran, unexplained, candidates

    def give_up(self) -> int:
        """Wait for no counterpart any more; how many numbers stay unexplained."""
        left = len(self._unread)
        self._unread.clear()
        return left

    def _one_of_each(self) -> Ran | None:
        """What was opened after the process was gone cannot have been its doing."""
        if len(self._unread) != 1:
            return None
        unread = self._unread[0]
        programs = [one for one in self._programs if one[0] <= unread.at]
        if len(programs) != 1:
            return None
        (opened_at, opened), process = programs[0], unread.process
        if all(at > unread.at or container != opened.container for at, container in self._loaders):
            return None
        if process is not None and process.container is not None and process.container != opened.container:
            return None
        if process is not None and process.executed and _comm_of(opened.path) != process.comm:
            return None
        return Ran(unread, opened, opened_at)

    def _forget_old(self, now: float) -> int:
        candidates = 0
        while self._programs and now - self._programs[0][0] > WINDOW_S:
            self._programs.popleft()
            candidates += 1
        while self._loaders and now - self._loaders[0][0] > WINDOW_S:
            self._loaders.popleft()
        while self._read_before and now - self._read_before[0][0] > WINDOW_S:
            self._read_before.popleft()
        return candidates


def _comm_of(path: str) -> str:
    """What the kernel calls a program after exec (fs/exec.c)."""
    return text(os.path.basename(path).encode()[:COMM])


T = TypeVar("T")


def _take(items: deque[T], wanted: Callable[[T], bool]) -> bool:
    """Remove the oldest item that is wanted; whether there was one."""
    for item in items:
        if wanted(item):
            items.remove(item)
            return True
    return False
