"""DNS messages: what each type says, and messages that lie, end early, or are no messages."""

import struct

import dns_bytes as dns
import pytest
from dns_bytes import ASKED, address, answer, header, name, opt, pointer, query, question, record
from hypothesis import given
from hypothesis import strategies as st

from collectors.dns_message import MOST_ANSWERS, MOST_TEXT, DnsMessage, Question, parse


def parsed(data: bytes) -> DnsMessage:
    message = parse(data)
    assert message is not None
    return message


def texts(*records: bytes) -> list[str]:
    message = parsed(answer(*records))
    assert (message.fault, message.cut) == (None, False)
    return [one.text for one in message.answers]


def test_a_query_says_what_it_asks() -> None:
    message = parsed(query(4711, "WWW.Example.org", dns.AAAA))

    assert message == DnsMessage(4711, False, "QUERY", "NOERROR", False, Question("www.example.org", "AAAA"))


def test_an_answer_has_its_records_with_owner_type_ttl_and_value() -> None:
    edge = record(dns.CNAME, name("Edge.example.net"), ttl=300)
    message = parsed(answer(edge, address("192.0.2.1", owner=name("edge.example.net"), ttl=5)))

    assert message.is_response
    assert (message.rcode, message.truncated, message.cut, message.fault) == ("NOERROR", False, False, None)
    assert message.answers == (
        ("www.example.org", "CNAME", 300, "edge.example.net"),
        ("edge.example.net", "A", 5, "192.0.2.1"),
    )
    assert [one.text for one in message.answers] == ["CNAME edge.example.net", "A 192.0.2.1"]


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        (dns.A, b"\xc0\0\2\1", "A 192.0.2.1"),
        (dns.AAAA, bytes.fromhex("20010db8" + "00" * 11 + "01"), "AAAA 2001:db8::1"),
        (dns.NS, b"\3ns1" + ASKED, "NS ns1.www.example.org"),
        (dns.PTR, name("host.example.org"), "PTR host.example.org"),
        (39, name("example.net"), "DNAME example.net"),
        (dns.MX, b"\0\x0a" + name("mail.example.org"), "MX 10 mail.example.org"),
        (dns.MX, b"\0\0\0", "MX 0 ."),
        (dns.TXT, b"\3a b\0\2\"\xe9", 'TXT "a b" "" "\\"\\233"'),
        (dns.TXT, b"", "TXT "),
        (dns.SRV, b"\0\1\0\2\1\xbb" + name("www.example.org"), "SRV 1 2 443 www.example.org"),
        (dns.HTTPS, b"\0\1\0" + b"\0\1\0\3\2h2" + b"\0\4\0\4\xc0\0\2\1", "HTTPS 1 ."),
        (64, b"\0\0" + name("svc.example.net"), "SVCB 0 svc.example.net"),
        (dns.SOA, name("ns.example.org") + b"\1h" + ASKED + bytes(range(20)),
         "SOA ns.example.org h.www.example.org 66051 67438087 134810123 202182159 269554195"),
        (10, b"\1\2", "NULL \\# 2 0102"),
        (257, b"\0\5issue", "CAA \\# 7 00056973737565"),
        (65400, b"", "TYPE65400 \\# 0"),
    ],
)  # fmt: skip
def test_each_type_has_its_text(kind: int, data: bytes, text: str) -> None:
    assert texts(record(kind, data)) == [text]


def test_a_record_without_data_may_end_the_message() -> None:
    message = parsed(header(1, dns.RESPONSE, (1, 1, 0, 0)) + question() + record(65400, b""))

    assert [one.text for one in message.answers] == ["TYPE65400 \\# 0"]
    assert message.fault is None


def test_only_the_internets_addresses_are_addresses() -> None:
    assert texts(record(dns.A, b"\xc0\0\2\1", category=3)) == ["A \\# 4 c0000201"]


@pytest.mark.parametrize(
    ("flags", "rcode"),
    [(0, "NOERROR"), (1, "FORMERR"), (2, "SERVFAIL"), (3, "NXDOMAIN"), (4, "NOTIMP"), (5, "REFUSED"), (13, "RCODE13")],
)
def test_response_codes_have_names(flags: int, rcode: str) -> None:
    assert parsed(answer(flags=dns.RESPONSE | flags)).rcode == rcode


