"""Programs that come at run time are marked and hashed; what users add and remove is heeded."""

import hashlib
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from file_scene import FileScene, make_root, watching

from collectors.executable_facts import Facts
from collectors.executables import Executables
from collectors.gated import GatedReads
from collectors.helpers import Helpers
from collectors.procfs import Procfs
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.events import Event, Missing
from sensor.model.kinds import Kind

pytestmark = pytest.mark.kernel

PROGRAM = Path("/bin/ls")
CONTENT = PROGRAM.read_bytes()
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[FileScene]:
    counters = Counters()
    gated = GatedReads(Procfs(), Helpers(None, counters))
    hashes = Executables(gated=gated, procfs=Procfs(), counters=counters, clock=SystemClock())
    try:
        async with watching(make_root(tmp_path / "app"), hashes=hashes) as scene:
            yield scene
    finally:
        hashes.close()


def bring(to: Path) -> None:
    """A program is there at once, whole, from where nobody looks."""
    elsewhere = next(above for above in to.parents if above.name == "app").parent / "elsewhere"
    shutil.copy(PROGRAM, elsewhere)
    elsewhere.rename(to)


def drift(event: Event) -> tuple[bool | None, str | None]:
    assert event.file is not None
    return event.file.drift, event.file.sha256


async def test_a_program_that_is_dropped_is_marked_and_hashed(scene: FileScene) -> None:
    bring(scene.root / "tmp/x")
    assert drift(await scene.tells("/tmp/x", Kind.FILE_CREATE)) == (True, DIGEST)


async def test_a_program_that_is_changed_is_marked_and_hashed_as_it_is_then(scene: FileScene) -> None:
    bring(scene.root / "usr/bin/x")
    assert drift(await scene.tells("/usr/bin/x", Kind.FILE_CREATE)) == (True, DIGEST)
    with (scene.root / "usr/bin/x").open("ab") as program:
        program.write(b"more")
    digest = hashlib.sha256(CONTENT + b"more").hexdigest()
    assert drift(await scene.tells("/usr/bin/x", Kind.FILE_MODIFY)) == (True, digest)


async def test_what_cannot_run_is_neither_marked_nor_read(scene: FileScene) -> None:
    (scene.root / "etc/secret").write_text("#!")
    event = await scene.tells("/etc/secret", Kind.FILE_CREATE)
    assert drift(event) == (None, None)
    assert not [m for m in event.evidence.missing if m.field == "file.sha256"]


async def test_a_secret_that_can_run_is_not_opened_for_its_hash_which_would_be_told(scene: FileScene) -> None:
    hook = scene.root / "root/.ssh/hook.key"
    hook.parent.mkdir()
    bring(hook)
    assert drift(await scene.tells("/root/.ssh/hook.key", Kind.FILE_CREATE)) == (True, None)
    hook.chmod(0o700)
    event = await scene.tells("/root/.ssh/hook.key", Kind.FILE_ATTRIBUTES)
    assert Missing("file.sha256", "secret") in event.evidence.missing
    await scene.is_told()
    assert not scene.emitted.of(Kind.FILE_OPEN)


async def test_without_hashes_the_mark_is_there_and_the_hash_is_named_as_off(tmp_path: Path) -> None:
    async with watching(make_root(tmp_path)) as scene:
        shutil.copy(PROGRAM, scene.root / "tmp/x")
        event = await scene.tells("/tmp/x", Kind.FILE_CREATE)
        assert drift(event) == (True, None)
        assert Missing("file.sha256", "off") in event.evidence.missing


async def test_a_hash_that_does_not_come_holds_up_nothing_else(tmp_path: Path) -> None:
    class Never:
        def wanted_file(self, handle: int, container: str, path: str, done: Callable[[Facts], None]) -> Facts | None:
            return None

    async with watching(make_root(tmp_path), hashes=Never()) as scene:
        shutil.copy(PROGRAM, scene.root / "tmp/x")
        event = await scene.tells("/tmp/x", Kind.FILE_CREATE)
        assert Missing("file.sha256", "not yet") in event.evidence.missing


async def test_globs_add_directories_and_files_and_take_them_away(tmp_path: Path) -> None:
    root = make_root(tmp_path, ["etc/cron.d", "srv/app-1/conf", "srv/web/conf", "data", "usr/bin", "var/www"])
    paths = ["/srv/app-*/conf", "/data/*.pem", "!/usr/bin", "!/etc/*.log", "!/var/www/cache"]
    async with watching(root, paths=paths) as scene:
        for name in ("srv/web/conf/x", "data/x.txt", "usr/bin/x", "etc/x.log"):
            (root / name).touch()
        (root / "var/www/cache/deep").mkdir(parents=True)
        (root / "var/www/cache/deep/x").touch()
        for name in ("srv/app-1/conf/x", "data/x.pem", "etc/x.conf"):
            (root / name).touch()
            await scene.tells(f"/{name}", Kind.FILE_CREATE)
        await scene.is_told()
        told = {event.file.path for event in scene.emitted.events if event.file}
        assert told == {"/srv/app-1/conf/x", "/data/x.pem", "/etc/x.conf", "/etc/end-3"}


async def test_what_the_kernel_shows_as_files_is_watched_only_where_it_is_named(tmp_path: Path) -> None:
    root = make_root(tmp_path, ["etc", "proc/1", "proc/sys/kernel", "sys/block", "data/1"])
    async with watching(root, paths=["/*", "/proc/sys/kernel"]) as scene:
        for name in ("proc/1/x", "sys/block/x", "proc/sys/kernel/core_pattern", "data/1/x"):
            (root / name).touch()
        await scene.is_told()
        told = [event.file.path for event in scene.emitted.events if event.file]
        assert told == ["/proc/sys/kernel/core_pattern", "/data/1/x", "/etc/end-0"]


async def test_what_is_removed_costs_no_watches(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    async with watching(root) as scene:
        before = scene.watches()
    async with watching(root, paths=["!/usr", "!/var/**"]) as scene:
        assert scene.watches() == before - 4, "/usr, /usr/bin, /var and /var/www"


async def test_a_file_that_is_renamed_into_what_is_removed_is_still_told(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    async with watching(root, paths=["!/etc/*.log"]) as scene:
        (root / "etc/passwd").rename(root / "etc/x.log")
        await scene.tells("/etc/x.log", Kind.FILE_RENAME)
