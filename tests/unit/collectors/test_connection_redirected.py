"""Connections over loopback: what netfilter redirects, what nobody has, and a socket that connects to itself."""

import pytest
from network_scene import CLOSED_BY_SERVER, NetworkScene, ended, ends_of, listener, segment, sock
from test_connection_attempts import IN, RST, SYN, SYN_ACK, answers, comes_in, opens, owner, scene, told

from collectors.connection_attempts import LOOK_S
from collectors.inet_diag import ESTABLISHED, SYN_SENT, TCP

__all__ = ["scene"]

REDIRECTED = sock(src="127.0.0.1", dst="127.255.0.1", dst_port=80)


def test_a_connection_that_netfilter_redirects_is_told_by_its_answer_and_not_by_the_packet_that_asked(
    scene: NetworkScene,
) -> None:
    scene.sockets = {ends_of(REDIRECTED): REDIRECTED}
    to_proxy = sock(src="127.0.0.1", dst="127.0.0.1", dst_port=15001)
    scene.attempts.opened(segment(to_proxy, SYN), scene.telling.now(), sent=True, within=True)
    for _ in range(2):
        scene.attempts.redirected(segment(REDIRECTED, SYN_ACK, back=True), scene.telling.now())
    answers(scene, REDIRECTED)
    scene.wait(LOOK_S[-1])
    scene.wait(LOOK_S[-1])
    (network,) = scene.networks("network.connect")
    assert (network.dst, network.dst_port, network.outcome) == ("127.255.0.1", 80, "established")
    assert owner(told(scene)) == (42, "descriptor")
    assert scene.table.at(TCP, ends_of(to_proxy)) is None


def test_what_a_proxy_accepts_of_it_is_told_while_it_lasts(scene: NetworkScene) -> None:
    """The answer has the ends of the app's socket, and none has the proxy's."""
    scene.task.add(43, "c1", sockets=[200])
    accepted = sock(2, 200, src="127.0.0.1", src_port=15001, dst="127.0.0.1", dst_port=REDIRECTED.src_port)
    scene.sockets = {ends_of(accepted): accepted}
    scene.attempts.opened(segment(accepted, SYN, back=True), scene.telling.now(), sent=True, within=True)
    answers(scene, REDIRECTED)
    for _ in LOOK_S:
        scene.wait(1)
    network = told(scene).network
    assert network is not None
    assert (owner(told(scene))[0], network.direction, network.outcome) == (43, "inbound", "established")


def test_who_opened_a_connection_is_not_asked_again_when_it_is_answered(scene: NetworkScene) -> None:
    opens(scene, REDIRECTED)
    scene.attempts.redirected(segment(REDIRECTED, SYN_ACK, back=True), scene.telling.now())
    answers(scene, REDIRECTED)
    scene.wait(LOOK_S[-1])
    assert len(scene.networks("network.connect")) == 1


@pytest.mark.parametrize("why", ["its socket is known", "answers were lost", "beyond loopback", "refused"])
def test_what_may_be_somebodys_is_told_though_nobody_has_answered(scene: NetworkScene, why: str) -> None:
    one = sock(
        src="127.0.0.1", dst="198.51.100.7" if why == "beyond loopback" else "127.0.0.1", state=SYN_SENT, inode=9
    )
    opens(scene, one, there=why == "its socket is known")
    if why == "answers were lost":
        scene.attempts.answers_lost()
    if why == "refused":
        answers(scene, one, RST)
    scene.wait(LOOK_S[-1])
    scene.wait(LOOK_S[-1])
    assert len(scene.networks("network.connect")) == 1


def test_over_loopback_what_no_listener_takes_is_forgotten_unless_its_answer_may_have_been_lost(
    scene: NetworkScene,
) -> None:
    for port, lost in ((50001, False), (50002, True)):
        one = sock(src="127.0.0.1", dst="127.0.0.1", src_port=8080, dst_port=port)
        scene.attempts.opened(segment(one, SYN, back=True), scene.telling.now(), sent=False, within=False)
        if lost:
            scene.attempts.answers_lost()
        for _ in range(2):
            scene.wait(LOOK_S[-1])
        assert (scene.table.at(TCP, ends_of(one)) is not None) is lost
    assert scene.networks("network.connect") == []


def test_a_socket_that_connects_to_itself_is_one_connection(scene: NetworkScene) -> None:
    one = sock(src="192.0.2.1", src_port=45454, dst="192.0.2.1", dst_port=45454, state=ESTABLISHED)
    scene.sockets = {ends_of(one): one}
    scene.attempts.opened(segment(one, SYN), scene.telling.now(), sent=True, within=True)
    answers(scene, one)
    scene.wait(LOOK_S[1])
    scene.tracker.end(ended(one))

    assert [n.direction for n in scene.networks("network.connect")] == ["outbound"]
    assert [n.direction for n in scene.networks("network.flow")] == ["outbound"]


def test_what_comes_in_for_an_app_and_is_redirected_to_its_proxy_is_one_connection(scene: NetworkScene) -> None:
    """Its packets have the app's port, and the socket that ends has the proxy's."""
    scene.sockets[ends_of(listener())] = listener()
    for port in (51000, 51001):
        comes_in(scene, IN._replace(dst_port=port))
        scene.attempts.answered(segment(IN._replace(dst_port=port), SYN_ACK))
    scene.wait(LOOK_S[1])
    scene.clock.advance(1)
    scene.tracker.end(ended(IN._replace(cookie=9, src_port=15000), CLOSED_BY_SERVER))

    flow = told(scene, "network.flow")
    assert flow.network is not None
    assert (owner(flow), flow.network.direction, flow.network.outcome) == ((42, "recent"), "inbound", "established")
    assert (flow.network.src_port, flow.network.dst_port, flow.network.duration_ms) == (8080, 51000, 1100.0)
    assert scene.table.at(TCP, ends_of(IN)) is None
    assert scene.table.at(TCP, ends_of(IN._replace(dst_port=51001))) is not None


def test_an_end_finds_the_connection_to_its_own_port_first(scene: NetworkScene) -> None:
    """A client may use a port of its own for two connections at once."""
    for port in (8080, 8081):
        comes_in(scene, IN._replace(src_port=port))
    for port in (8080, 8081):
        scene.tracker.end(ended(IN._replace(cookie=port, src_port=port), CLOSED_BY_SERVER))
    scene.attempts.flush()
    assert [network.src_port for network in scene.networks("network.flow")] == [8080, 8081]
    scene.tracker.end(ended(IN._replace(cookie=9, src_port=15000), CLOSED_BY_SERVER))
    assert scene.networks("network.flow")[-1].src_port == 15000
