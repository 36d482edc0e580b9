import socket
from collections.abc import Callable

import pytest

from ingest.config import Address
from ingest.listening import CannotListen, bound, listen


def test_the_kernel_chooses_a_port() -> None:
    with listen(Address("127.0.0.1", 0)) as listening:
        address = bound(listening)
        assert address.port > 0
        with socket.create_connection(address):
            pass


def test_all_addresses_take_ipv4_as_well(need: Callable[[bool, str], None]) -> None:
    need(socket.has_dualstack_ipv6(), "IPv6 sockets that take IPv4")
    with listen(Address("::", 0)) as listening, socket.create_connection(("127.0.0.1", bound(listening).port)):
        pass


def test_connections_do_not_wait_for_acknowledgements() -> None:
    with listen(Address("127.0.0.1", 0)) as listening, socket.create_connection(bound(listening)):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_a_port_in_use_is_told_with_its_address() -> None:
    with listen(Address("127.0.0.1", 0)) as listening:
        with pytest.raises(CannotListen) as caught:
            listen(bound(listening))
        assert str(caught.value) == (
            f"cannot listen on {bound(listening)}: Address already in use; name another with --listen HOST:PORT"
        )


@pytest.mark.parametrize("host", ["203.0.113.5", "ä" * 300])
def test_a_host_that_is_not_ours_is_told(host: str) -> None:
    with pytest.raises(CannotListen, match="cannot listen on"):
        listen(Address(host, 0))
