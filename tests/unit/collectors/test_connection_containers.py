"""In which container a connection's owner is, and how often that is asked."""

import pytest
from network_scene import NetworkScene, ended
from test_connection_attempts import OUT, answers, opens, scene

from sensor.model.events import Process
from sensor.model.protocols import HOST

__all__ = ["scene"]


@pytest.mark.parametrize(("container", "asked"), [("c1", 1), (HOST, 3)], ids=["in one", "perhaps on its way into one"])
def test_a_process_is_read_once_for_all_its_connections_to_a_server(
    scene: NetworkScene, monkeypatch: pytest.MonkeyPatch, container: str, asked: int
) -> None:
    scene.task.add(42, container, sockets=[100])
    pids: list[int] = []
    process = scene.task.process

    def read(pid: int) -> Process | None:
        pids.append(pid)
        return process(pid)

    monkeypatch.setattr(scene.task, "process", read)
    for port in (50000, 50001, 50002):
        one = OUT._replace(cookie=port, src_port=port)
        opens(scene, one)
        answers(scene, one)
        scene.tracker.end(ended(one))

    assert len(pids) == asked
    told = {event.container.id if event.container else HOST for event in scene.emitted.of("network.flow")}
    assert told == {container}


def test_the_container_of_another_process_is_its_own(scene: NetworkScene) -> None:
    scene.task.add(43, "c2", sockets=[200])
    for inode in (100, 200):
        one = OUT._replace(cookie=inode, src_port=inode, inode=inode)
        opens(scene, one)
        scene.tracker.end(ended(one))

    assert [event.container and event.container.id for event in scene.emitted.of("network.flow")] == ["c1", "c2"]


def test_whoever_has_the_number_of_the_last_owner_since_is_read(scene: NetworkScene) -> None:
    opens(scene)
    scene.tracker.end(ended(OUT))
    scene.task.end(42)
    scene.task.processes[42] = Process(entity="another", pid=42)
    scene.task.container_ids[42] = "c2"
    scene.task.socket_owners[100] = 42
    one = OUT._replace(cookie=2, src_port=50001)
    opens(scene, one)
    scene.tracker.end(ended(one))

    found = [(e.process.entity, e.container.id) for e in scene.emitted.of("network.flow") if e.process and e.container]
    assert found == [("entity-42", "c1"), ("another", "c2")]
