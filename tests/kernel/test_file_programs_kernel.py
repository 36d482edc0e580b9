"""Where everyone may write, only files that can run are told: /tmp of a container on the real inotify."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes import FakeClock
from file_scene import APP, FileScene, make_root, watching
from running import until

from collectors.file_changes import Change
from collectors.file_hold_off import HOLD_OFF_S
from collectors.file_look import GONE, LOOKS_A_SECOND, TOO_MANY, Look
from collectors.watch_coverage import Reach
from collectors.watch_names import KnownNames
from sensor.model.counters import Counters
from sensor.model.kinds import Kind

pytestmark = pytest.mark.kernel

PROGRAM = Path("/bin/ls")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[FileScene]:
    async with watching(make_root(tmp_path)) as scene:
        yield scene


async def test_a_program_that_is_copied_there_is_told_as_created(scene: FileScene) -> None:
    shutil.copy(PROGRAM, scene.root / "tmp/x")
    event = await scene.tells("/tmp/x", Kind.FILE_CREATE)
    assert event.file is not None
    assert event.file.mode is not None
    assert event.file.mode & 0o111


async def test_files_that_cannot_run_are_not_told(scene: FileScene) -> None:
    (scene.root / "tmp/notes").write_text("hello")
    (scene.root / "tmp/directory").mkdir()
    (scene.root / "tmp/link").symlink_to("/bin/sh")
    os.mkfifo(scene.root / "tmp/fifo", 0o777)
    (scene.root / "tmp/notes").unlink()
    await scene.is_told()
    assert {event.file.path for event in scene.emitted.events if event.file} == {"/etc/end-0"}


@pytest.mark.parametrize("content", [b"#!/bin/sh\n", b"\x7fELF\x02\x01"])
async def test_a_script_or_elf_file_without_execute_bit_is_told(scene: FileScene, content: bytes) -> None:
    (scene.root / "tmp/x").write_bytes(content)
    await scene.tells("/tmp/x", Kind.FILE_CREATE)


async def test_an_execute_bit_that_comes_later_is_told_as_what_it_is(scene: FileScene) -> None:
    (scene.root / "tmp/x").write_text("echo")
    await scene.is_told()
    assert not scene.told("/tmp/x")
    (scene.root / "tmp/x").chmod(0o755)
    await scene.tells("/tmp/x", Kind.FILE_ATTRIBUTES)


async def test_a_program_that_is_linked_or_moved_there_is_told(scene: FileScene) -> None:
    (scene.root / "opt").mkdir()
    program = scene.root / "opt/x"
    shutil.copy(PROGRAM, program)
    (scene.root / "tmp/linked").hardlink_to(program)
    program.rename(scene.root / "tmp/moved")
    await scene.tells("/tmp/linked", Kind.FILE_CREATE)
    await scene.tells("/tmp/moved", Kind.FILE_CREATE)


async def test_a_program_that_was_told_is_followed_until_it_goes(scene: FileScene) -> None:
    program = scene.root / "tmp/x"
    shutil.copy(PROGRAM, program)
    await scene.tells("/tmp/x", Kind.FILE_CREATE)
    program.rename(scene.root / "tmp/y")
    event = await scene.tells("/tmp/y", Kind.FILE_RENAME)
    assert event.file is not None
    assert event.file.old_path == "/tmp/x"
    (scene.root / "tmp/y").unlink()
    await scene.tells("/tmp/y", Kind.FILE_DELETE)


async def test_a_program_that_takes_the_place_of_another_is_told(scene: FileScene) -> None:
    (scene.root / "data").mkdir()
    for path in ("tmp/x", "data/evil"):
        (scene.root / path).write_text("#!/bin/sh")
    await scene.tells("/tmp/x", Kind.FILE_CREATE)
    await asyncio.sleep(HOLD_OFF_S)
    (scene.root / "tmp/x").rename(scene.root / "data/x")
    (scene.root / "data/evil").rename(scene.root / "tmp/x")
    await until(lambda: len(scene.told("/tmp/x")) == 3, "both")
    assert [e.kind for e in scene.told("/tmp/x")] == [Kind.FILE_CREATE, Kind.FILE_DELETE, Kind.FILE_CREATE]


async def test_programs_in_new_directories_there_are_told(scene: FileScene) -> None:
    hidden = scene.root / "tmp/.hidden"
    hidden.mkdir()
    shutil.copy(PROGRAM, hidden / "x")
    await scene.tells("/tmp/.hidden/x", Kind.FILE_CREATE)


class Looking:
    """A `Look` into a temporary root, on a clock that stands still."""

    def __init__(self, root: int) -> None:
        self.counters = Counters()
        self.clock = FakeClock()
        reach = Reach(root, None)
        self.look = Look(reach=lambda _: reach, names=KnownNames(), counters=self.counters, clock=self.clock)

    def put(self, kind: Kind, path: bytes) -> list[Change]:
        return list(self.look.put(Change(kind, APP, path, programs=True)))


@pytest.fixture
async def looking(tmp_path: Path) -> AsyncIterator[Looking]:
    root = os.open(tmp_path, os.O_PATH)
    yield Looking(root)
    os.close(root)


async def test_a_file_that_is_gone_before_the_look_is_counted(looking: Looking) -> None:
    looking.put(Kind.FILE_CREATE, b"/x")
    looking.put(Kind.FILE_CREATE, b"/y")
    assert not looking.put(Kind.FILE_DELETE, b"/y")
    assert not list(looking.look.take())
    assert looking.counters.losses == {GONE: 2}


async def test_a_flood_of_files_costs_so_many_looks_and_the_rest_is_counted(looking: Looking, tmp_path: Path) -> None:
    for number in range(LOOKS_A_SECOND + 7):
        (tmp_path / str(number)).write_text("#!")
        looking.put(Kind.FILE_CREATE, b"/%d" % number)
    assert len(list(looking.look.take())) == LOOKS_A_SECOND
    assert looking.counters.losses == {TOO_MANY: 7}
    looking.clock.advance(1.0)
    looking.put(Kind.FILE_CREATE, b"/1")
    assert len(list(looking.look.take())) == 1


async def test_creation_and_close_in_one_turn_are_one_look_and_one_change(looking: Looking, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("#!")
    looking.put(Kind.FILE_CREATE, b"/x")
    looking.put(Kind.FILE_MODIFY, b"/x")
    assert [change.kind for change in looking.look.take()] == [Kind.FILE_CREATE]


async def test_a_file_that_becomes_a_program_comes_once_and_is_modified_then(looking: Looking, tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    looking.put(Kind.FILE_CREATE, b"/x")
    assert not list(looking.look.take())
    (tmp_path / "x").write_text("#!")
    told = []
    for _ in range(2):
        looking.put(Kind.FILE_MODIFY, b"/x")
        told += [change.kind for change in looking.look.take()]
    assert told == [Kind.FILE_CREATE, Kind.FILE_MODIFY]


async def test_the_name_that_a_program_had_before_is_no_programs_any_more(looking: Looking, tmp_path: Path) -> None:
    (tmp_path / "y").write_text("#!")
    (tmp_path / "x").write_text("#!")
    looking.put(Kind.FILE_CREATE, b"/x")
    list(looking.look.take())
    list(looking.look.put(Change(Kind.FILE_RENAME, APP, b"/y", b"/x", programs=True)))
    assert list(looking.look.take())
    assert not looking.put(Kind.FILE_DELETE, b"/x")
    assert looking.put(Kind.FILE_DELETE, b"/y")


async def test_the_memory_of_a_container_goes_with_it(looking: Looking, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("#!")
    looking.put(Kind.FILE_CREATE, b"/x")
    list(looking.look.take())
    looking.look.forget(APP)
    assert not looking.put(Kind.FILE_DELETE, b"/x")
