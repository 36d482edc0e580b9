"""What the kernel puts on a new program's stack, in 64-bit programs (fs/binfmt_elf.c, create_elf_tables).

At the stack pointer lie the number of arguments, the pointers to them, a null, those to the environment, a null, and
the auxiliary vector (getauxval(3)), all words of 8 bytes. Above them lie the strings in the same order, side by side,
and behind the environment the file name that was given to execve(2), which the auxiliary vector points to.
"""

import struct
from typing import NamedTuple

_WORD = 8
_TWO = struct.Struct("<QQ")
_AUX = 2 * _WORD * 32
"""Bytes of the auxiliary vector that are looked at; the kernel writes some 20 pairs."""
_RANDOM, _FILE_NAME = 25, 31
"""AT_RANDOM and AT_EXECFN (include/uapi/linux/auxvec.h)."""
RANDOM_BYTES = 16
"""At AT_RANDOM; the kernel draws them for each program, and no other has the same."""


class Start(NamedTuple):
    """Arguments and environment as they were given, with their NULs, the address of the arguments, and that of the
    program's random bytes, 0 if it has none."""

    args: bytes
    environ: bytes
    args_at: int
    random_at: int


def parse(raw: bytes, stack: int) -> Start | None:
    """The bytes from the stack pointer on; None where they are not what the kernel writes."""
    if len(raw) < 2 * _WORD:
        return None
    count, args_at = _TWO.unpack_from(raw)
    variables = _WORD * (count + 2)
    if variables + _WORD > len(raw):
        return None
    aux = _after_null(raw, variables)
    if aux is None or _FILE_NAME not in (auxiliary := _auxiliary(raw, aux)):
        return None
    end = auxiliary[_FILE_NAME] - stack
    middle = end if aux == variables + _WORD else int.from_bytes(raw[variables : variables + _WORD], "little") - stack
    begin = args_at - stack if count else middle  # before Linux 5.18 there may be no argument at all
    if not aux <= begin <= middle <= end <= len(raw):
        return None
    return Start(raw[begin:middle], raw[middle:end], begin + stack, auxiliary.get(_RANDOM, 0))


def _after_null(raw: bytes, at: int) -> int | None:
    """The word behind the next null; the upper bytes of the pointer before it are zeros too."""
    found = raw.find(bytes(_WORD), at)
    return None if found < 0 else (found + 2 * _WORD - 1) // _WORD * _WORD


def _auxiliary(raw: bytes, at: int) -> dict[int, int]:
    found: dict[int, int] = {}
    size = min(_AUX, (len(raw) - at) // _TWO.size * _TWO.size)
    for kind, value in _TWO.iter_unpack(raw[at : at + max(size, 0)]):
        if kind == 0:
            break
        found[kind] = value
    return found