@pytest.mark.parametrize(
    "before",
    [
        b"",
        record(dns.SOA, name("ns.example.org") + b"\0" + bytes(20)),
        record(dns.NS, name("ns.example.org"), owner=name("example.org")) + address("192.0.2.7", owner=b"\2ns" + ASKED),
    ],
)
def test_edns_adds_to_the_response_code_wherever_it_stands(before: bytes) -> None:
    behind = before + opt(extended=1, options=b"\0\x0a\0\x08cookies!")
    counts = (1, 1, before.count(b"\2ns") + bool(before), 1)
    message = parsed(header(1, dns.RESPONSE, counts) + question() + address("192.0.2.1") + behind)

    assert message.rcode == "BADVERS"
    assert [one.text for one in message.answers] == ["A 192.0.2.1"]


@pytest.mark.parametrize(
    "tail",
    [b"", b"\0", b"\0\0\x29", b"\xc0", b"\x3fx", b"\0\0\1\0\1\0\0\0\0\xff\xff", address("192.0.2.7") * 12],
)
def test_edns_that_is_not_there_adds_nothing(tail: bytes) -> None:
    message = parsed(header(1, dns.RESPONSE, (1, 0, 3, 9)) + question() + tail)
    assert (message.rcode, message.fault) == ("NOERROR", None)


def test_other_opcodes_are_named_and_their_sections_left_alone() -> None:
    update = header(1, 5 << 11, (1, 1, 0, 0)) + question("example.org", dns.SOA) + record(dns.A, b"", category=255)
    message = parsed(update)

    assert (message.opcode, message.question, message.answers) == ("UPDATE", Question("example.org", "SOA"), ())
    assert parsed(header(1, 15 << 11) + question()).opcode == "OPCODE15"


@pytest.mark.parametrize(
    ("flags", "response", "truncated"), [(0x8000, True, False), (0x0200, False, True), (0x7DFF, False, False)]
)
def test_flags_of_truncation_and_response(flags: int, response: bool, truncated: bool) -> None:
    message = parsed(header(1, flags) + question())
    assert (message.is_response, message.truncated) == (response, truncated)


def test_the_root_can_be_asked_for() -> None:
    assert parsed(query(text=".", kind=dns.NS)).question == Question(".", "NS")


def test_a_response_without_a_question_is_one() -> None:
    message = parsed(header(7, dns.RESPONSE | 1, (0, 0, 0, 0)))
    assert (message.id, message.rcode, message.question, message.fault) == (7, "FORMERR", None, None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(11),
        header(),
        header() + b"\3www",
        header() + pointer(12) + b"\0\1\0\1",  # to itself
        header() + pointer(14) + name("a") + b"\0\1\0\1",  # forward
        header() + b"\x40" + b"x" * 64 + b"\0\0\1\0\1",  # a label of 64 bytes
        header() + (b"\x3f" + b"x" * 63) * 4 + b"\0\0\1\0\1",  # a name of 257 bytes
        header() + name("a") + b"\0\1\0",
    ],
)
def test_what_has_no_header_or_not_the_question_it_promises_is_no_dns(data: bytes) -> None:
    assert parse(data) is None


def test_two_questions_are_a_fault_and_the_first_is_told() -> None:
    message = parsed(header(1, dns.QUERY, (2, 0, 0, 0)) + question("a.example.org") + question("b.example.org"))
    assert (message.question, message.fault) == (Question("a.example.org", "A"), "2 questions")


def test_counts_that_promise_too_much_lose_nothing_that_is_there() -> None:
    message = parsed(header(1, dns.RESPONSE, (1, 65535, 65535, 65535)) + question() + address("192.0.2.1"))

    assert [one.text for one in message.answers] == ["A 192.0.2.1"]
    assert message.fault == "answer 2: a name leaves its place at 49"


