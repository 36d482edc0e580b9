"""Numbers that were looked at before there was anything to see."""

from pathlib import Path

import pytest
from settling_scene import SettlingScene

from collectors.process_arrivals import EVERY_S, MISSED_S
from collectors.procfs import PF_FORKNOEXEC
from sensor.model.kinds import Kind


@pytest.fixture
async def scene(tmp_path: Path, no_pidfds: None) -> SettlingScene:
    return SettlingScene(tmp_path)


async def test_what_was_looked_at_too_early_is_told_with_its_arguments_when_it_has_a_child(
    scene: SettlingScene,
) -> None:
    scene.arrivals.look_at([7], newest=7)
    scene.runs(uid=5, image=140_000, args=b"miner\0--go\0")
    scene.proc.process(8, 7, args=b"child\0")
    scene.arrivals.look_at([8], newest=8)

    assert [e.process and e.process.args for e in scene.emitted.of(Kind.PROCESS_EXEC)] == [
        ("miner", "--go"),
        ("child",),
    ]
    assert scene.counters.processes == 2


@pytest.mark.parametrize(("flags", "told"), [(0, [("app",)]), (PF_FORKNOEXEC, [])])
async def test_a_look_at_all_there_is_tells_what_a_child_has_settled(
    scene: SettlingScene, flags: int, told: list[tuple[str, ...]]
) -> None:
    scene.runs(uid=5, image=140_000)
    scene.says("flags", flags)
    process, _ = scene.new()
    assert scene.task.read(process)
    scene.task.settle(process)
    scene.arrivals.look_at_all()

    assert [e.process and e.process.args for e in scene.emitted.of(Kind.PROCESS_EXEC)] == told
    assert scene.settling.waits_for(process) == bool(told)


async def test_a_look_at_all_there_is_is_due_sooner_once_something_went_by(scene: SettlingScene) -> None:
    scene.clock.advance(MISSED_S)
    assert not scene.arrivals.are_due()
    scene.arrivals.went_by()
    assert scene.arrivals.are_due()
    assert scene.arrivals.are_expected

    scene.arrivals.look_at_all()
    assert not scene.arrivals.are_due()
    assert not scene.arrivals.are_expected
    scene.clock.advance(EVERY_S)
    assert scene.arrivals.are_due()


async def test_what_is_on_its_way_when_all_ends_counts_once(scene: SettlingScene) -> None:
    scene.arrivals.look_at([7], newest=7)
    assert scene.arrivals.are_expected
    scene.arrivals.close()
    scene.arrivals._second_look(7, scene.clock.monotonic())
    scene.arrivals._last_look(7, scene.clock.monotonic())

    assert scene.counters.unexplained == 1
    assert not scene.arrivals.are_expected
