"""Sockets without cookies from look to look: which are the same, which have gone, and when that is sure."""

import socket
from itertools import count

import pytest

from collectors.inet_diag import CLOSE, ESTABLISHED, LISTEN, TCP, UDP, InetSocket, address_bytes
from collectors.socket_sightings import STAND_IN, GoneSockets, SocketSightings
from sensor.model.counters import Counters


class Scene:
    """The sightings of one table; `look` is a whole look and gives the cookies of those that ended."""

    def __init__(self, protocol: int = TCP, limit: int = 100) -> None:
        self.counters = Counters()
        self.sightings = SocketSightings(
            socket.AF_INET, protocol, cookies=count(1), counters=self.counters, limit=limit
        )
        self.cookies: list[int | None] = []

    def look(self, *socks: InetSocket) -> list[int]:
        self.sightings.begin()
        seen = [self.sightings.see(sock) for sock in socks]
        self.cookies = [sock and sock.cookie for sock in seen]
        return [sock.cookie for sock in self.sightings.finish()]


def connection(inode: int = 7, port: int = 50000, state: int = ESTABLISHED) -> InetSocket:
    ends = (address_bytes("192.0.2.1"), address_bytes("198.51.100.7"))
    return InetSocket(socket.AF_INET, state, port, 443, *ends, 0, 0, 0, 0, 0, inode, TCP)


def alone(inode: int, port: int = 53, protocol: int = UDP) -> InetSocket:
    ends = (address_bytes("0.0.0.0"), address_bytes("0.0.0.0"))
    return InetSocket(
        socket.AF_INET, LISTEN if protocol == TCP else CLOSE, port, 0, *ends, 0, 0, 0, 0, 0, inode, protocol
    )


def test_a_stand_in_is_no_cookie_of_the_kernel_and_stays_the_same() -> None:
    scene = Scene()
    scene.look(connection())
    first = scene.cookies
    assert scene.look(connection()) == []
    assert scene.cookies == first == [STAND_IN | 1]


@pytest.mark.parametrize("inodes", [(0, 7), (7, 0), (0, 7, 0)], ids=["accepted", "closed", "both"])
def test_a_connection_is_the_same_before_it_is_accepted_and_after_it_is_closed(inodes: tuple[int, ...]) -> None:
    scene = Scene()
    assert [scene.look(connection(inode)) for inode in inodes] == [[]] * len(inodes)
    assert scene.cookies == [STAND_IN | 1]


def test_another_connection_with_the_same_ends_ends_the_first() -> None:
    scene = Scene()
    scene.look(connection(7))
    assert scene.look(connection(8)) == [STAND_IN | 1]
    assert scene.cookies == [STAND_IN | 2]


def test_another_is_told_apart_even_when_a_look_between_them_showed_no_inode() -> None:
    scene = Scene()
    scene.look(connection(7))
    scene.look(connection(0))
    assert scene.look(connection(8)) == [STAND_IN | 1]


def test_one_look_may_miss_what_is_there() -> None:
    scene = Scene()
    scene.look(connection(7), connection(8, 50001))
    assert scene.look(connection(7)) == []
    assert scene.sightings.unsure
    assert scene.look(connection(7), connection(8, 50001)) == []
    assert not scene.sightings.unsure


def test_what_two_looks_have_missed_has_ended_with_its_ends() -> None:
    scene = Scene()
    scene.look(connection(7), connection(8, 50001))
    scene.look(connection(8, 50001))
    scene.sightings.begin()
    scene.sightings.see(connection(8, 50001))
    (ended,) = scene.sightings.finish()

    assert ended == connection(0, state=CLOSE)._replace(cookie=STAND_IN | 1)
    assert not scene.sightings.unsure


def test_a_look_that_failed_counts_for_nothing() -> None:
    scene = Scene()
    scene.look(connection())
    scene.look()
    scene.sightings.begin()
    assert scene.look(connection()) == []


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_listeners_and_datagram_sockets_may_share_their_ends(protocol: int) -> None:
    scene = Scene(protocol)
    scene.look(alone(7, protocol=protocol), alone(8, protocol=protocol))
    assert len(set(scene.cookies)) == 2
    scene.look(alone(8, protocol=protocol))
    assert scene.look(alone(8, protocol=protocol)) == [STAND_IN | 1]


def test_a_datagram_socket_that_is_connected_later_is_the_same_and_ends_with_its_peer() -> None:
    scene = Scene(UDP)
    scene.look(alone(7))
    connected = alone(7)._replace(dst=address_bytes("198.51.100.7"), dst_port=53, state=ESTABLISHED)
    scene.look(connected)
    assert scene.cookies == [STAND_IN | 1]
    scene.look()
    scene.sightings.begin()
    (ended,) = scene.sightings.finish()
    assert (ended.dst, ended.dst_port) == (connected.dst, 53)


def test_what_there_is_no_room_for_is_counted_once_and_not_taken_in() -> None:
    scene = Scene(limit=2)
    for _ in range(3):
        scene.look(*[connection(n, 50000 + n) for n in range(1, 6)])
    assert scene.cookies == [STAND_IN | 1, STAND_IN | 2, None, None, None]
    assert scene.counters.losses == {"network_table_full": 3}
    scene.look(*[connection(n, 50000 + n) for n in range(1, 7)])
    assert scene.counters.losses == {"network_table_full": 4}


def test_the_stream_of_ends_is_readable_while_there_are_any() -> None:
    gone = GoneSockets()
    try:
        gone.add([])
        assert gone.receive() is None
        gone.add([connection(7), connection(8)])
        found = [gone.receive(), gone.receive()]
        assert [decoded and decoded.sockets[0].inode for decoded in found] == [7, 8]
        assert gone.receive() is None
        assert (gone.newly_dropped(), gone.overflowed) == (0, False)
    finally:
        gone.close()