@pytest.mark.parametrize(
    ("kind", "data", "why"),
    [
        (dns.A, b"\1\2\3", "an IPv4 address of 3 bytes"),
        (dns.AAAA, bytes(15), "an IPv6 address of 15 bytes"),
        (dns.CNAME, b"", "a name leaves its place"),
        (dns.CNAME, b"\3abc", "a name leaves its place"),
        (dns.CNAME, pointer(0x3000), "a pointer leads forward"),
        (dns.CNAME, name("a") + b"x", "1 bytes follow a name"),
        (dns.MX, b"\0", "numbers leave it"),
        (dns.SRV, b"\0\1\0\2\1\xbb", "a name leaves its place"),
        (dns.HTTPS, b"\0", "numbers leave it"),
        (dns.SOA, b"\0\0" + bytes(19), "19 bytes of numbers"),
        (dns.TXT, b"\5ab", "a string leaves its record"),
    ],
)
def test_data_that_does_not_fit_its_type_is_told_undecoded_and_costs_no_other(kind: int, data: bytes, why: str) -> None:
    message = parsed(answer(record(kind, data), address("192.0.2.9")))

    assert message.answers[0].value == f"\\# {len(data)} {data.hex()}".rstrip()
    assert message.answers[1].text == "A 192.0.2.9"
    assert message.fault is not None
    assert message.fault.startswith("answer 1: ")
    assert why in message.fault


def test_a_length_beyond_the_message_ends_it() -> None:
    torn = ASKED + struct.pack("!HHIH", dns.A, 1, 60, 400) + b"\1\2\3\4"
    message = parsed(header(1, dns.RESPONSE, (1, 2, 0, 0)) + question() + address("192.0.2.1") + torn)

    assert [one.text for one in message.answers] == ["A 192.0.2.1"]
    assert message.fault is not None
    assert message.fault.startswith("answer 2: 400 bytes of data are promised and 4 left")


def test_a_record_without_its_fixed_part_ends_the_message() -> None:
    torn = ASKED + struct.pack("!HHI", dns.A, 1, 60)
    message = parsed(header(1, dns.RESPONSE, (1, 1, 0, 0)) + question() + torn)

    assert (message.answers, message.fault) == ((), "answer 1: a record without an end at 35")


@pytest.mark.parametrize(("wire", "ttl"), [(0x7FFFFFFF, 0x7FFFFFFF), (0x80000000, 0), (0x80000001, 0)])
def test_a_ttl_with_the_sign_bit_is_none(wire: int, ttl: int) -> None:
    assert parsed(answer(address("192.0.2.1", ttl=wire))).answers[0].ttl == ttl


def test_more_records_than_are_kept_are_cut_and_said_so() -> None:
    message = parsed(answer(*[address(f"192.0.2.{n}") for n in range(MOST_ANSWERS)]))
    assert (len(message.answers), message.cut) == (MOST_ANSWERS, False)

    message = parsed(answer(*[address(f"192.0.2.{n}") for n in range(MOST_ANSWERS + 1)]))
    assert (len(message.answers), message.cut, message.fault) == (MOST_ANSWERS, True, None)


@pytest.mark.parametrize("size", [32, 255])
@pytest.mark.parametrize(("kind", "mnemonic"), [(dns.TXT, "TXT"), (10, "NULL")])
def test_a_first_text_is_cut_where_it_is_too_long(kind: int, mnemonic: str, size: int) -> None:
    message = parsed(answer(record(kind, (b"\xff" + b"x" * 255) * size, ttl=7), address("192.0.2.1")))

    (told,) = message.answers
    assert (told.name, told.type, told.ttl, len(told.value)) == ("www.example.org", mnemonic, 7, MOST_TEXT)
    assert (message.cut, message.fault) == (True, None)


def test_a_later_value_is_kept_whole_or_not_at_all() -> None:
    message = parsed(answer(text_of(MOST_TEXT - 9), address("192.0.2.1"), address("192.0.2.222")))

    assert [one.text for one in message.answers[1:]] == ["A 192.0.2.1"]
    assert message.cut


def test_text_that_just_fits_is_not_cut() -> None:
    message = parsed(answer(text_of(MOST_TEXT)))
    assert (len(message.answers[0].value), message.cut) == (MOST_TEXT, False)

    for beyond in (text_of(MOST_TEXT + 1), text_of(MOST_TEXT, more=b"\1x")):
        message = parsed(answer(beyond))
        assert (len(message.answers[0].value), message.cut) == (MOST_TEXT, True)


