"""Programs of a few instructions, which do at once what others need a millisecond for."""

import platform
import struct
from pathlib import Path

_BASE, _HEADERS = 0x400000, 64 + 56
_CODE = {
    "x86_64": (62, "b83b000000 488d3d06000000 31f6 31d2 0f05", "b83c000000 31ff 0f05"),
    "aarch64": (183, "a0000010 010080d2 020080d2 a81b80d2 010000d4", "000080d2 a80b80d2 010000d4"),
}
"""The machine's number in ELF, execve(2) of the path behind it without arguments, and exit(2) with 0."""


def that_executes(path: Path, program: Path) -> None:
    """Make a program of which this is all."""
    _write(path, bytes.fromhex(_CODE[platform.machine()][1]) + bytes(program) + b"\0")


def that_ends(path: Path) -> None:
    """Make a program that does nothing."""
    _write(path, bytes.fromhex(_CODE[platform.machine()][2]))


def _write(path: Path, code: bytes) -> None:
    size = _HEADERS + len(code)
    ident = b"\x7fELF\2\1\1".ljust(16, b"\0")
    machine = _CODE[platform.machine()][0]
    header = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x10000)
    path.write_bytes(ident + header + segment + code)
    path.chmod(0o755)
