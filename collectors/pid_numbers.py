"""The numbers that the kernel hands out to processes and threads."""

from collections.abc import Sequence

RESERVED_PIDS = 300
"""Where the kernel begins again after pid_max (kernel/pid.c)."""
MOST_NUMBERS = 65_536
"""A longer way of the cursor between two looks is no way but a jump."""


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
