"""Forks that run no program of their own, or none yet: they hide nothing and are not told to have run anything."""

from pathlib import Path

import pytest
from settling_scene import SettlingScene

from collectors.exec_hints import Opened
from collectors.process_settling import REREAD_S
from collectors.process_table import Tracked
from collectors.procfs import PF_FORKNOEXEC
from sensor.model.kinds import Kind


@pytest.fixture
async def scene(tmp_path: Path, no_pidfds: None) -> SettlingScene:
    return SettlingScene(tmp_path)


def _forked(scene: SettlingScene, image: int | None = 140_000) -> Tracked:
    """A fork that was just seen for the first time."""
    scene.runs(uid=5, image=image)
    scene.says("flags", PF_FORKNOEXEC)
    process, stat = scene.new()
    scene.settling.begin(process, stat)
    return process


async def test_hints_do_not_keep_a_fork_from_settling(scene: SettlingScene) -> None:
    process = _forked(scene)
    due = scene.settling._waiting[process.entity].timer.when()

    for _ in range(3):
        scene.settling.look_at_newest()
        assert scene.settling._waiting[process.entity].timer.when() == due


async def test_a_fork_that_has_settled_is_about_to_run_nothing(scene: SettlingScene) -> None:
    process = _forked(scene)
    assert scene.settling.about_to_run() is process
    scene.settling.look(process, len(REREAD_S))
    assert process.settled
    assert scene.settling.waits_for(process)
    assert scene.settling.about_to_run() is None

    read_before = scene.settling._waiting[process.entity]
    scene.settling.look_at_newest()
    assert scene.settling._waiting[process.entity] is read_before, "hints have it looked at as what has settled is"
    scene.runs(uid=5, image=150_000, args=b"later\0")
    scene.settling.look_again(process)
    assert [e.process and e.process.args for e in scene.emitted.of(Kind.PROCESS_EXEC)] == [("later",)]


async def test_what_a_settled_fork_runs_by_its_parents_name_is_told_though_its_image_may_not_be_seen(
    scene: SettlingScene,
) -> None:
    process = _forked(scene, image=None)
    scene.settling.look(process, len(REREAD_S))
    scene.settling.look_again(process)
    assert scene.emitted.events == []

    scene.runs(uid=5, image=None, args=b"app\0later\0")
    scene.settling.look_again(process)
    assert [e.process and e.process.args for e in scene.emitted.of(Kind.PROCESS_EXEC)] == [("app", "later")]


async def test_what_waits_again_after_it_was_told_hides_no_fork(scene: SettlingScene) -> None:
    process = _forked(scene)
    scene.proc.process(8, 1)
    other = scene.task.track(8)
    assert other is not None
    scene.settling.look(other)

    assert other.announced
    assert scene.settling.waits_for(other)
    assert scene.settling.about_to_run() is process


async def test_a_zombie_that_executed_nothing_is_not_taken_for_what_somebody_opened(scene: SettlingScene) -> None:
    process = _forked(scene)
    _is_opened(scene, process, "/usr/bin/true")
    scene.says("state", "Z")
    assert not scene.settling.read_once_it_runs(process), "there is nothing to wait for"
    scene.settling.exited(process)

    assert scene.emitted.events == []
    assert scene.matching.containers(), "the open is still whose it is"
    assert scene.matching.give_up() == scene.counters.unexplained == 0


async def test_one_that_was_reaped_before_it_showed_what_it_ran_may_have_been_what_opened(scene: SettlingScene) -> None:
    process = _forked(scene)
    _is_opened(scene, process, "/usr/bin/true")
    (scene.proc.root / "7" / "stat").unlink()
    scene.settling.exited(process)

    assert [(e.kind, e.process and e.process.exe) for e in scene.emitted.events] == [
        (Kind.PROCESS_EXEC, "/usr/bin/true"),
        (Kind.PROCESS_EXIT, "/usr/bin/true"),
    ]


async def test_a_number_that_was_gone_at_the_first_look_has_no_end_that_was_seen(scene: SettlingScene) -> None:
    process = _forked(scene)
    _is_opened(scene, process, "/usr/bin/true")
    scene.settling.unread(9)

    assert [(e.kind, e.process and (e.process.pid, e.process.exe)) for e in scene.emitted.events] == [
        (Kind.PROCESS_EXEC, (9, "/usr/bin/true"))
    ]
    assert scene.counters.processes == 1, "the fork was not counted here, since nobody looked at its number"


def _is_opened(scene: SettlingScene, process: Tracked, path: str) -> None:
    scene.matching.opened(scene.clock.monotonic(), Opened(str(process.container), path, by_loader=False))
    scene.matching.opened(scene.clock.monotonic(), Opened(str(process.container), "/etc/ld.so.cache", by_loader=True))


@pytest.mark.parametrize("image", [140_000, None])
async def test_what_rewrites_its_arguments_is_still_the_file_that_was_hashed(
    scene: SettlingScene, image: int | None
) -> None:
    scene.runs(uid=5, image=image)
    scene.look()
    process, _ = scene.new()
    process.sha256, process.drift = "5f", True
    scene.runs(uid=5, image=image, args=b"app: worker\0")
    process.forget_args()  # else it is not read again where its image can be seen
    scene.look()

    assert process.args == ("app: worker",)
    assert (process.sha256, process.drift) == ("5f", True)
