"""The classic capture format: a header of 24 bytes, and before each packet one of 16 (pcap-savefile(5))."""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

LINKTYPE_RAW = 101
"""Packets begin with their IP header, as an AF_PACKET socket of the kind SOCK_DGRAM has them."""

_FILE = struct.Struct("<IHHiIII")
_PACKET = struct.Struct("<IIII")
_MAGIC = 0xA1B2C3D4


class Captured(NamedTuple):
    """A packet and when it was seen, in seconds."""

    time: float
    packet: bytes


def read(path: Path) -> Iterator[Captured]:
    """The packets of a file of raw IP. Raises ValueError for anything else, and where the file ends too early."""
    data = path.read_bytes()
    magic, *_rest, link = _FILE.unpack_from(data)
    if magic != _MAGIC or link != LINKTYPE_RAW:
        raise ValueError(f"{path}: no capture of raw IP in this byte order")
    at = _FILE.size
    while at < len(data):
        seconds, micros, kept, _whole = _PACKET.unpack_from(data, at)
        at += _PACKET.size
        if at + kept > len(data):
            raise ValueError(f"{path}: a packet is cut off at byte {at}")
        yield Captured(seconds + micros / 1e6, data[at : at + kept])
        at += kept


def written(packets: Iterable[Captured]) -> bytes:
    """A file with these packets."""
    parts = [_FILE.pack(_MAGIC, 2, 4, 0, 0, 65535, LINKTYPE_RAW)]
    for captured in packets:
        micros = round(captured.time * 1e6)
        size = len(captured.packet)
        parts += [_PACKET.pack(micros // 1_000_000, micros % 1_000_000, size, size), captured.packet]
    return b"".join(parts)
