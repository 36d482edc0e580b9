"""Which names addresses get from answers, for how long, and what makes room."""

import dns_bytes as dns
import pytest
from dns_bytes import ASKED, address, answer, name, query, record
from hypothesis import given
from hypothesis import strategies as st

from collectors.dns_message import DnsMessage, parse
from collectors.dns_names import FORGOTTEN, LEAST_S, MOST, MOST_S, DnsNames
from sensor.model.counters import Counters

NOW = 1000.0


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def names(counters: Counters) -> DnsNames:
    return DnsNames(counters)


def message(data: bytes) -> DnsMessage:
    parsed = parse(data)
    assert parsed is not None
    return parsed


def learnt(names: DnsNames, *records: bytes, text: str = "www.example.org", at: float = NOW) -> None:
    names.learn(message(answer(*records, text=text)), at)


def test_an_address_has_the_name_that_was_asked_for(names: DnsNames) -> None:
    learnt(names, address("192.0.2.1"), address("2001:db8:0:0::1"))

    assert names.name("192.0.2.1", NOW) == "www.example.org"
    assert names.name("2001:db8::1", NOW) == "www.example.org"
    assert names.name("192.0.2.2", NOW) is None


@pytest.mark.parametrize("order", [1, -1])
def test_aliases_lead_to_the_question_in_any_order(names: DnsNames, order: int) -> None:
    edge, cdn = name("edge.example.net"), name("cdn.example.net")
    chain = [record(dns.CNAME, edge), record(dns.CNAME, cdn, owner=edge), address("192.0.2.1", owner=cdn)]
    learnt(names, *chain[::order])

    assert names.name("192.0.2.1", NOW) == "www.example.org"


def test_addresses_of_other_names_are_passed_over(names: DnsNames) -> None:
    learnt(names, address("192.0.2.1"), address("192.0.2.66", owner=name("bank.example.com")))
    assert names.name("192.0.2.66", NOW) is None


def test_aliases_that_run_in_circles_end(names: DnsNames) -> None:
    edge = name("edge.example.net")
    learnt(names, record(dns.CNAME, edge), record(dns.CNAME, name("www.example.org"), owner=edge), address("192.0.2.1"))
    assert names.name("192.0.2.1", NOW) == "www.example.org"


def test_a_mapped_address_is_the_ipv4_address_that_sockets_show(names: DnsNames) -> None:
    learnt(names, address("::ffff:192.0.2.1"), address("::ffff:0:0:1"))
    assert names.name("192.0.2.1", NOW) == "www.example.org"
    assert names.name("::ffff:0:0:1", NOW) == "www.example.org"


def test_the_latest_answer_names_an_address(names: DnsNames) -> None:
    learnt(names, address("192.0.2.1"))
    learnt(names, address("192.0.2.1"), text="api.example.org", at=NOW + 1)
    assert names.name("192.0.2.1", NOW + 2) == "api.example.org"


@pytest.mark.parametrize(("ttl", "kept"), [(0, LEAST_S), (60, LEAST_S), (3600, 3600.0), (0x7FFFFFFF, MOST_S)])
def test_a_name_holds_for_its_ttl_within_reason(names: DnsNames, ttl: int, kept: float) -> None:
    learnt(names, address("192.0.2.1", ttl=ttl))

    assert names.name("192.0.2.1", NOW + kept) == "www.example.org"
    assert names.name("192.0.2.1", NOW + kept + 0.1) is None
    assert len(names) == 0


def test_queries_answers_without_a_question_and_undecoded_data_teach_nothing(names: DnsNames) -> None:
    names.learn(message(query()), NOW)
    names.learn(message(dns.header(1, dns.RESPONSE, (0, 1, 0, 0)) + address("192.0.2.1", owner=b"\0")), NOW)
    learnt(names, record(dns.A, b"\xc0\0\2"), record(dns.A, b"\xc0\0\2\1", category=3))
    asked = dns.header(1, dns.QUERY, (1, 1, 0, 0)) + dns.question() + address("192.0.2.1", owner=ASKED)
    names.learn(message(asked), NOW)
    assert len(names) == 0


def test_the_least_recently_useful_make_room_and_are_counted(names: DnsNames, counters: Counters) -> None:
    addresses = [f"192.0.{n >> 8}.{n & 255}" for n in range(MOST)]
    for at in range(0, MOST, 32):
        learnt(names, *[address(one) for one in addresses[at : at + 32]])
    assert names.name(addresses[0], NOW) is not None
    learnt(names, address(addresses[1]))
    learnt(names, address("198.51.100.1"), address("198.51.100.2"))

    assert len(names) == MOST
    assert names.name(addresses[0], NOW) is not None
    assert names.name(addresses[1], NOW) is not None
    assert (names.name(addresses[2], NOW), names.name(addresses[3], NOW)) == (None, None)
    assert dict(counters.losses) == {FORGOTTEN: 2}


def test_what_no_longer_holds_is_no_loss(names: DnsNames, counters: Counters) -> None:
    for at in range(0, MOST, 32):
        learnt(names, *[address(f"192.0.{n >> 8}.{n & 255}") for n in range(at, at + 32)])
    learnt(names, address("198.51.100.1"), at=NOW + LEAST_S + 1)
    assert (len(names), dict(counters.losses)) == (MOST, {})


@given(st.lists(st.binary(max_size=200), max_size=30), st.integers(0, 9))
def test_arbitrary_records_teach_no_more_than_the_bound(rests: list[bytes], count: int) -> None:
    names = DnsNames(Counters())
    for rest in rests:
        names.learn(message(dns.header(1, dns.RESPONSE, (1, count, 0, 0)) + dns.question() + rest), NOW)
    assert len(names) <= min(MOST, 9 * len(rests))
