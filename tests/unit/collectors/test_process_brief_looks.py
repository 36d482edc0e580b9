"""Looks at a process whose image may not be seen, or lies where the next one will: its name and arguments tell most."""

from pathlib import Path

import pytest
from settling_scene import SettlingScene

from collectors.process_settling import REREAD_S, SHALLOW
from collectors.process_table import Tracked

BRIEF = 1


@pytest.fixture
async def scene(tmp_path: Path, no_pidfds: None) -> SettlingScene:
    scene = SettlingScene(tmp_path)
    scene.runs(uid=5, image=None)
    scene.look()
    return scene


def look(scene: SettlingScene, step: int) -> list[tuple[str | None, tuple[str, ...] | None]]:
    """Look at it, and give the programs that were told until now."""
    process, _ = scene.new()
    scene.settling.look(process, step)
    return [(event.process.exe, event.process.args) for event in scene.emitted.events if event.process]


def runs_another_file(scene: SettlingScene, args: bytes = b"app\0", comm: str = "app") -> None:
    scene.runs(uid=5, image=None, args=args, comm=comm)
    exe = scene.proc.root / "7" / "exe"
    exe.unlink()
    exe.symlink_to("/bin/other")


@pytest.mark.parametrize("last", [SHALLOW, len(REREAD_S)], ids=["where settling is given up", "otherwise"])
async def test_what_a_wrapper_hands_name_and_arguments_on_to_is_told_at_the_last_look(
    scene: SettlingScene, last: int
) -> None:
    runs_another_file(scene)
    assert look(scene, BRIEF) == look(scene, last - 1) == [("/bin/app", ("app",))]
    assert look(scene, last) == [("/bin/app", ("app",)), ("/bin/other", ("app",))]


@pytest.mark.parametrize(("args", "comm"), [(b"app\0-v\0", "app"), (b"app\0", "other")], ids=["arguments", "name"])
async def test_one_with_another_name_or_other_arguments_is_told_at_once(
    scene: SettlingScene, args: bytes, comm: str
) -> None:
    runs_another_file(scene, args, comm)
    assert [exe for exe, _ in look(scene, BRIEF)] == ["/bin/app", "/bin/other"]


async def test_the_same_arguments_after_a_fork_are_no_longer_the_parents(scene: SettlingScene) -> None:
    process, _ = scene.new()
    process.executed = False
    runs_another_file(scene)
    assert [exe for exe, _ in look(scene, BRIEF)] == ["/bin/app", "/bin/other"]


async def test_what_was_half_read_is_read_whole(scene: SettlingScene) -> None:
    process, stat = scene.new()
    scene.runs(uid=5, image=None, args=b"other\0")
    scene.settling.look(process, stat=stat._replace(comm="app-0"))  # its exec came after this was read
    runs_another_file(scene, b"other\0")
    assert [exe for exe, _ in look(scene, BRIEF)] == ["/bin/app", "/bin/other"]


async def test_a_brief_look_asks_for_neither_its_user_nor_what_a_helper_reads(
    scene: SettlingScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(process: Tracked) -> tuple[bytes, bytes]:
        raise AssertionError(f"PID {process.pid} is read")

    monkeypatch.setattr(scene.task.gated, "links", refuse)
    (scene.proc.root / "7" / "status").unlink()
    assert look(scene, BRIEF) == [("/bin/app", ("app",))]
    runs_another_file(scene)
    with pytest.raises(AssertionError, match="PID 7 is read"):
        look(scene, SHALLOW)


async def test_what_lies_where_its_predecessor_did_is_told_by_its_name(scene: SettlingScene) -> None:
    """Without random places (setarch -R) all programs lie alike."""
    alike = 0x7FFF_FFFF_E420
    scene.runs(uid=5, image=alike)
    process, _ = scene.new()
    scene.settling.look(process)
    assert not scene.task.runs_another(process)

    runs_another_file(scene, comm="other")
    scene.runs(uid=5, image=alike, comm="other")
    assert scene.task.runs_another(process)
    scene.settling.look_again(process)
    assert [event.process.exe for event in scene.emitted.events if event.process] == ["/bin/app", "/bin/other"]
    assert not scene.task.runs_another(process)


async def test_the_next_tool_of_a_program_of_many_is_told(scene: SettlingScene) -> None:
    """Without SYS_PTRACE the path is all that tells programs apart, and Alpine has one for nearly all."""
    exe = scene.proc.root / "7" / "exe"
    exe.unlink()
    exe.symlink_to("/bin/busybox")
    scene.runs(uid=5, image=None, args=b"sh\0-c\0id\0", comm="sh")
    scene.look()
    process, _ = scene.new()
    scene.runs(uid=5, image=None, args=b"id\0", comm="id")
    assert scene.settling.tells_another(process)
    execs = scene.emitted.events[1:]
    assert [event.process.args for event in execs if event.process] == [("sh", "-c", "id"), ("id",)]
