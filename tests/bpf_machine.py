"""A small machine of classic BPF, for filters that the kernel runs elsewhere."""

import operator
import struct
from collections.abc import Mapping

LO, ETH = 1, 2
"""Numbers of interfaces."""
SIZES = {0x20: 4, 0x28: 2, 0x30: 1, 0x48: 2, 0x50: 1}
"""Bytes that each load takes."""
TESTS = {0x15: operator.eq, 0x45: operator.and_}
"""What a jump asks."""


def run_over_packet(code: bytes, packet: bytes, interface: int = ETH, kind: int = 0) -> int:
    """How many bytes of a packet that begins with its network header the filter passes."""
    return run(code, packet, {0: 0x0800 if packet[0] >> 4 == 4 else 0x86DD, 4: kind, 8: interface})


def run(code: bytes, data: bytes, beside: Mapping[int, int]) -> int:
    """How many bytes the filter passes; a load beyond the data passes none, as in the kernel."""
    steps = list(struct.iter_unpack("=HBBI", code))
    a = x = at = 0
    while True:
        operation, yes, no, k = steps[at]
        at += 1
        if operation in SIZES:
            where = k + x if operation in (0x48, 0x50) else k
            found = loaded(data, beside, where, SIZES[operation])
            if found is None:
                return 0
            a = found
        elif operation == 0xB1:
            x = (data[k] & 0xF) * 4
        elif operation == 0x01:
            x = k
        elif operation == 0x54:
            a &= k
        elif operation in TESTS:
            at += yes if TESTS[operation](a, k) else no
        elif operation == 0x05:
            at += k
        elif operation == 0x06:
            return k
        else:
            raise ValueError(f"no instruction of these filters: {operation:#x}")


def loaded(data: bytes, beside: Mapping[int, int], where: int, size: int) -> int | None:
    """What a load gets, None where there is nothing."""
    if where >= 0xFFFFF000:
        return beside[where - 0xFFFFF000]
    return int.from_bytes(data[where : where + size], "big") if where + size <= len(data) else None
