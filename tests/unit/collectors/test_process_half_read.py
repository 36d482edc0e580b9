"""A process that runs another program, or cannot be read on, while it is read: nothing told is of two programs."""

import errno
from pathlib import Path

import pytest
from settling_scene import APP, SettlingScene

from collectors.exec_hints import Opened
from collectors.process_table import Tracked
from sensor.model.kinds import Kind


@pytest.fixture
async def scene(tmp_path: Path, no_pidfds: None) -> SettlingScene:
    return SettlingScene(tmp_path)


def runs_another(scene: SettlingScene, image: int | None, comm: str) -> None:
    scene.runs(uid=0, image=image and 150_000, args=b"other\0", comm=comm)
    exe = scene.proc.root / "7" / "exe"
    exe.unlink()
    exe.symlink_to("/bin/other")


def executes_while_it_is_read(scene: SettlingScene, image: int | None, comm: str, patch: pytest.MonkeyPatch) -> None:
    """Its arguments were read, its links are the next program's."""
    links = scene.task.gated.links

    def late(process: Tracked) -> tuple[bytes, bytes]:
        runs_another(scene, image, comm)
        return links(process)

    patch.setattr(scene.task.gated, "links", late)


def ends(scene: SettlingScene) -> None:
    """And waits for its parent."""
    directory = scene.proc.root / "7"
    (directory / "cmdline").write_bytes(b"")
    (directory / "exe").unlink()
    (directory / "cwd").unlink()
    scene.says("state", "Z")


def told(scene: SettlingScene) -> list[tuple[str | None, tuple[str, ...] | None, str | None]]:
    events = scene.emitted.of(Kind.PROCESS_EXEC)
    return [(e.process.exe, e.process.args, e.process.comm) for e in events if e.process]


@pytest.mark.parametrize(("image", "comm"), [(140_000, "other"), (140_000, "app"), (None, "other")])
async def test_the_arguments_of_one_program_are_not_told_with_the_path_of_the_next(
    scene: SettlingScene, monkeypatch: pytest.MonkeyPatch, image: int | None, comm: str
) -> None:
    scene.runs(uid=0, image=image)
    process, stat = scene.new()
    executes_while_it_is_read(scene, image, comm, monkeypatch)
    scene.settling.begin(process, stat)
    assert told(scene) == []

    ends(scene)
    scene.settling.read_once_it_runs(process)  # before its end is heard of
    scene.settling.exited(process)
    assert told(scene) == [(None, None, comm)]


async def test_what_was_told_and_then_half_read_is_named_by_the_open_of_its_file(
    scene: SettlingScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.runs(uid=0, image=140_000)
    scene.look()
    scene.runs(uid=0, image=145_000)
    executes_while_it_is_read(scene, 150_000, "other", monkeypatch)
    process, _ = scene.new()
    scene.settling.look(process)
    scene.matching.opened(scene.clock.monotonic(), Opened(APP, "/bin/other", by_loader=False))

    ends(scene)
    scene.settling.exited(process)
    assert told(scene) == [("/bin/app", ("app",), None), ("/bin/other", None, None)]


def fail(_: Tracked) -> tuple[bytes, bytes]:
    raise OSError(errno.EMFILE, "too many open files")


async def test_what_could_not_be_read_on_is_read_again_from_the_beginning(
    scene: SettlingScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.runs(uid=0, image=140_000)
    process, stat = scene.new()
    with monkeypatch.context() as patch:
        patch.setattr(scene.task.gated, "links", fail)
        scene.settling.begin(process, stat)
    assert (told(scene), scene.counters.losses["proc_unreadable"]) == ([], 1)

    scene.settling.look(process)
    assert told(scene) == [("/bin/app", ("app",), None)]
    assert process.cwd == "/"
    assert not {"process.exe", "process.args", "process.cwd"} & {missing.field for missing in process.missing}


async def test_a_change_of_user_that_could_not_be_read_on_is_told_by_the_next_look(
    scene: SettlingScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.runs(uid=0, image=None)
    scene.look()
    scene.runs(uid=33, image=None)
    with monkeypatch.context() as patch:
        patch.setattr(scene.task.gated, "links", fail)
        assert scene.look() == [(Kind.PROCESS_EXEC, 0)]
    assert scene.look() == [(Kind.PROCESS_EXEC, 0), (Kind.PROCESS_IDENTITY, 33)]
