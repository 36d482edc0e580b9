"""A file that is changed through a shared mapping (mmap(2))."""

import ctypes
import mmap
import os
from pathlib import Path


class Mapped:
    """A file that is mapped and changed without any descriptor of it, which no exec on an overlay notices."""

    def __init__(self, path: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
        libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
        self._size, fd = path.stat().st_size, os.open(path, os.O_RDWR)
        self._at = libc.mmap(None, self._size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, fd, 0)
        os.close(fd)
        assert self._at != ctypes.c_void_p(-1).value
        self._bytes, self._munmap = (ctypes.c_ubyte * self._size).from_address(self._at), libc.munmap

    def change(self) -> None:
        self._bytes[-1] ^= 1

    def close(self) -> None:
        self._munmap(self._at, self._size)
