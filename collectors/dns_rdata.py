"""What a record of a DNS answer says, as text: RFC 1035 3.3, 3596 (AAAA), 2782 (SRV), 6672 (DNAME), 9460 (SVCB, HTTPS).

Types without a form of their own here, and every class but the Internet's, are told as RFC 3597 has it:
`\\# 4 c0000201`.
"""

import struct
from collections.abc import Callable
from socket import AF_INET, AF_INET6, inet_ntop

from collectors import dns_numbers as numbers
from collectors.dns_wire import Malformed, Names, name_at, string_text

_NUMBER = struct.Struct("!H")
_THREE = struct.Struct("!HHH")
_TIMES = struct.Struct("!IIIII")


def unknown_text(data: bytes, start: int, end: int, _names: Names, most: int) -> str:
    """Data whose meaning is not known: its length in bytes, and hexadecimal digits."""
    return f"\\# {end - start} {data[start : min(end, start + most // 2)].hex()}".rstrip()


def _address(data: bytes, start: int, end: int, _names: Names, _most: int) -> str:
    if end - start != 4:
        raise Malformed(f"an IPv4 address of {end - start} bytes at {start}")
    return inet_ntop(AF_INET, data[start:end])


def _address6(data: bytes, start: int, end: int, _names: Names, _most: int) -> str:
    if end - start != 16:
        raise Malformed(f"an IPv6 address of {end - start} bytes at {start}")
    return inet_ntop(AF_INET6, data[start:end])


def _name(data: bytes, start: int, end: int, names: Names, _most: int) -> str:
    name, after = name_at(data, start, end, names)
    if after != end:
        raise Malformed(f"{end - after} bytes follow a name at {after}")
    return name


def _preference(data: bytes, start: int, end: int, names: Names, most: int) -> str:
    """MX: a preference and a name."""
    return f"{_numbers(_NUMBER, data, start, end)} {_name(data, start + 2, end, names, most)}"


def _service(data: bytes, start: int, end: int, names: Names, most: int) -> str:
    """SRV: priority, weight, port, target."""
    return f"{_numbers(_THREE, data, start, end)} {_name(data, start + 6, end, names, most)}"


def _binding(data: bytes, start: int, end: int, names: Names, _most: int) -> str:
    """SVCB, HTTPS: priority and target. The parameters behind them (hints, ALPN, keys) are passed over."""
    priority = _numbers(_NUMBER, data, start, end)
    target, _after = name_at(data, start + 2, end, names)
    return f"{priority} {target}"


def _authority(data: bytes, start: int, end: int, names: Names, _most: int) -> str:
    """SOA: primary, mailbox, serial, and four times in seconds."""
    primary, at = name_at(data, start, end, names)
    mailbox, at = name_at(data, at, end, names)
    if end - at != _TIMES.size:
        raise Malformed(f"an SOA record with {end - at} bytes of numbers at {at}")
    return f"{primary} {mailbox} {_numbers(_TIMES, data, at, end)}"


def _strings(data: bytes, start: int, end: int, _names: Names, most: int) -> str:
    """TXT: strings of up to 255 bytes; none at all, which RFC 1035 does not allow, is no text."""
    texts: list[str] = []
    at, made = start, 0
    while at < end and made <= most + 1:
        stop = at + 1 + data[at]
        if stop > end:
            raise Malformed(f"a string leaves its record at {at}")
        texts.append(string_text(data[at + 1 : stop]))
        made += len(texts[-1]) + 1
        at = stop
    return " ".join(texts)


def _numbers(layout: struct.Struct, data: bytes, start: int, end: int) -> str:
    if end - start < layout.size:
        raise Malformed(f"a record's numbers leave it at {start}")
    return " ".join(map(str, layout.unpack_from(data, start)))


READERS: dict[int, Callable[[bytes, int, int, Names, int], str]] = {
    numbers.A: _address,
    numbers.AAAA: _address6,
    numbers.NS: _name,
    numbers.CNAME: _name,
    numbers.PTR: _name,
    numbers.DNAME: _name,
    numbers.MX: _preference,
    numbers.TXT: _strings,
    numbers.SRV: _service,
    numbers.SOA: _authority,
    numbers.SVCB: _binding,
    numbers.HTTPS: _binding,
}
"""By type, for the Internet class: what makes text of the data between two offsets of a message.

Given are also the message's names, and how many characters are wanted: of data that is longer, something longer
comes back, though not all of it. They raise `TooMuch`, and `Malformed` where the data is not what the type asks for, or
leaves its place.
"""
