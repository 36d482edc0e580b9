"""Whether a file can run: it has an execute bit, or it begins like an ELF file or a script.

The second catches what is started through an interpreter or the dynamic linker, for which no execute bit is needed.
"""

import os
import stat

from collectors import rootfs
from sensor.model.errors import AccessDenied

_EXECUTE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
_BEGINNINGS = (b"\x7fELF", b"#!")


def can_run(handle: int, status: os.stat_result) -> bool:
    """For an O_PATH descriptor and its fstat. An empty file cannot; one that cannot be read is judged by its mode."""
    if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
        return False
    if status.st_mode & _EXECUTE:
        return True
    try:
        with rootfs.held(rootfs.reopen_file(handle)) as fd:
            return os.read(fd, 4).startswith(_BEGINNINGS)
    except (AccessDenied, OSError):
        return False
