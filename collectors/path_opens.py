"""Whether this kernel takes O_PATH opens for opens, so that the sensor's own looks at a program fire its exec hints.

Kernels up to 6.9 do, unless the change was carried back to them (fsnotify: no events for O_PATH descriptors).
"""

import os
from contextlib import closing

from collectors.inotify_stream import OPEN, InotifyStream
from collectors.rootfs import held, path_of_watch


def are_noticed() -> bool:
    """Try it on a file in memory. Raises OSError where there is no inotify instance to be had."""
    with held(os.memfd_create("", os.MFD_CLOEXEC)) as file, closing(InotifyStream()) as stream:
        stream.add(file, OPEN, is_directory=False)
        os.close(os.open(path_of_watch(file), os.O_PATH | os.O_CLOEXEC))
        return any(notice.mask & OPEN for notice in stream.read())
