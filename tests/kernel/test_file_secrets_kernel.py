"""Opens of secrets are told, of others not, and none of our own."""

import os
from collections.abc import AsyncIterator, Collection
from contextlib import closing
from pathlib import Path

import pytest
from fakes import FakeTaskView
from file_scene import APP, FileScene, make_root, watching
from file_still import Still, handles

from sensor.model.kinds import Kind
from sensor.model.protocols import OpenFile

pytestmark = pytest.mark.kernel


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[FileScene]:
    root = make_root(tmp_path, ["etc/ssl/private", "root/.ssh", "home/anna/.aws", "run/secrets/app", "var/www"])
    for name in ("etc/shadow", "etc/hosts", "root/.ssh/id_ed25519", "root/.ssh/known_hosts", "run/secrets/app/token"):
        (root / name).write_text("secret")

    def prepare(task: FakeTaskView) -> None:
        task.add(os.getpid(), APP)

    async with watching(root, prepare=prepare) as scene:
        yield scene


def read(path: Path) -> None:
    """As a program does that was given the path."""
    with path.open() as file:
        file.read()


@pytest.mark.parametrize("path", ["/etc/shadow", "/root/.ssh/id_ed25519", "/run/secrets/app/token"])
async def test_a_secret_that_is_opened_is_told_with_its_facts(scene: FileScene, path: str) -> None:
    read(scene.root / path[1:])
    event = await scene.tells(path, Kind.FILE_OPEN)
    assert event.file is not None
    assert event.file.size == len("secret")
    assert event.file.drift is None


async def test_what_two_paths_lead_to_is_told_once(tmp_path: Path) -> None:
    root = make_root(tmp_path, ["etc", "run", "var"])
    (root / "var/run").symlink_to("../run")
    async with watching(root) as scene:
        (root / "run/secrets/app").mkdir(parents=True)
        (root / "run/secrets/app/token").write_text("secret")
        await scene.tells("/run/secrets/app/token", Kind.FILE_CREATE)
        await scene.is_told()
        read(root / "run/secrets/app/token")
        await scene.tells("/run/secrets/app/token", Kind.FILE_OPEN)
        await scene.is_told()
        assert not [path for _, path, _ in scene.summary() if path.startswith("/var/run")]


async def test_what_is_no_secret_may_be_opened_by_anybody(scene: FileScene) -> None:
    for name in ("etc/hosts", "root/.ssh/known_hosts", "etc/passwd"):
        read(scene.root / name)
    await scene.is_told()
    assert not scene.emitted.of(Kind.FILE_OPEN)


async def test_a_secret_that_comes_later_is_watched_and_its_successor_too(scene: FileScene) -> None:
    key = scene.root / "home/anna/.aws/credentials"
    key.write_text("x")
    await scene.tells("/home/anna/.aws/credentials", Kind.FILE_CREATE)
    read(key)
    await scene.tells("/home/anna/.aws/credentials", Kind.FILE_OPEN)
    new = scene.root / "etc/shadow.new"
    new.write_text("y")
    new.rename(scene.root / "etc/shadow")
    await scene.tells("/etc/shadow", Kind.FILE_RENAME)
    read(scene.root / "etc/shadow")
    await scene.tells("/etc/shadow", Kind.FILE_OPEN)


async def test_changes_of_a_secret_and_our_own_looks_are_no_opens(scene: FileScene) -> None:
    (scene.root / "etc/shadow").chmod(0o600)
    await scene.tells("/etc/shadow", Kind.FILE_ATTRIBUTES)
    await scene.is_told()
    assert not scene.emitted.of(Kind.FILE_OPEN)


async def test_a_link_in_the_place_of_a_secret_leads_nowhere(scene: FileScene) -> None:
    (scene.root / "etc/shadow").unlink()
    (scene.root / "etc/shadow").symlink_to("/etc/hosts")
    await scene.tells("/etc/shadow", Kind.FILE_CREATE)
    read(Path("/etc/hosts"))
    await scene.is_told()
    assert not scene.emitted.of(Kind.FILE_OPEN)


async def test_a_fifo_in_the_place_of_a_secret_blocks_nobody(scene: FileScene) -> None:
    os.mkfifo(scene.root / "etc/ssl/private/key")
    await scene.tells("/etc/ssl/private/key", Kind.FILE_CREATE)


async def test_who_holds_a_secret_open_is_named(scene: FileScene) -> None:
    status = (scene.root / "etc/shadow").stat()
    file = (status.st_dev, status.st_ino)
    thief = scene.task.add(70_000, APP, exe="/bin/thief")
    scene.task.file_holders[file] = (70_000,)
    scene.task.open_files[(70_000, *file)] = (OpenFile(5, os.O_RDONLY, 0, status.st_size),)
    read(scene.root / "etc/shadow")
    event = await scene.tells("/etc/shadow", Kind.FILE_OPEN)
    assert event.file is not None
    assert (event.process, event.file.actor_evidence) == (thief, "descriptor")


async def test_a_secret_costs_one_watch_and_lets_go_of_it(scene: FileScene) -> None:
    before = scene.watches()
    (scene.root / "root/.ssh/id_rsa").write_text("x")
    await scene.tells("/root/.ssh/id_rsa", Kind.FILE_CREATE)
    assert scene.watches() == before + 1
    assert (APP, b"/root/.ssh/id_rsa") in remembered(scene)
    (scene.root / "root/.ssh/id_rsa").unlink()
    await scene.tells("/root/.ssh/id_rsa", Kind.FILE_DELETE)
    await scene.is_told()
    assert scene.watches() == before
    assert (APP, b"/root/.ssh/id_rsa") not in remembered(scene)
    scene.task.stop_container(APP)
    assert not remembered(scene)


def test_a_secret_whose_successor_got_its_number_unseen_is_watched_after_the_loss(tmp_path: Path) -> None:
    root = make_root(tmp_path, ["etc"])
    secret = root / "etc/shadow"
    secret.write_text("old")
    still, number = Still(root), secret.stat().st_ino
    with closing(still):
        still.start()
        still.work()
        secret.unlink()
        secret.write_text("new")
        if secret.stat().st_ino != number:
            pytest.skip("this file system gave the new file another number")
        still.watch.discard()
        still.work()
        read(secret)
        still.work()
        assert ("open", "/etc/shadow") in still.told()


def test_a_secret_of_two_names_and_in_two_containers_is_not_opened_to_be_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older kernels would tell each such open of one that is watched already."""
    root = make_root(tmp_path / "root", ["etc", "run/secrets/app", "var"])
    (root / "run/secrets/app/token").write_text("x")
    (root / "var/run").symlink_to("/run")
    still, opened = Still(root), handles(monkeypatch)
    with closing(still):
        still.start()
        other = os.open(root, os.O_PATH)
        still.task.add(os.getppid(), "other")
        still.task.start_container("other", other)
        (root / "run/secrets/app/later").write_text("y")
        still.work()
        os.close(other)
        assert opened == []
        still.emitted.events.clear()
        for name in ("token", "later"):
            read(root / "run/secrets/app" / name)
        still.work()
        told = [(e.kind, e.container and e.container.id, e.file and e.file.path) for e in still.emitted.events]
        assert sorted(map(str, told)) == sorted(
            str((Kind.FILE_OPEN, one, f"/run/secrets/app/{name}"))
            for one in (APP, "other")
            for name in ("token", "later")
        )


def remembered(scene: FileScene) -> Collection[tuple[str, bytes]]:
    """The secrets of which it is remembered who had them open."""
    assert scene.collector._watch is not None
    return scene.collector._watch._actors.descriptors._before
