"""Connections with the ends of others: of another protocol, of one before, or that a dump had shown already."""

from network_scene import CLOSED_BY_SERVER, NetworkScene, ended, listener, segment, udp
from test_connection_attempts import OUT, RST, SYN, SYN_ACK, answers, opens, owner, scene, told

from collectors.connection_attempts import LOOK_S
from collectors.inet_diag import ESTABLISHED

__all__ = ["scene"]


def test_a_datagram_socket_with_the_same_ends_is_another(scene: NetworkScene) -> None:
    scene.task.add(43, "c1", sockets=[102])
    scene.dump(udp(2, 50000, "198.51.100.7", 443, "192.0.2.1"))
    opens(scene)
    answers(scene)
    scene.wait(LOOK_S[1])

    (connect,) = [event for event in scene.emitted.of("network.connect") if owner(event)[0] == 42]
    assert connect.network is not None
    assert (connect.network.transport, connect.network.outcome) == ("tcp", "established")


def test_a_port_that_is_used_again_has_another_owner(scene: NetworkScene) -> None:
    scene.task.add(43, "c1", sockets=[200])
    scene.dump(OUT._replace(state=ESTABLISHED))
    scene.dump(OUT._replace(state=ESTABLISHED))
    assert owner(told(scene))[0] == 42

    again = OUT._replace(cookie=2, inode=200)
    opens(scene, again)
    scene.tracker.end(ended(OUT, CLOSED_BY_SERVER))
    answers(scene)
    scene.wait(LOOK_S[1])
    scene.tracker.end(ended(again))

    assert [owner(event) for event in scene.emitted.of("network.connect")] == [(42, "descriptor"), (43, "descriptor")]
    assert [owner(event) for event in scene.emitted.of("network.flow")] == [(42, "descriptor"), (43, "descriptor")]


def test_what_answered_the_connection_before_does_not_answer_the_next_one(scene: NetworkScene) -> None:
    opens(scene)
    began = scene.clock.wall()
    scene.attempts.answered(segment(OUT, RST), began - 1)
    scene.attempts.answered(segment(OUT, SYN_ACK, back=True), began)
    scene.wait(LOOK_S[1])
    network = told(scene).network
    assert network is not None
    assert network.outcome == "established"


def test_a_connection_that_a_dump_shows_before_its_first_packet_is_read_is_one(scene: NetworkScene) -> None:
    began = scene.telling.now()
    scene.clock.advance(0.01)
    scene.dump(OUT._replace(state=ESTABLISHED))
    scene.attempts.opened(segment(OUT, SYN), began, sent=True, within=False)
    answers(scene)
    scene.wait(1)
    scene.tracker.end(ended(OUT))

    assert owner(told(scene)) == owner(told(scene, "network.flow")) == (42, "descriptor")


def test_a_listener_is_none_of_the_connections_from_its_port(scene: NetworkScene) -> None:
    opens(scene, OUT._replace(src_port=8080), there=False)
    scene.wait(1)
    scene.dump(listener(port=8080))

    assert owner(told(scene, "network.listen"))[0] == 42
    assert [known.ends.src_port for known in scene.table.listeners()] == [8080]


def test_what_has_ended_does_not_take_the_place_of_whoever_has_its_ends_next(scene: NetworkScene) -> None:
    opens(scene, there=False)
    answers(scene)
    scene.attempts.answered(segment(OUT, RST, back=True))
    scene.tracker.end(ended(OUT))
    scene.clock.advance(0.05)
    opens(scene, OUT._replace(cookie=2))
    answers(scene)
    for _ in range(2):
        scene.wait(1)
    scene.tracker.end(ended(OUT._replace(cookie=2)))

    assert sorted(str(network.outcome) for network in scene.networks("network.flow")) == ["established", "reset"]
