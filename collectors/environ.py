"""The few variables of a process's environment that the sensor looks at, and the names of those that hold secrets.

Nothing else of it is kept or handed on: no value of a secret leaves `secrets`.
"""

import re
from typing import NamedTuple

from collectors.procfs import Procfs
from sensor.model.secret_names import is_secret_variable

PRELOADS = ("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT")
"""Those that put other code into a program than its own (ld.so(8))."""
NAMES = ("PATH", *PRELOADS)

LIMIT = 262_144
"""Bytes of an environment that are read; the kernel allows 6 MiB (fs/exec.c)."""
VALUE_LIMIT = 16_000
"""Bytes of a value that are kept: all of them fit into a helper's answer (`helper_wire.ANSWER_BYTES`)."""

MOST_VARIABLES = 1024
"""Of an environment that are looked at for secrets, 3 µs each, up to 22 for such as are made to take long."""
MOST_SECRETS = 32
"""Names that are told of one environment."""
TESTED_BYTES = 4096
"""Of a value, to see whether it gives a secret away."""

_WHOLE, _CUT = b"=", b"<"
_VARIABLE = re.compile(rb"[^\0]+")
_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
"""Of a variable that is told. A process may write anything over its environment, and that may be anything."""


class Environ(dict[str, bytes]):
    """What of `NAMES` is set. `cut`: something was longer than its limit, so a value or its end may be missing."""

    cut: bool = False


class Secrets(NamedTuple):
    """The names of variables that hold secrets, in their order. `cut`: there may be more."""

    names: tuple[str, ...] = ()
    cut: bool = False


def read(procfs: Procfs, pid: int) -> Environ:
    """What a process was started with (proc_pid_environ(5)). Raises ProcessGone, AccessDenied."""
    return picked(procfs.memory(f"{pid}/environ", LIMIT + 1))


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
    """The form in which a helper hands it over: at most 64,045 bytes."""
    lines = [name.encode() + b"=" + value for name, value in environ.items()]
    return (_CUT if environ.cut else _WHOLE) + b"\0".join(lines)


def unpacked(payload: bytes) -> Environ:
    """What `packed` made; a helper has no way to hand over more than `NAMES`."""
    found = picked(payload[1:])
    found.cut = found.cut or payload[:1] == _CUT
    return found


def read_secrets(procfs: Procfs, pid: int) -> Secrets:
    """Of what a process was started with. Raises ProcessGone, AccessDenied."""
    return secrets(procfs.memory(f"{pid}/environ", LIMIT + 1))


def secrets(raw: bytes) -> Secrets:
    """From an environment, of which one byte more than `LIMIT` is looked at."""
    found: dict[str, None] = {}
    for number, variable in enumerate(_VARIABLE.finditer(raw, 0, LIMIT)):
        if number == MOST_VARIABLES:
            return Secrets(tuple(found), cut=True)
        name, equals, value = variable[0].partition(b"=")
        if not equals or not _NAME.fullmatch(name):
            continue
        if not is_secret_variable(name.decode(), value[:TESTED_BYTES].decode(errors="replace")):
            continue
        if len(found) == MOST_SECRETS:
            return Secrets(tuple(found), cut=True)
        found[name.decode()] = None
    return Secrets(tuple(found), cut=len(raw) > LIMIT)


def packed_secrets(found: Secrets) -> bytes:
    """The form in which a helper hands them over: at most 4,130 bytes."""
    return (_CUT if found.cut else _WHOLE) + b"\0".join(name.encode() for name in found.names)


def unpacked_secrets(payload: bytes) -> Secrets:
    """What `packed_secrets` made; what is no name is left out, since the helper is another user's."""
    names = [name for name in payload[1:].split(b"\0")[:MOST_SECRETS] if _NAME.fullmatch(name)]
    return Secrets(tuple(name.decode() for name in names), cut=payload[:1] == _CUT)


def _last(raw: bytes, key: bytes) -> bytes | None:
    start = raw.rfind(b"\0" + key) + 1
    if start == 0 and not raw.startswith(key):
        return None
    return raw[start + len(key) :].split(b"\0", 1)[0]
