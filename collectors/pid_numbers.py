"""The numbers that the kernel hands out to processes and threads."""

import os
from collections.abc import Sequence

from collectors.procfs import Procfs

RESERVED_PIDS = 300
"""Where the kernel begins again after pid_max (kernel/pid.c)."""
MOST_NUMBERS = 65_536
"""A longer way of the cursor between two looks is no way but a jump."""


class LastPid:
    """The number handed out last in this PID namespace (fifth field of /proc/loadavg), by one descriptor kept open.

    It is read many times a second, and opening costs more than reading.
    """

    def __init__(self, procfs: Procfs) -> None:
        self._fd = os.open(f"{procfs.root}/loadavg", os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> int:
        """The number now."""
        return int(os.pread(self._fd, 256, 0).split()[4])

    def close(self) -> None:
        """Release the descriptor."""
        os.close(self._fd)


def handed_out(last: int, now: int, pid_max: int) -> Sequence[int] | None:
    """The numbers after `last` up to `now`; past pid_max the kernel begins again at `RESERVED_PIDS`.

    None for a jump: somebody set the cursor (ns_last_pid), or far too many numbers went by to look at each.
    """
    if now >= last:
        numbers: Sequence[int] = range(last + 1, now + 1)
    elif pid_max - last > MOST_NUMBERS:
        return None
    else:
        numbers = [*range(last + 1, pid_max), *range(RESERVED_PIDS, now + 1)]
    return numbers if len(numbers) <= MOST_NUMBERS else None
