"""Names and strings in a DNS message, as text; no bytes can make it loop, or raise anything but what is here.

Names are RFC 1035 4.1.4, their text form 5.1 of it and RFC 4343. What attackers do to decoders of names is RFC 9267.
"""

import re

MOST_NAME = 255
"""Bytes of a name on the wire, the root's included (RFC 1035, 2.3.4)."""
MOST_STEPS = 640
"""Labels and pointers read in one message: ten for each record that is kept. Without a bound a packet of 1,300 bytes
was made that took 10 ms."""

_PLAIN = re.compile(rb"[!#%&'*+,\-./0-9:<=>?A-Z\[\]^_`a-z{|}~]*")
_SEPARATOR = "\u0100"  # no byte decodes to it
_UNPRINTABLE = {byte: f"\\{byte:03d}" for byte in (*range(0x20), *range(0x7F, 0x100))}
_STRING = _UNPRINTABLE | {ord(character): f"\\{character}" for character in '"\\'}
_NAME = _STRING | {ord(character): f"\\{character}" for character in "().;@$"} | {0x20: "\\032", 0x100: "."}


class Malformed(ValueError):
    """What is wrong, and at which byte of the message."""


class TooMuch(Exception):
    """The names of a message are more work than it is worth."""


class Names:
    """The names of one message that were read, by where they begin, and the steps that are left for others.

    `spare` are steps for more than one message: of a datagram that holds several, each read twice.
    """

    __slots__ = ("known", "spare", "steps")

    def __init__(self, spare: int = 0) -> None:
        self.known: dict[int, str] = {}
        self.steps = MOST_STEPS
        self.spare = spare

    def another(self) -> bool:
        """Another message is read, or the same again, with what steps are left; whether there are any."""
        self.known.clear()
        left = max(self.steps, 0) + self.spare
        self.steps = min(left, MOST_STEPS)
        self.spare = left - self.steps
        return self.steps > 0


def name_at(data: bytes, start: int, end: int, names: Names) -> tuple[str, int]:
    """The name that begins at `start` and where it ends; its own bytes lie before `end`.

    Lower case, without the last dot, `.` for the root. Pointers lead strictly backwards, to anywhere in the message.
    Raises `Malformed`, and `TooMuch` when the steps are used up.
    """
    labels: list[bytes] = []
    at, limit, lowest, after, size = start, end, start, 0, 1
    while True:
        if at >= limit:
            raise Malformed(f"a name leaves its place at {at}")
        length = data[at]
        if length == 0:
            break
        names.steps -= 1
        if names.steps < 0:
            raise TooMuch
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
        if target >= lowest:
            raise Malformed(f"a pointer leads forward at {at}")
        if not labels and target in names.known:
            return names.known[target], after
        at = lowest = target
        limit = len(data)
    name = names.known[start] = name_text(labels)
    return name, after or at + 1


def name_text(labels: list[bytes]) -> str:
    """Labels in the form of RFC 1035 5.1: what could be mistaken is escaped, what cannot be printed is `\\DDD`."""
    if not labels:
        return "."
    joined = b".".join(labels).lower()
    if joined.count(b".") == len(labels) - 1 and _PLAIN.fullmatch(joined):
        return joined.decode("ascii")
    return _SEPARATOR.join([label.lower().decode("latin-1") for label in labels]).translate(_NAME)


def string_text(raw: bytes) -> str:
    """A character string in quotes, as master files have it (RFC 1035, 5.1)."""
    return f'"{raw.decode("latin-1").translate(_STRING)}"'


def _target(data: bytes, at: int, limit: int) -> int:
    """Where the pointer at `at` leads. The other two kinds of labels were never in use (RFC 6891, 5)."""
    if data[at] < 0xC0:
        raise Malformed(f"a label of an unknown kind at {at}")
    if at + 2 > limit:
        raise Malformed(f"a pointer leaves its place at {at}")
    return (data[at] & 0x3F) << 8 | data[at + 1]
