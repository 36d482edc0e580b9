"""Which ports are proxies', for how long, and who is told when that changes."""

import socket

import pytest
from fakes import FakeClock
from network_scene import NetworkScene, ended, listener, sock

from collectors.inet_diag import address_bytes
from collectors.proxies import KEPT_S, Proxies, is_service_connect


def test_a_proxy_is_known_by_its_program_until_its_listener_is_gone_for_long() -> None:
    clock, changes = FakeClock(), []
    proxies = Proxies(clock)
    proxies.changed = lambda: changes.append(proxies.ports)
    assert not proxies.learn(8080, "/usr/bin/nginx")
    assert not proxies.learn(8081, None)
    assert proxies.learn(15001, "/usr/local/bin/envoy")
    assert proxies.learn(15001, "/usr/local/bin/envoy")

    assert proxies.serve((50000, 15001))
    assert not proxies.serve((50000, 8080))
    clock.advance(KEPT_S)
    proxies.see(15001)
    clock.advance(KEPT_S)
    proxies.see(8080)
    assert proxies.serve((15001,))
    clock.advance(1)
    proxies.see(8080)
    assert changes == [frozenset({15001}), frozenset()]


def test_connections_to_a_proxy_on_loopback_are_told() -> None:
    scene = NetworkScene()
    scene.task.add(42, exe="/usr/local/bin/envoy", sockets=[500])
    scene.task.add(43, sockets=[100])
    scene.dump(listener(port=15001, src="127.0.0.1"))
    through = sock(src="127.0.0.1", dst="127.0.0.1", dst_port=15001)
    scene.dump(through)
    scene.tracker.end(ended(through))

    assert [event.kind for event in scene.emitted.events] == ["network.listen", "network.connect", "network.flow"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.255.0.1", True), ("::ffff:127.255.0.1", True), ("127.254.0.1", False), ("::1", False)],
)
def test_addresses_of_service_connect(address: str, expected: bool) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    assert is_service_connect(family, address_bytes(address)) is expected
