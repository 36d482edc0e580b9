"""What the sensor and its tracer say to each other.

Records go through a pipe, from the tracer to the sensor, in the order in which things happened: a header and a
payload. Questions and answers go over a SOCK_SEQPACKET pair beside it, so that no number of records keeps a sign of
life from arriving.
"""

import struct
from typing import NamedTuple

HEADER = struct.Struct("<IBIQ")
"""Bytes of the payload, kind, PID, and when it happened in ns since 1970."""
LENGTHS = struct.Struct("<9i")
"""At the beginning of the payload of `EXEC`: the length of each field, or why there is none."""
PARENT = struct.Struct("<I")
"""The payload of `BORN`: the process that it was born of, which may have ended before its child runs a program, or
`NOBODY` where that is not known."""
NOBODY = 0
STATUS = struct.Struct("<I")
"""The payload of `EXIT`: a wait status."""

BORN, THREAD, KNOWN, EXEC, EXIT, ATTACHED, REFUSED, STRAYED = range(1, 9)
"""A process or a thread has its number; a process that runs no program of its own yet becomes a parent (its stat);
a process runs a program (`ExecFields`); it has ended; it is followed; it is not (the reason as text); or it is no more,
and runs a program that was not seen."""

VERSION = struct.Struct("<QQIqq")
"""Device, inode, mode, change time in ns and size of a program's file."""

IMAGE = struct.Struct("<QQ")
"""Where the stack and the arguments of a program lie, which is random."""

GONE, DENIED, TOO_LONG = -1, -2, -3
"""Why there is no field, in the place of its length; `TOO_LONG` as in `procfs`."""
MOST_PAYLOAD = 1 << 20

PING = struct.Struct("<cI")
ATTACH = struct.Struct("<cIQ")
"""A PID, and the start ticks that make it unambiguous."""
PING_LETTER, ATTACH_LETTER = b"p", b"a"
QUESTION_BYTES = ATTACH.size
PULSE = struct.Struct("<IIQQQ")
"""The answer to a `PING`: its number, how many threads are followed, and since the start execs, stops and records that
there was no room for."""
STUCK = struct.Struct("<cI")
"""Said once in the place of all answers: the process that cannot be attached to, and for which all others wait."""
STUCK_LETTER = b"s"
FAILED = b"!"
"""Before the reason, as text, for which the tracer ends."""


class Record(NamedTuple):
    """One thing that happened to a tracee."""

    kind: int
    pid: int
    time: int
    payload: bytes


class ExecFields(NamedTuple):
    """What was read of a program as it began: the stat of its process, its arguments with their NULs, the links `exe`
    and `cwd`, effective uid and gid as text, what `environ.packed` makes of its environment, which version of its
    file it is (`VERSION`), its `IMAGE`, and what `standard_input` says; or why not. The stat and the last are of a
    moment later."""

    stat: bytes
    args: bytes | int
    exe: bytes | int
    cwd: bytes | int
    ids: bytes | int
    environ: bytes | int
    version: bytes | int
    image: bytes | int
    stdin: bytes | int


class MalformedRecord(Exception):
    """Bytes that no tracer of ours writes."""


def pack(kind: int, pid: int, time: int, payload: bytes = b"") -> bytes:
    """One record."""
    return HEADER.pack(len(payload), kind, pid, time) + payload


def pack_fields(fields: ExecFields) -> bytes:
    """The payload of `EXEC`."""
    lengths = [field if isinstance(field, int) else len(field) for field in fields]
    return LENGTHS.pack(*lengths) + b"".join([field for field in fields if isinstance(field, bytes)])


def unpack_fields(payload: bytes) -> ExecFields:
    """What `pack_fields` made. Raises MalformedRecord."""
    if len(payload) < LENGTHS.size:
        raise MalformedRecord("an exec without fields")
    lengths = LENGTHS.unpack_from(payload)
    if LENGTHS.size + sum(max(length, 0) for length in lengths) != len(payload) or lengths[0] < 0:
        raise MalformedRecord(f"an exec of {len(payload)} bytes with fields of {lengths}")
    at, fields = LENGTHS.size, list[bytes | int]()
    for length in lengths:
        fields.append(payload[at : at + length] if length >= 0 else length)
        at += max(length, 0)
    return ExecFields(payload[LENGTHS.size : LENGTHS.size + lengths[0]], *fields[1:])


def records(raw: bytes) -> tuple[list[Record], bytes]:
    """The whole records at the front, and what is left. Raises MalformedRecord."""
    found: list[Record] = []
    at = 0
    while len(raw) - at >= HEADER.size:
        length, kind, pid, time = HEADER.unpack_from(raw, at)
        if length > MOST_PAYLOAD or not BORN <= kind <= STRAYED:
            raise MalformedRecord(f"kind {kind}, {length} bytes")
        end = at + HEADER.size + length
        if end > len(raw):
            break
        found.append(Record(kind, pid, time, raw[at + HEADER.size : end]))
        at = end
    return found, raw[at:]
