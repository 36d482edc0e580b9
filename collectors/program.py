"""What tells one program in a process from the next one there."""

from typing import NamedTuple

from collectors.process_table import Tracked
from collectors.procfs import Stat
from sensor.model.multicall import MULTICALL

DELETED = " (deleted)"
"""Behind the path of a file that has no name any more (proc_pid_exe(5))."""

HIGHEST = 8 << 20
"""Bytes below the end of the addresses in which a stack begins that was not given a random place: arguments and
environment lie above it, at most 6 MiB (fs/exec.c)."""

RUNTIME_INIT = "runc:["
"""How runc names itself between entering a container and running its program."""


class Program(NamedTuple):
    """The program that a process was seen to run."""

    image: tuple[int, int, int] | None
    exe: str | None
    args: tuple[str, ...] | None

    @classmethod
    def of(cls, process: Tracked) -> "Program":
        """The program as it was read last."""
        return cls(process.image, process.exe, process.args)

    @property
    def is_visible(self) -> bool:
        """Whether there is anything that tells it from another one."""
        return _visible(self.image) or self.exe is not None

    def differs(self, before: "Program | None") -> bool:
        """Whether an exec lies between: by where the image lies, which is random mostly, else by the executable.

        Arguments alone prove nothing: programs rewrite their own (setproctitle), but not those of many tools (busybox).
        Where nothing but them was seen before, the same ones are the same program's.
        """
        if before is None:
            return True
        if not before.is_visible:
            return self.is_visible and (before.args is None or self.args != before.args)
        if self.image is not None and _visible(self.image) and _visible(before.image):
            if self.image != before.image:
                return True
            if is_random(self.image[1]):
                return False
        if self.exe is None or before.exe is None:
            return False
        path = _path(self.exe)
        return path != _path(before.exe) or (_is_of_many_tools(path) and self._has_other_args(before))

    def _has_other_args(self, before: "Program") -> bool:
        return self.args is not None and before.args is not None and self.args != before.args


def _visible(image: tuple[int, int, int] | None) -> bool:
    return image is not None and image[1] > 1


def is_random(stack: int) -> bool:
    """Whether no other program's stack begins there too. A process can have all of its own lie alike (personality(2),
    ADDR_NO_RANDOMIZE)."""
    return (1 << stack.bit_length()) - stack > HIGHEST


def _path(exe: str) -> str:
    """Where it is or was: a program goes on when its file is deleted, or replaced by a newer one."""
    return exe.removesuffix(DELETED)


def _is_of_many_tools(path: str) -> bool:
    return path.rpartition("/")[2].startswith(MULTICALL)


def is_runtime_init(process: Tracked, stat: Stat) -> bool:
    """The container runtime before it runs the container's program; only what entered from outside has no parent.

    Anything may have its name: what has settled by it for long, or has run something else, is no runtime.
    """
    return stat.ppid == 0 and stat.comm.startswith(RUNTIME_INIT) and not (process.announced or process.overdue)


def runs_the_same(process: Tracked, stat: Stat) -> bool:
    """Whether what was read before still holds: nothing executed since the fork, or the same image as then. Where
    images lie alike it has the name from then too."""
    if not stat.has_executed:
        return True
    is_alike = stat.image_is_known and stat.image == process.image
    return is_alike and (is_random(stat.image[1]) or stat.comm == process.comm)
