"""How many of the kernel's inotify watches may be ours: they are counted per user, across containers."""

from collectors.procfs import Procfs
from sensor.model.errors import AccessDenied, ProcessGone

SHARE = 4
"""One in so many."""

USUAL_WATCHES = 8192
"""fs.inotify.max_user_watches where it cannot be read: the kernel's default of old."""

FEW_WATCHES = 200
"""With fewer than these the default list of a few containers does not fit."""


def most_watches(procfs: Procfs) -> int:
    """The most that may be held."""
    try:
        return int(procfs.read("sys/fs/inotify/max_user_watches", 32)) // SHARE
    except (OSError, ProcessGone, AccessDenied, ValueError):
        return USUAL_WATCHES // SHARE
