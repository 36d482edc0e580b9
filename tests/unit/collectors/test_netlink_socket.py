"""How many messages the kernel dropped is read from its table of netlink sockets."""

from collectors.netlink_socket import drops_of

TABLE = b"""sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
00000000da157806 0   0          00000000 0        0        0     2        0        4
00000000851bd258 6   2226       00000000 0        0        0     2        9        4852
000000009cbe1277 4   18652      0000000f 212992   0        0     2        834      4852
00000000bd5f29aa 4   -4194303   00000000 0        0        0     2        7        5000
"""


def test_drops_are_those_of_our_socket_and_protocol() -> None:
    assert drops_of(TABLE, 4852) == 834
    assert drops_of(TABLE, 5000) == 7


def test_a_socket_that_is_not_there_has_no_count() -> None:
    assert drops_of(TABLE, 4) is None
    assert drops_of(b"", 4852) is None
