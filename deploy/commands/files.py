"""The document that a command works on: read from a file or standard input, written whole or not at all."""

import os
import sys
import tempfile
from pathlib import Path

from deploy.commands.complaints import CannotDo


def read(name: str) -> bytes:
    """All of it; `-` is standard input. Raises `CannotDo`."""
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CannotDo([f"{shown(name)}: cannot be read: {reason}"]) from error


def write(text: str, name: str | None) -> None:
    """To standard output, or to a file that is replaced whole; a device or a pipe is written to. Raises `CannotDo`."""
    if name is None or name == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())  # UTF-8 as it was read, whatever the locale
        sys.stdout.buffer.flush()
        return
    target = Path(name)
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(text.encode())
            return
        _replace(target, text.encode())
    except OSError as error:
        raise CannotDo([f"{shown(name)}: cannot be written: {error.strerror}"]) from error


def _replace(target: Path, content: bytes) -> None:
    """Whole or not at all, and without a trace where not. Raises OSError."""
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
    descriptor, name = tempfile.mkstemp(dir=target.resolve().parent, prefix=f".{target.name}.")
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        made.chmod(mode)
        made.replace(target.resolve())
    except OSError:
        made.unlink()
        raise


def shown(name: str) -> str:
    """A file's name in messages."""
    return "standard input" if name == "-" else name


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
