"""Classic BPF, the machine that the kernel runs over what a socket is about to receive: assembling and attaching it.

The machine and its codes are in Documentation/networking/filter.rst, what is loaded of facts beside a packet
(`SKF_AD_*`) in include/uapi/linux/filter.h.
"""

import ctypes
import socket
import struct
from collections.abc import Iterable
from typing import NamedTuple

BESIDE = 0xFFFFF000
"""SKF_AD_OFF, where facts beside the packet begin."""
LOAD_WORD, LOAD_HALF, LOAD_BYTE = 0x20, 0x28, 0x30
LOAD_HALF_X, LOAD_BYTE_X = 0x48, 0x50
HEADER_LENGTH_TO_X, IMMEDIATE_TO_X = 0xB1, 0x01
AND = 0x54
EQUAL, ANY_BIT, ALWAYS, RETURN = 0x15, 0x45, 0x05, 0x06
WHOLE = 0xFFFFFFFF
"""What a filter returns to pass all of it, however long; 0 drops."""

_SO_ATTACH_FILTER = 26
_INSTRUCTION = struct.Struct("=HBBI")  # struct sock_filter


class Step(NamedTuple):
    """One instruction; jumps name the label that they go to, None for the next instruction."""

    code: int
    k: int = 0
    yes: str | None = None
    no: str | None = None


Item = Step | str
"""An instruction, or the label of the next one."""


def assembled(items: Iterable[Item]) -> bytes:
    """The instructions as the kernel wants them (struct sock_filter). Raises ValueError for a jump that is too far."""
    steps: list[Step] = []
    places: dict[str, int] = {}
    for item in items:
        if isinstance(item, str):
            places[item] = len(steps)
        else:
            steps.append(item)
    return b"".join(_encoded(step, number, places) for number, step in enumerate(steps))


NOTHING = _INSTRUCTION.pack(RETURN, 0, 0, 0)
"""Drops all."""


def attach(to: socket.socket, code: bytes) -> None:
    """The socket receives what this filter passes from now on. Raises OSError where the kernel refuses it."""
    program = ctypes.create_string_buffer(code, len(code))
    pointer = struct.pack("HP", len(code) // _INSTRUCTION.size, ctypes.addressof(program))  # struct sock_fprog
    to.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pointer)


def _encoded(step: Step, number: int, places: dict[str, int]) -> bytes:
    yes, no = (places[label] - number - 1 if label else 0 for label in (step.yes, step.no))
    if step.code == ALWAYS:
        return _INSTRUCTION.pack(step.code, 0, 0, yes)
    if not (0 <= yes <= 255 and 0 <= no <= 255):
        raise ValueError(f"instruction {number} jumps too far")
    return _INSTRUCTION.pack(step.code, yes, no, step.k)
