"""File systems whose server never answers."""

import ctypes
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from needs import Need

HUNG_S = 10.0


@contextmanager
def hung_mounts(points: Sequence[Path], need: Need) -> Iterator[None]:
    """FUSE file systems whose server never answers: whoever asks them anything waits until they are taken away.

    That happens after the block or, so that a test that hangs in the kernel fails, after `HUNG_S`.
    """
    need(os.path.exists("/dev/fuse") and os.geteuid() == 0, "FUSE and root")
    libc = ctypes.CDLL(None, use_errno=True)
    servers = ExitStack()
    takes_away = threading.Timer(HUNG_S, servers.close)
    try:
        for point in points:
            server = os.open("/dev/fuse", os.O_RDWR)
            servers.callback(os.close, server)
            kind = "40000" if point.is_dir() else "100000"
            options = f"fd={server},rootmode={kind},user_id=0,group_id=0".encode()
            mounted = libc.mount(b"hung", bytes(point), b"fuse", 0, options) == 0
            need(mounted, f"the right to mount: {os.strerror(ctypes.get_errno())}")
        takes_away.start()
        yield
    finally:
        takes_away.cancel()
        servers.close()
        for point in points:
            libc.umount2(bytes(point), 2)  # MNT_DETACH
