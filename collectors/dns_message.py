"""One DNS message as text: who asks what, and what the answer says (RFC 1035 4.1; EDNS is RFC 6891).

Written for what attackers send: it never raises, reads no byte twice but for names, follows pointers backwards only,
and stops at `MOST_ANSWERS` records and `MOST_TEXT` characters. The authority and additional sections are passed over
but for the bits that EDNS adds to the response code.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from collectors import dns_numbers as numbers
from collectors.dns_rdata import READERS, unknown_text
from collectors.dns_wire import MOST_STEPS, Malformed, Names, TooMuch, name_at

MOST_ANSWERS = 64
"""Records that are told of one answer; also the most that are passed over behind them in search of EDNS."""
MOST_TEXT = 8192
"""Characters of the values of all records of one answer together."""
MOST_SEGMENTS = 128
"""UDP_MAX_SEGMENTS in include/linux/udp.h."""
MOST_STEPS_OF_ALL = 20 * MOST_SEGMENTS
"""Labels and pointers read in one datagram: ten of each message, to find its end and to read it. Without a bound one of
33 kB was made that took 38 ms."""
QUERY = "QUERY"
_INTERNET = 1

_HEADER = struct.Struct("!6H")  # id, flags, and how many questions, answers, authorities, additional records
_QUESTION = struct.Struct("!HH")  # type, class
_RECORD = struct.Struct("!HHIH")  # type, class, seconds to live, length of the data


class Question(NamedTuple):
    """What is asked: a name in lower case without the last dot, `.` for the root, and the type's mnemonic."""

    name: str
    type: str


class Answer(NamedTuple):
    """One record. `ttl` is in seconds; `value` an address as inet_ntop(3) writes it, a name, or the type's own form."""

    name: str
    type: str
    ttl: int
    value: str

    @property
    def text(self) -> str:
        """The public form, `A 192.0.2.1`."""
        return f"{self.type} {self.value}"


class DnsMessage(NamedTuple):
    """A message, or as much of it as could be read.

    `truncated` is the sender's word for it that not everything fitted (TC). `cut` is ours: more records or text came
    than are kept. `fault` says what is wrong with the bytes and where, None if nothing is: a record whose data does
    not fit its type is told undecoded and costs no other; what lies behind a record without an end is lost.
    Answers are read where `opcode` is QUERY; elsewhere the sections mean other things.
    """

    id: int
    is_response: bool
    opcode: str
    rcode: str
    truncated: bool
    question: Question | None
    answers: tuple[Answer, ...] = ()
    cut: bool = False
    fault: str | None = None


class _Section(NamedTuple):
    """The answers that were read, and where the next section begins, None if that is not known."""

    answers: list[Answer]
    after: int | None
    cut: bool = False
    fault: str | None = None


def parse(data: bytes, names: Names | None = None) -> DnsMessage | None:
    """The message, without the two bytes of length that TCP puts before it.

    None where there is no header, or a question is promised and not there: that is no DNS. A message without a
    question is one (a server that cannot read a query answers so). `names` are given where its steps are bounded.
    """
    if len(data) < _HEADER.size:
        return None
    ident, flags, questions, count, authorities, additional = _HEADER.unpack_from(data)
    names = names or Names()
    try:
        question, at = _question(data, names) if questions else (None, _HEADER.size)
    except (Malformed, TooMuch):
        return None
    opcode, rcode = numbers.opcode_text(flags >> 11 & 15), flags & 15
    section = _Section([], None)
    if questions > 1:
        section = _Section([], None, fault=f"{questions} questions")  # RFC 9619 allows one
    elif opcode == QUERY:
        section = _answers(data, at, count, names)
    if section.after is not None and additional:
        rcode |= _extended(data, section.after, authorities + additional, names)
    return DnsMessage(
        ident,
        flags >= 0x8000,
        opcode,
        numbers.rcode_text(rcode),
        flags & 0x200 != 0,
        question,
        tuple(section.answers),
        section.cut,
        section.fault,
    )


