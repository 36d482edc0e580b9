"""Names and strings in a DNS message, as text; no bytes can make it loop, or raise anything but `Malformed`.

Names are RFC 1035 4.1.4, their text form 5.1 of it and RFC 4343. What attackers do to decoders of names is RFC 9267.
"""

import re

MOST_NAME = 255
"""Bytes of a name on the wire, the root's included (RFC 1035, 2.3.4)."""
MOST_HOPS = 127
"""Pointers followed in one name: as many as it can have labels, since no compressor points to a pointer."""

_PLAIN = re.compile(rb"[!#%&'*+,\-./0-9:<=>?A-Z\[\]^_`a-z{|}~]*")
_ESCAPED = {byte: f"\\{byte:03d}" for byte in (*range(0x21), *range(0x7F, 0x100))}
_LABEL = [_ESCAPED.get(byte) or ("\\" if chr(byte) in '"().;\\@$' else "") + chr(byte) for byte in range(256)]
_STRING = [_LABEL[byte] if byte < 0x20 or byte > 0x7E or chr(byte) in '"\\' else chr(byte) for byte in range(256)]

Names = dict[int, str]
"""The names of a message that were read, by where they begin."""


class Malformed(ValueError):
    """What is wrong, and at which byte of the message."""


def name_at(data: bytes, start: int, end: int, known: Names) -> tuple[str, int]:
    """The name that begins at `start` and where it ends; its own bytes lie before `end`.

    Lower case, without the last dot, `.` for the root. Pointers lead strictly backwards, to anywhere in the message.
    """
    labels: list[bytes] = []
    at, limit, lowest, after, size, hops = start, end, start, 0, 1, 0
    while True:
        if at >= limit:
            raise Malformed(f"a name leaves its place at {at}")
        length = data[at]
        if length == 0:
            break
        if length < 64:
            size += length + 1
            if at + length >= limit:
                raise Malformed(f"a label leaves its place at {at}")
            if size > MOST_NAME:
                raise Malformed(f"a name is longer than {MOST_NAME} bytes at {start}")
            labels.append(data[at + 1 : at + 1 + length])
            at += length + 1
            continue
        target = _target(data, at, limit)
        after = after or at + 2
        hops += 1
        if target >= lowest or hops > MOST_HOPS:
            raise Malformed(f"a pointer leads {'forward' if target >= lowest else 'on and on'} at {at}")
        if not labels and target in known:
            return known[target], after
        at = lowest = target
        limit = len(data)
    name = known[start] = name_text(labels)
    return name, after or at + 1


def name_text(labels: list[bytes]) -> str:
    """Labels in the form of RFC 1035 5.1: what could be mistaken is escaped, what cannot be printed is `\\DDD`."""
    joined = b".".join(labels).lower()
    if joined.count(b".") == len(labels) - 1 and _PLAIN.fullmatch(joined):
        return joined.decode("ascii")
    return ".".join("".join([_LABEL[byte] for byte in label.lower()]) for label in labels) or "."


def string_text(raw: bytes) -> str:
    """A character string in quotes, as master files have it (RFC 1035, 5.1)."""
    return '"' + "".join([_STRING[byte] for byte in raw]) + '"'


def _target(data: bytes, at: int, limit: int) -> int:
    """Where the pointer at `at` leads. The other two kinds of labels were never in use (RFC 6891, 5)."""
    if data[at] < 0xC0:
        raise Malformed(f"a label of an unknown kind at {at}")
    if at + 2 > limit:
        raise Malformed(f"a pointer leaves its place at {at}")
    return (data[at] & 0x3F) << 8 | data[at + 1]
