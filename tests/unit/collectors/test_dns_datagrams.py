"""Datagrams that hold several DNS messages, and what is read of those that are too much work."""

import dns_bytes as dns
import pytest
from dns_bytes import address, answer, header, opt, query, question, record
from hypothesis import given
from hypothesis import strategies as st

from collectors import dns_message
from collectors.dns_message import MOST_SEGMENTS, MOST_STEPS_OF_ALL, messages, parse, parse_all
from collectors.dns_wire import Names

ONE = query(1)
LABELS = b"\1a" * 60
LABORIOUS = header(1, dns.RESPONSE, (1, 9, 0, 0)) + LABELS + b"\0" + b"\0\1" * 2
LABORIOUS += b"".join(record(dns.NS, LABELS + b"\0", owner=LABELS + b"\0") for _ in range(9))


def split(data: bytes) -> list[bytes]:
    return list(messages(data, Names(MOST_STEPS_OF_ALL)))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ONE, [ONE]),
        (b"", [b""]),
        (ONE * 10, [ONE] * 10),
        (ONE * MOST_SEGMENTS, [ONE] * MOST_SEGMENTS),
        (ONE * (MOST_SEGMENTS + 2), [*[ONE] * (MOST_SEGMENTS - 1), ONE * 3]),
        (ONE + b"\0", [ONE, b"\0"]),
        (ONE[:-1], [ONE[:-1]]),
        (answer(address("192.0.2.1")) + ONE, [answer(address("192.0.2.1")), ONE]),
    ],
)
def test_a_datagram_may_hold_messages_that_the_kernel_cuts_apart_later(data: bytes, expected: list[bytes]) -> None:
    assert split(data) == expected


def test_additional_records_belong_to_their_message() -> None:
    padded = header(2, 0x100, (1, 0, 0, 1)) + question("other.example.net") + opt()
    assert split(padded * 3) == [padded] * 3


@given(st.binary(max_size=600))
def test_no_bytes_are_lost_between_messages(data: bytes) -> None:
    assert b"".join(split(data)) == data


def test_each_message_of_a_datagram_is_read() -> None:
    assert list(parse_all(ONE * MOST_SEGMENTS)) == [parse(ONE)] * MOST_SEGMENTS
    ten = query(1, ".".join(["label"] * 9))
    assert list(parse_all(ten * MOST_SEGMENTS)) == [parse(ten)] * MOST_SEGMENTS


def test_one_message_alone_may_take_as_many_steps_as_ever() -> None:
    assert list(parse_all(LABORIOUS)) == [parse(LABORIOUS)]


def test_a_datagram_of_many_laborious_messages_is_read_up_to_a_bound_and_the_rest_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Names] = []

    class Noted(Names):
        def __init__(self, spare: int = 0) -> None:
            super().__init__(spare)
            asked.append(self)

    monkeypatch.setattr(dns_message, "Names", Noted)
    *read, rest = parse_all(LABORIOUS * MOST_SEGMENTS)
    assert 0 < len(read) < 5
    assert rest is None
    (names,) = asked
    assert names.steps + names.spare <= 0


def test_the_rest_has_no_question_where_the_steps_end_in_it() -> None:
    names = Names()
    names.steps = 2
    assert parse(ONE, names) is None
