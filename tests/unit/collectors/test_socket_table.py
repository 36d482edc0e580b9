"""The table is bounded, knows what was seen when, and counts what it could not keep."""

import pytest
from network_scene import ends_of, sock

from collectors.inet_diag import TCP, UDP
from collectors.socket_table import MOST_LOOSE, OUTBOUND, Known, SocketTable, known_of
from sensor.model.counters import Counters


def table(limit: int = 3) -> tuple[SocketTable, Counters]:
    counters = Counters()
    made = SocketTable(counters, limit)
    made.begin()
    return made, counters


def known(number: int = 1, direction: str | None = OUTBOUND) -> Known:
    made = known_of(sock(src_port=50000 + number), TCP, 1.0)
    made.direction = direction
    return made


def add(to: SocketTable, *cookies: int) -> None:
    for cookie in cookies:
        to.add(cookie, known(cookie))


def test_a_socket_is_remembered_until_its_end() -> None:
    sockets, _ = table()
    one = known()
    assert sockets.add(1, one)

    assert sockets.touch(1) is one
    assert sockets.at(TCP, one.ends) is one
    assert sockets.pop(1) is one
    assert sockets.at(TCP, one.ends) is None
    assert (sockets.touch(1), sockets.pop(1), len(sockets)) == (None, None, 0)


def test_the_longest_unseen_gives_way_and_is_counted() -> None:
    sockets, counters = table()
    add(sockets, 1, 2, 3)
    for _ in range(2):
        sockets.begin()
        sockets.touch(1)
    add(sockets, 4)

    assert [sockets.get(n) is not None for n in (1, 2, 3, 4)] == [True, False, True, True]
    assert counters.losses == {"network_socket_forgotten": 1}


def test_sockets_that_are_still_there_do_not_give_way() -> None:
    sockets, counters = table()
    add(sockets, 1, 2, 3, 4)

    assert sockets.get(4) is None
    assert not sockets.is_whole
    assert counters.losses == {"network_table_full": 1}


def test_what_is_refused_again_in_each_round_is_lost_once() -> None:
    sockets, counters = table()
    add(sockets, 1, 2, 3, 4, 5)
    for refused in ([4, 5], [4, 5, 6]):
        sockets.begin()
        for cookie in (1, 2, 3):
            sockets.touch(cookie)
        add(sockets, *refused)

    assert counters.losses == {"network_table_full": 3}


def test_absent_ones_are_forgotten_on_demand_without_being_counted() -> None:
    sockets, counters = table()
    add(sockets, 1, 2, 3)
    sockets.begin()
    sockets.touch(2)
    sockets.forget_absent()

    assert len(sockets) == 1
    assert sockets.get(2) is not None
    assert sockets.is_whole
    assert not counters.losses


def test_a_connection_without_a_cookie_is_known_by_its_ends_and_by_its_port_once_the_kernel_cleared_them() -> None:
    sockets, _ = table()
    one, other = known(1), known(2)
    sockets.add_loose(one)
    sockets.add_loose(other)

    assert sockets.at(TCP, one.ends) is one
    assert sockets.pop_loose(one.ends) is one
    assert sockets.pop_loose(ends_of(sock(src_port=50002, dst="0.0.0.0", dst_port=0))) is other
    assert sockets.pop_loose(other.ends) is None


@pytest.mark.parametrize("cookie_of_the_first", [None, 7])
def test_of_two_connections_with_the_same_ends_the_later_has_them_and_nothing_is_left_of_either(
    cookie_of_the_first: int | None,
) -> None:
    sockets, _ = table()
    before, now = known(1), known(1)
    sockets.add_loose(before)
    sockets.aborted(before)
    sockets.add_loose(now)
    if cookie_of_the_first is not None:
        sockets.attach(cookie_of_the_first, before)

    assert sockets.pop_loose(now.ends) is now
    assert sockets.pop_loose(ends_of(sock(src_port=50001, dst="0.0.0.0", dst_port=0))) is None
    assert not sockets._loose_by_port


def test_an_inbound_connection_is_not_known_by_its_port_alone() -> None:
    sockets, _ = table()
    sockets.add_loose(known(1, "inbound"))

    assert sockets.pop_loose(ends_of(sock(src_port=50001, dst="0.0.0.0", dst_port=0))) is None


def test_a_cookie_that_is_found_takes_along_what_a_dump_had_learnt() -> None:
    sockets, _ = table()
    dumped, seen = known(1), known(1)
    dumped.told, dumped.since = True, 9.0
    sockets.add(7, dumped)
    sockets.add_loose(seen)
    sockets.attach(7, seen)

    sockets.add(8, known(2))
    told = known(2)
    told.told = True
    sockets.attach(8, told)
    assert told.told, "whoever has told it"

    assert sockets.get(7) is seen
    assert (seen.told, seen.since) == (True, 1.0)
    assert sockets.pop(7) is seen
    assert sockets.at(TCP, seen.ends) is None


def test_connections_without_a_cookie_are_bounded_and_forgotten_when_they_are_too_old() -> None:
    sockets, counters = table()
    for number in range(MOST_LOOSE + 1):
        one = known(number)
        one.since = float(number)
        sockets.add_loose(one)
    assert counters.losses == {"network_socket_forgotten": 1}

    sockets.forget_loose(180.0 + 2)
    assert sockets.at(TCP, known(2).ends) is None
    assert sockets.at(TCP, known(3).ends) is not None


def test_listeners_are_the_tcp_sockets_without_a_peer_that_are_not_ours() -> None:
    sockets, _ = table(limit=10)
    listener = known_of(sock(src_port=8080, dst_port=0), TCP, 1.0)
    ours = known_of(sock(src_port=8081, dst_port=0), TCP, 1.0)
    ours.own = True
    for cookie, one in enumerate((listener, ours, known(), known_of(sock(src_port=53, dst_port=0), UDP, 1.0))):
        sockets.add(cookie, one)
    assert sockets.listeners() == [listener]


def test_a_cleared_end_is_that_of_the_one_which_was_broken_off_where_several_have_its_port() -> None:
    sockets, _ = table()
    refused, waits = known(1), known_of(sock(src_port=50001, dst_port=80), TCP, 1.0)
    waits.direction = OUTBOUND
    for one in (refused, waits):
        sockets.add_loose(one)
    cleared = ends_of(sock(src_port=50001, dst="0.0.0.0", dst_port=0))

    assert sockets.pop_loose(cleared) is None, "of two nobody knows which"
    sockets.aborted(refused)
    assert sockets.pop_loose(cleared) is refused
    assert sockets.pop_loose(cleared) is waits


def test_what_has_a_peer_is_told_apart_by_its_protocol() -> None:
    sockets, _ = table()
    one, other = known(1), known_of(sock(src_port=50001, protocol=UDP), UDP, 1.0)
    sockets.add(1, one)
    sockets.add(2, other)

    assert (sockets.at(TCP, one.ends), sockets.at(UDP, one.ends)) == (one, other)
    sockets.pop(1)
    assert (sockets.at(TCP, one.ends), sockets.at(UDP, one.ends)) == (None, other)


def test_what_began_last_has_the_ends() -> None:
    sockets, _ = table()
    before, now = known(1), known(1)
    sockets.add(1, before)
    sockets.add_loose(now)
    assert sockets.at(TCP, now.ends) is now
    assert sockets.at(UDP, now.ends) is None