@pytest.mark.parametrize("where", ["owner", "value"])
def test_names_that_are_more_work_than_a_message_is_worth_are_cut(where: str) -> None:
    long = name(".".join("x" * 100))
    one = address("192.0.2.1", owner=long) if where == "owner" else record(dns.CNAME, long)
    message = parsed(answer(*[one] * 10))

    assert len(message.answers) == 6
    assert (message.cut, message.fault) == (True, None)


def text_of(characters: int, more: bytes = b"") -> bytes:
    """A TXT record whose text has so many characters: strings of 257 with their quotes, a blank between two."""
    last = characters - 31 * 258 - 2
    return record(dns.TXT, (b"\xff" + b"x" * 255) * 31 + bytes([last]) + b"x" * last + more)


@pytest.mark.parametrize(
    "beyond",
    [
        [address("192.0.2.1")] * MOST_ANSWERS,
        [address("192.0.2.1", owner=name(".".join("x" * 100)))] * 10,
        [record(dns.CNAME, name(".".join("x" * 100)))] * 10,
        [text_of(MOST_TEXT)],
    ],
)
def test_a_fault_is_told_though_what_follows_is_cut(beyond: list[bytes]) -> None:
    message = parsed(answer(record(dns.A, b"\1\2\3"), *beyond))

    assert (message.cut, message.fault) == (True, "answer 1: an IPv4 address of 3 bytes at 45")


def test_a_message_that_ends_at_any_byte_is_read_as_far_as_it_goes() -> None:
    whole = answer(record(dns.CNAME, b"\4edge" + ASKED), address("192.0.2.1"), record(dns.TXT, b"\3abc"))
    full = parsed(whole)
    for size in range(len(whole)):
        message = parse(whole[:size])
        if message is not None:
            assert message.answers == full.answers[: len(message.answers)]
            assert message.fault is not None or message.answers == full.answers


MESSAGES = [
    query(),
    answer(record(dns.CNAME, b"\4edge" + ASKED), address("192.0.2.1"), address("2001:db8::1")),
    answer(record(dns.MX, b"\0\1\4mail" + ASKED), record(dns.TXT, b"\3abc\0"), record(dns.SRV, bytes(6) + ASKED)),
    answer(record(dns.SOA, ASKED + ASKED + bytes(20)), record(dns.HTTPS, b"\0\1\0\0\1\0\3\2h2")),
    header(1, dns.RESPONSE, (1, 0, 1, 2)) + question() + record(dns.SOA, ASKED + ASKED + bytes(20)) + opt() + opt(),
]


@given(st.sampled_from(MESSAGES), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=6), st.data())
def test_changed_messages_give_bounded_printable_text(
    whole: bytes, changes: list[tuple[int, int]], data: st.DataObject
) -> None:
    changed = bytearray(whole[: data.draw(st.integers(0, len(whole)))] + data.draw(st.binary(max_size=80)))
    for at, value in changes:
        if changed:
            changed[at % len(changed)] = value
    check(parse(bytes(changed)))


@given(st.binary(max_size=2000))
def test_arbitrary_bytes_give_bounded_printable_text(data: bytes) -> None:
    check(parse(data))


@given(st.binary(max_size=600), st.integers(0, 80), st.integers(0, 0xFFFF))
def test_arbitrary_records_behind_a_question_give_bounded_printable_text(rest: bytes, count: int, flags: int) -> None:
    check(parse(header(1, flags & 0x87FF, (1, count, 2, 2)) + question() + rest))


def check(message: DnsMessage | None) -> None:
    """What every caller relies on."""
    if message is None:
        return
    shown = [one.text for one in message.answers] + ([message.question.name] if message.question else [])
    assert all(text.isascii() and text.isprintable() for text in [*shown, *(one.name for one in message.answers)])
    assert len(message.answers) <= MOST_ANSWERS
    assert sum(len(one.value) for one in message.answers) <= MOST_TEXT
    assert all(0 <= one.ttl < 1 << 31 for one in message.answers)
