"""A container's root is had, and when it started is known, as long as it lives."""

import os
from pathlib import Path

import pytest
from fakes import ContainersTold, FakeClock

from collectors.container_roots import ContainerRoots
from collectors.process_table import Tracked
from sensor.model.errors import AccessDenied
from sensor.model.events import Timestamp

APP = "a" * 64


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


def test_who_has_the_number_of_a_member_before_stays_one() -> None:
    roots = ContainerRoots(no_root, FakeClock())
    before, now = process(10, 100), process(10, 200)
    for member in (before, now):
        roots.join("app", member)
    roots.leave("app", before)
    assert roots.processes("app") == [now]


def test_another_container_of_the_same_name_starts_anew() -> None:
    roots = ContainerRoots(no_root, FakeClock())
    for member in (process(10, 100), process(20, 200)):
        roots.join("app", member)
        assert roots.started("app") == member.start
        roots.leave("app", member)


def test_a_root_is_opened_by_the_first_member_that_lets_us_and_closed_with_the_last() -> None:
    opened: list[int] = []

    def open_root(process: Tracked) -> int:
        if process.pid == 1:
            raise AccessDenied("PID 1: denied")
        opened.append(os.open("/", os.O_PATH))
        return opened[-1]

    roots = ContainerRoots(open_root, FakeClock())
    members = [Tracked(pid, str(pid), 1, Timestamp(0), None) for pid in (1, 2)]
    for member in members:
        roots.join(APP, member)
    assert roots.root(APP) == opened[0]
    assert roots.root(APP) == opened[0]
    assert len(opened) == 1
    for member in members:
        roots.leave(APP, member)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
    assert roots.root(APP) is None


def test_a_refused_root_says_why_and_is_tried_again_later() -> None:
    clock, tries = FakeClock(), []

    def refuse(process: Tracked) -> int:
        tries.append(process.pid)
        raise AccessDenied("denied, and no helper")

    roots = ContainerRoots(refuse, clock)
    roots.join(APP, Tracked(1, "1", 1, Timestamp(0), None))
    assert roots.root(APP) is None
    assert roots.root(APP) is None
    assert roots.refusal(APP) == "denied, and no helper"
    assert len(tries) == 1
    clock.advance(60)
    assert roots.root(APP) is None
    assert len(tries) == 2


def test_a_root_for_which_no_descriptor_is_left_is_refused_and_tried_again() -> None:
    clock, failures = FakeClock(), [OSError(24, "Too many open files")]

    def open_root(process: Tracked) -> int:
        if failures:
            raise failures.pop()
        return os.open("/", os.O_PATH)

    roots = ContainerRoots(open_root, clock)
    roots.join(APP, process(1, 1))
    assert roots.root(APP) is None
    assert "Too many open files" in (roots.refusal(APP) or "")
    clock.advance(60)
    assert roots.root(APP) is not None
    roots.close()


def test_a_listener_that_fails_keeps_none_behind_it_from_learning(caplog: pytest.LogCaptureFixture) -> None:
    class Fails:
        def container_started(self, container_id: str) -> None:
            raise OSError(24, "Too many open files")

        container_stopped = container_started

    roots, listens, member = ContainerRoots(no_root, FakeClock()), ContainersTold(), process(1, 1)
    for listener in (Fails(), listens):
        roots.listen(listener)
    roots.join("app", member)
    roots.leave("app", member)
    assert listens.told == ["+app", "-app"]
    assert roots.ids() == []
    assert "Too many open files" in caplog.text


def test_the_container_on_a_device_is_known_where_it_is_the_only_one(tmp_path: Path) -> None:
    roots = ContainerRoots(lambda process: os.open(tmp_path, os.O_PATH), FakeClock())
    number = tmp_path.stat().st_dev
    device = f"{os.major(number)}:{os.minor(number)}"
    assert roots.on_device(device) is None
    roots.join(APP, process(10, 100))
    assert (roots.on_device(device), roots.on_device("0:0")) == (APP, None)
    roots.join("b" * 64, process(20, 100))
    assert roots.on_device(device) is None
