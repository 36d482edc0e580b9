"""When a container started is known as long as it lives."""

from fakes import FakeClock

from collectors.container_roots import ContainerRoots
from collectors.process_table import Tracked
from sensor.model.events import Timestamp


def process(pid: int, start: int) -> Tracked:
    return Tracked(pid, str(pid), start, Timestamp(start), None)


def no_root(process: Tracked) -> int:
    raise AssertionError("no root is asked for here")


def test_a_container_started_with_its_oldest_process_though_that_has_ended() -> None:
    roots = ContainerRoots(no_root, FakeClock())
    second, first, third = process(11, 200), process(10, 100), process(12, 300)
    assert roots.started("app") is None
    for member in (second, first, third):
        roots.join("app", member)
    assert roots.started("app") == 100
    roots.leave("app", first)
    assert roots.started("app") == 100
    for member in (second, third):
        roots.leave("app", member)
    assert roots.started("app") is None


def test_another_container_of_the_same_name_starts_anew() -> None:
    roots = ContainerRoots(no_root, FakeClock())
    for member in (process(10, 100), process(20, 200)):
        roots.join("app", member)
        assert roots.started("app") == member.start
        roots.leave("app", member)
