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
    assert not proxies.learn(15001, "/usr/local/bin/envoy")

    assert proxies.serve((50000, 15001))
    assert not proxies.serve((50000, 8080))
    clock.advance(KEPT_S)
    proxies.see(15001)
    clock.advance(KEPT_S)
    proxies.see(8080)
    proxies.forget_gone()
    assert proxies.serve((15001,))
    clock.advance(1)
    proxies.forget_gone()
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


def test_a_proxy_is_one_still_after_the_sensor_was_stopped_for_long() -> None:
    scene = NetworkScene()
    scene.task.add(42, exe="/usr/local/bin/envoy", sockets=[500])
    app, proxy = listener(cookie=49, port=8080), listener(port=15001, src="127.0.0.1")
    scene.dump(app, proxy)
    scene.clock.advance(KEPT_S + 1)
    scene.dump(app, proxy)
    assert scene.proxies.serve((15001,))

    scene.clock.advance(KEPT_S)
    scene.dump(app, whole=False)
    assert scene.proxies.serve((15001,)), "it may be in the dump that failed"
    scene.dump(app)
    assert not scene.proxies.serve((15001,))


def test_a_proxy_whose_process_is_found_late_is_one_too() -> None:
    scene = NetworkScene()
    proxy = listener(port=15001, src="127.0.0.1")
    for _ in range(2):
        scene.dump(proxy)
    scene.task.add(42, exe="/usr/local/bin/envoy", sockets=[500])
    scene.dump(proxy)
    assert scene.proxies.serve((15001,))


@pytest.mark.parametrize("is_late", [True, False])
def test_when_a_connection_began_that_was_left_out_until_its_proxy_was_found_is_not_known(is_late: bool) -> None:
    scene = NetworkScene()
    scene.task.add(42, exe="/usr/local/bin/envoy", sockets=[100, 500])
    proxy, through = listener(port=15001, src="127.0.0.1"), sock(src="127.0.0.1", dst="127.0.0.1", dst_port=15001)
    scene.task.add(43, sockets=[501])
    listeners = (proxy, listener(cookie=51, port=8080, inode=501))
    scene.dump()
    for _ in range(1 + is_late):
        scene.dump(*listeners)
    scene.dump(*listeners, through)
    scene.tracker.end(ended(through))

    assert [network.duration_ms for network in scene.networks("network.flow")] == [1000.0 if is_late else None]


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.255.0.1", True), ("::ffff:127.255.0.1", True), ("127.254.0.1", False), ("::1", False)],
)
def test_addresses_of_service_connect(address: str, expected: bool) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    assert is_service_connect(family, address_bytes(address)) is expected