def parse_all(data: bytes) -> Iterator[DnsMessage | None]:
    """The messages of a datagram, each as `parse` has it; None once for all the rest, where it is too much work."""
    names = Names(MOST_STEPS_OF_ALL - MOST_STEPS)
    for one in messages(data, names):
        if not names.another():
            yield None
            return
        yield parse(one, names)


def messages(data: bytes, names: Names) -> Iterator[bytes]:
    """The messages of a datagram: one, or several where the kernel cuts it only later (UDP_SEGMENT, udp(7)).

    What lies behind a message whose end is found is taken for another one; what is left when the steps are used up, for
    one as a whole.
    """
    for _ in range(MOST_SEGMENTS - 1):
        names.another()
        end = _end(data, names)
        if end is None or end >= len(data):
            break
        yield data[:end]
        data = data[end:]
    yield data


def _end(data: bytes, names: Names) -> int | None:
    """Where the message ends; None where no end is found."""
    if len(data) < _HEADER.size:
        return None
    _ident, _flags, questions, *records = _HEADER.unpack_from(data)
    at = _HEADER.size
    try:
        for _ in range(min(questions, MOST_ANSWERS)):
            at = name_at(data, at, len(data), names)[1] + _QUESTION.size
        for _ in range(min(sum(records), MOST_ANSWERS)):
            at = _record(data, name_at(data, at, len(data), names)[1])[-1]
    except (Malformed, TooMuch):
        return None
    return at


def _question(data: bytes, names: Names) -> tuple[Question, int]:
    name, at = name_at(data, _HEADER.size, len(data), names)
    if at + _QUESTION.size > len(data):
        raise Malformed(f"a question without an end at {at}")
    return Question(name, numbers.type_text(_QUESTION.unpack_from(data, at)[0])), at + _QUESTION.size


def _answers(data: bytes, at: int, count: int, names: Names) -> _Section:
    """A value is kept whole or not at all, since half an address is another one; only a first one may be cut."""
    found: list[Answer] = []
    left, fault = MOST_TEXT, None
    for number in range(1, count + 1):
        if number > MOST_ANSWERS:
            return _Section(found, None, True, fault)
        try:
            name, at = name_at(data, at, len(data), names)
            kind, category, ttl, start, end = _record(data, at)
        except Malformed as error:
            return _Section(found, None, fault=fault or f"answer {number}: {error}")
        except TooMuch:
            return _Section(found, None, True, fault)
        try:
            read = READERS.get(kind, unknown_text) if category == _INTERNET else unknown_text
            value = read(data, start, end, names, left)
        except Malformed as error:
            fault = fault or f"answer {number}: {error}"
            value = unknown_text(data, start, end, names, left)
        except TooMuch:
            return _Section(found, None, True, fault)
        if len(value) > left:
            if not found:
                found.append(Answer(name, numbers.type_text(kind), ttl, value[:left]))
            return _Section(found, None, True, fault)
        found.append(Answer(name, numbers.type_text(kind), ttl, value))
        left -= len(value)
        at = end
    return _Section(found, at, fault=fault)


def _record(data: bytes, at: int) -> tuple[int, int, int, int, int]:
    """Type, class, seconds to live, and where the data begins and ends, of the record whose name ended at `at`."""
    start = at + _RECORD.size
    if start > len(data):
        raise Malformed(f"a record without an end at {at}")
    kind, category, ttl, length = _RECORD.unpack_from(data, at)
    if start + length > len(data):
        raise Malformed(f"{length} bytes of data are promised and {len(data) - start} left at {start}")
    return kind, category, ttl if ttl < 1 << 31 else 0, start, start + length  # RFC 2181, 8: a sign bit means none


def _extended(data: bytes, at: int, count: int, names: Names) -> int:
    """The upper eight bits that an OPT record adds to the response code, in their place; 0 if none is found."""
    for _ in range(min(count, MOST_ANSWERS)):
        try:
            _name, start = name_at(data, at, len(data), names)
            kind, _category, _ttl, _start, at = _record(data, start)
        except (Malformed, TooMuch):
            return 0
        if kind == numbers.OPT:
            return data[start + 4] << 4  # the first byte of what is the time to live elsewhere
    return 0
