"""The few variables of a process's environment that the sensor looks at. Nothing else of it is kept or handed on."""

from collectors.procfs import Procfs

NAMES = ("PATH", "LD_PRELOAD", "LD_LIBRARY_PATH")
PRELOADS = ("LD_PRELOAD", "LD_LIBRARY_PATH")
"""Those that put other code into a program than its own (ld.so(8))."""

LIMIT = 262_144
"""Bytes of an environment that are read; the kernel allows 6 MiB (fs/exec.c)."""
VALUE_LIMIT = 16_384
"""Bytes of a value that are kept."""

_WHOLE, _CUT = b"=", b"<"


class Environ(dict[str, bytes]):
    """What of `NAMES` is set. `cut`: something was longer than its limit, so a value or its end may be missing."""

    cut: bool = False


def read(procfs: Procfs, pid: int) -> Environ:
    """What a process was started with (proc_pid_environ(5)). Raises ProcessGone, AccessDenied."""
    return picked(procfs.read(f"{pid}/environ", LIMIT + 1))


def picked(raw: bytes) -> Environ:
    """From an environment, of which one byte more than `LIMIT` is looked at.

    Where a name stands twice the last one counts, as for the loader of glibc (elf/rtld.c).
    """
    found = Environ()
    found.cut = len(raw) > LIMIT
    for name in NAMES:
        value = _last(raw, name.encode() + b"=")
        if value is not None:
            found[name] = value[:VALUE_LIMIT]
            found.cut = found.cut or len(value) > VALUE_LIMIT
    return found


def preloads(environ: Environ) -> list[bytes]:
    """What puts other code into a program, as NAME=value."""
    return [name.encode() + b"=" + environ[name] for name in PRELOADS if name in environ]


def packed(environ: Environ) -> bytes:
    """The form in which a helper hands it over: at most 49,200 bytes."""
    lines = [name.encode() + b"=" + value for name, value in environ.items()]
    return (_CUT if environ.cut else _WHOLE) + b"\0".join(lines)


def unpacked(payload: bytes) -> Environ:
    """What `packed` made; a helper has no way to hand over more than `NAMES`."""
    found = picked(payload[1:])
    found.cut = found.cut or payload[:1] == _CUT
    return found


def _last(raw: bytes, key: bytes) -> bytes | None:
    start = raw.rfind(b"\0" + key) + 1
    if start == 0 and not raw.startswith(key):
        return None
    return raw[start + len(key) :].split(b"\0", 1)[0]
