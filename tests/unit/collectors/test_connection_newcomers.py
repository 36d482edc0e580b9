"""Which process of a moment a connection of a moment is taken to be of, where nobody was found to hold it."""

import pytest
from network_scene import NetworkScene, ended
from test_connection_attempts import IN, OUT, at_last, comes_in, opens, owner

from sensor.model.events import Ancestor, Timestamp

MS = 1_000_000


@pytest.fixture
def scene() -> NetworkScene:
    made = NetworkScene()
    started(made, 41, 10_000)
    return made


def started(scene: NetworkScene, pid: int, ago_ms: float, container: str = "c1", parents: tuple[int, ...] = ()) -> None:
    """The process began so long before now."""
    process = scene.task.add(pid, container)
    above = tuple(Ancestor(scene.task.processes[parent].entity, parent, None) for parent in parents)
    start = Timestamp(scene.clock.wall() - round(ago_ms * MS))
    scene.task.processes[pid] = process._replace(start=start, ancestors=above)


@pytest.mark.parametrize(
    ("ages_ms", "expected"),
    [
        ({43: 50, 44: 20}, 44),
        ({43: 20, 44: 50}, 43),
        ({43: 5, 44: 2}, 43),
        ({43: 2, 44: 5}, 44),
        ({43: 20, 44: 5}, 44),
        ({43: 20, 44: 20}, 43),
        ({43: 0}, 43),
        ({43: 99}, 43),
        ({43: 100}, None),
        ({43: -1}, None),
        ({}, None),
    ],
)
def test_it_is_the_last_that_had_started_and_of_those_of_one_tick_the_first(
    scene: NetworkScene, ages_ms: dict[int, float], expected: int | None
) -> None:
    """Starts are rounded down to a tick, so that of its last one some may have started later."""
    for pid, age in ages_ms.items():
        started(scene, pid, age)
    opens(scene, there=False)
    scene.tracker.end(ended(OUT))

    assert owner(at_last(scene))[0] == expected


def test_it_is_told_with_its_container(scene: NetworkScene) -> None:
    started(scene, 43, 5, "c2")
    opens(scene, there=False)
    scene.tracker.end(ended(OUT))
    event = at_last(scene)
    assert (owner(event), event.container and event.container.id) == ((43, "recent"), "c2")


def test_it_is_none_of_those_that_have_started_others(scene: NetworkScene) -> None:
    started(scene, 43, 5)
    started(scene, 44, 4, parents=(43,))
    opens(scene, there=False)
    scene.tracker.end(ended(OUT))
    assert owner(at_last(scene))[0] == 44


def test_it_is_none_of_the_sensors(scene: NetworkScene) -> None:
    started(scene, 43, 5)
    started(scene, 44, 2)
    scene.task.own.add(43)
    opens(scene, there=False)
    scene.tracker.end(ended(OUT))
    assert owner(at_last(scene))[0] == 44


def test_what_comes_in_is_of_no_newcomer(scene: NetworkScene) -> None:
    started(scene, 43, 5)
    comes_in(scene)
    scene.tracker.end(ended(IN))
    assert owner(at_last(scene))[0] is None
