"""Our decoder against dnspython's encoder: whatever it writes, with its compression, is read as it was meant."""

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns_bytes
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.dns_message import parse
from collectors.dns_numbers import OPCODES, RCODES, TYPES, opcode_text, rcode_text, type_text

LABELS = st.binary(min_size=1, max_size=20)
NAMES = st.lists(LABELS, max_size=5).map(lambda labels: dns.name.Name([*labels, b""]))
STRINGS = st.lists(st.binary(max_size=255), min_size=1, max_size=3)
SHORT = st.integers(0, 65535)


def quoted(text: bytes) -> str:
    return '"' + "".join(f"\\{c:03d}" if c < 0x20 or c > 0x7E else ("\\" * (c in b'"\\')) + chr(c) for c in text) + '"'


def rdata(kind: str, text: str) -> dns.rdata.Rdata:
    return dns.rdata.from_text("IN", kind, text)


RECORDS = st.one_of(
    st.ip_addresses(v=4).map(lambda address: rdata("A", str(address))),
    st.ip_addresses(v=6).map(lambda address: rdata("AAAA", str(address))),
    st.tuples(st.sampled_from(["NS", "CNAME", "PTR", "DNAME"]), NAMES).map(lambda x: rdata(x[0], x[1].to_text())),
    st.tuples(SHORT, NAMES).map(lambda x: rdata("MX", f"{x[0]} {x[1]}")),
    st.tuples(SHORT, SHORT, SHORT, NAMES).map(lambda x: rdata("SRV", " ".join(map(str, x)))),
    st.tuples(NAMES, NAMES, *[st.integers(0, 2**31 - 1)] * 5).map(lambda x: rdata("SOA", " ".join(map(str, x)))),
    STRINGS.map(lambda strings: rdata("TXT", " ".join(map(quoted, strings)))),
    st.tuples(st.integers(1, 9), NAMES).map(lambda x: rdata("HTTPS", f"{x[0]} {x[1]} alpn=h2 ipv4hint=192.0.2.1")),
    st.binary(max_size=100).map(lambda raw: rdata("TYPE65400", f"\\# {len(raw)} {raw.hex()}")),
)
RRSETS = st.tuples(NAMES, st.integers(0, 2**31 - 1), RECORDS).map(lambda x: dns.rrset.from_rdata(*x))


@given(
    question=NAMES,
    answers=st.lists(RRSETS, max_size=6),
    authority=st.lists(RRSETS, max_size=2),
    rcode=st.integers(0, 23),
    ident=SHORT,
)
def test_what_dnspython_writes_is_read_as_it_was_meant(
    question: dns.name.Name,
    answers: list[dns.rrset.RRset],
    authority: list[dns.rrset.RRset],
    rcode: int,
    ident: int,
) -> None:
    asked = dns.message.make_query(question, "MX", use_edns=0, id=ident, options=[dns.edns.NSIDOption(b"ns1")])
    message = dns.message.make_response(asked)
    message.answer, message.authority = answers, authority
    message.set_rcode(dns.rcode.Rcode(rcode))
    ours = parse(message.to_wire(max_size=65535))

    assert ours is not None
    assert (ours.id, ours.is_response, ours.fault, ours.cut) == (ident, True, None, False)
    assert ours.question == (shown(question), "MX")
    assert ours.rcode == rcode_text(rcode)
    assert [(one.name, one.ttl, one.text) for one in ours.answers] == [
        (shown(answer.name), answer.ttl, meant(record)) for answer in answers for record in answer
    ]


def shown(name: dns.name.Name) -> str:
    """In lower case, and without the last dot."""
    return dns.name.Name([label.lower() for label in name.labels]).to_text(omit_final_dot=True)


def meant(record: dns.rdata.Rdata) -> str:
    """The public text of a record, from dnspython's fields."""
    kind, value = dns.rdatatype.to_text(record.rdtype), record.to_text()
    if kind in ("NS", "CNAME", "PTR", "DNAME"):
        value = shown(record.target)
    elif kind == "MX":
        value = f"{record.preference} {shown(record.exchange)}"
    elif kind == "SRV":
        value = f"{record.priority} {record.weight} {record.port} {shown(record.target)}"
    elif kind == "HTTPS":
        value = f"{record.priority} {shown(record.target)}"
    elif kind == "SOA":
        names = f"{shown(record.mname)} {shown(record.rname)}"
        value = f"{names} {record.serial} {record.refresh} {record.retry} {record.expire} {record.minimum}"
    elif kind == "TYPE65400":
        value = f"\\# {len(record.data)} {record.data.hex()}".rstrip()
    return f"{kind} {value}"


WIRES = [
    dns_bytes.query(),
    dns_bytes.answer(dns_bytes.record(dns_bytes.CNAME, b"\4edge" + dns_bytes.ASKED), dns_bytes.address("192.0.2.1")),
    dns_bytes.answer(dns_bytes.record(dns_bytes.MX, b"\0\1\4mail" + dns_bytes.ASKED), kind=dns_bytes.MX),
]


@given(st.sampled_from(WIRES), st.lists(st.tuples(st.integers(12, 100), st.integers(0, 255)), max_size=2))
def test_what_dnspython_reads_of_changed_messages_we_read_alike(wire: bytes, changes: list[tuple[int, int]]) -> None:
    changed = bytearray(wire)
    for at, value in changes:
        changed[at % len(changed)] = value
    try:
        theirs = dns.message.from_wire(bytes(changed), ignore_trailing=True, one_rr_per_rrset=True)
    except Exception:  # noqa: BLE001  # dnspython raises many kinds; what it cannot read proves nothing
        return
    ours = parse(bytes(changed))
    assert ours is not None
    assert ours.question is None or ours.question.name == shown(theirs.question[0].name)
    if ours.opcode == "QUERY" and len(theirs.question) < 2:
        assert [(one.name, dns.rdatatype.from_text(one.type)) for one in ours.answers] == [
            (shown(answer.name), answer.rdtype) for answer in theirs.answer
        ]


def test_numbers_have_the_names_that_dnspython_gives_them() -> None:
    assert {n: type_text(n) for n in TYPES} == {n: dns.rdatatype.to_text(dns.rdatatype.RdataType(n)) for n in TYPES}
    theirs = {rcode.value: rcode.name for rcode in dns.rcode.Rcode}
    assert {n: rcode_text(n) for n in RCODES if n in theirs} == {n: theirs[n] for n in RCODES if n in theirs}
    known = {opcode.value: opcode.name for opcode in dns.opcode.Opcode}
    assert {n: opcode_text(n) for n in OPCODES if n in known} == {n: known[n] for n in OPCODES if n in known}


@pytest.mark.parametrize("size", [512, 65535])
def test_a_long_answer_is_read_as_it_was_meant_truncated_or_not(size: int) -> None:
    message = dns.message.make_response(dns.message.make_query("example.org", "A"))
    message.answer = [dns.rrset.from_text("example.org.", 60, "IN", "A", *[f"192.0.2.{n}" for n in range(60)])]
    ours = parse(message.to_wire(max_size=size, prefer_truncation=True))

    assert ours is not None
    assert ours.truncated == (size == 512)
    assert len(ours.answers) == (0 if size == 512 else 60)
