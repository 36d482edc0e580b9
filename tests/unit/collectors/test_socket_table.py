"""The table is bounded, knows what was seen when, and counts what it could not keep."""

from collectors.socket_table import SocketTable
from sensor.model.counters import Counters


def table(limit: int = 3) -> tuple[SocketTable, Counters]:
    counters = Counters()
    made = SocketTable(counters, limit)
    made.begin()
    return made, counters


def add(to: SocketTable, *cookies: int) -> None:
    for cookie in cookies:
        to.add(cookie, bytes(16), 443, None)


def test_a_socket_is_remembered_until_its_end() -> None:
    sockets, _ = table()
    known = sockets.add(1, b"a" * 16, 443, 5.0)

    assert sockets.touch(1) is known
    assert sockets.pop(1) is known
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
