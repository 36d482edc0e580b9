"""Opens of programs through a container's root, on the real inotify."""

import errno
import os
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors import exec_hints
from collectors.exec_hints import ExecHints, Opened
from collectors.rootfs import held
from sensor.model.counters import Counters

pytestmark = pytest.mark.kernel


class Root:
    """A directory that stands for a container's root."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("usr/bin", "etc", "opt/tool"):
            (path / name).mkdir(parents=True)
        (path / "bin").symlink_to("usr/bin")
        (path / "etc/ld.so.cache").touch()
        self.fd = os.open(path, os.O_PATH)

    def program(self, name: str) -> Path:
        """A script in the container."""
        path = self.path / name
        path.write_text("#!/bin/sh\nexit 0\n")
        path.chmod(0o755)
        return path


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    found = Root(tmp_path)
    yield found
    os.close(found.fd)


@pytest.fixture
def hints(root: Root) -> Iterator[ExecHints]:
    found = ExecHints(lambda container_id: root.fd if container_id == "app" else None, Counters())
    yield found
    found.close()


def opened(hints: ExecHints) -> list[Opened]:
    assert select.select([hints.fileno()], [], [], 10)[0], "no hint within 10 s"
    return hints.read()


def watches(hints: ExecHints) -> int:
    """What the kernel says of the instance (proc_pid_fdinfo(5))."""
    with open(f"/proc/self/fdinfo/{hints.fileno()}", encoding="ascii") as info:
        return info.read().count("inotify wd")


def test_running_a_program_is_a_hint_with_its_path(hints: ExecHints, root: Root) -> None:
    program = root.program("usr/bin/tool")
    hints.enter("app", [])
    hints.read()
    subprocess.run([program], check=True)
    assert Opened("app", "/usr/bin/tool", by_loader=False) in opened(hints)


@pytest.mark.parametrize("exe", ["/tool", "/opt/tool/run"])
def test_where_a_program_was_seen_to_run_others_give_hints(hints: ExecHints, root: Root, exe: str) -> None:
    program = root.program(exe[1:])
    hints.enter("app", [])
    hints.ran("app", exe)
    hints.read()
    subprocess.run([program], check=True)
    assert exe in [one.path for one in opened(hints)]


def test_a_directory_with_two_names_is_watched_once(hints: ExecHints, root: Root) -> None:
    hints.enter("app", [b"/bin", b"/usr/bin"])
    program = root.program("usr/bin/tool")
    hints.read()
    subprocess.run([program], check=True)
    assert {one.path for one in opened(hints)} == {"/usr/bin/tool"}, "by the path that /proc shows, not by the link"


def test_the_loaders_cache_is_a_hint_of_its_own_and_a_new_one_is_watched_too(hints: ExecHints, root: Root) -> None:
    hints.enter("app", [])
    cache = root.path / "etc/ld.so.cache"
    cache.read_bytes()
    assert opened(hints) == [Opened("app", "/etc/ld.so.cache", by_loader=True)]
    (root.path / "etc/new").touch()
    os.rename(root.path / "etc/new", cache)
    opened(hints)
    cache.read_bytes()
    assert Opened("app", "/etc/ld.so.cache", by_loader=True) in opened(hints)


def test_where_a_program_ran_from_others_are_expected(hints: ExecHints, root: Root) -> None:
    hints.enter("app", [])
    hints.ran("app", "/opt/tool/first")
    program = root.program("opt/tool/second")
    hints.read()
    subprocess.run([program], check=True)
    assert Opened("app", "/opt/tool/second", by_loader=False) in opened(hints)


def test_an_ended_container_keeps_nothing_busy(hints: ExecHints, root: Root) -> None:
    hints.enter("app", [])
    assert hints.covers("app")
    assert watches(hints) > 0
    hints.leave("app")
    assert watches(hints) == 0
    assert not hints.covers("app")


def test_a_container_for_which_the_watches_did_not_suffice_is_not_covered(
    hints: ExecHints, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = hints._stream.add

    def full(place: int, mask: int, *, is_directory: bool = True) -> int:
        if is_directory:
            raise OSError(errno.ENOSPC, "no watch is left")
        return add(place, mask, is_directory=False)

    with monkeypatch.context() as patch:
        patch.setattr(hints._stream, "add", full)
        hints.enter("app", [])
    assert watches(hints) == 1
    assert not hints.covers("app")
    hints.enter("app", [])
    assert hints.covers("app"), "there is room again"


def test_a_container_without_a_root_is_not_covered(hints: ExecHints) -> None:
    hints.ran("unreachable", "/opt/tool/first")  # which nobody has entered
    hints.enter("unreachable", [b"/usr/bin"])
    assert not hints.covers("unreachable")


def test_a_container_whose_root_is_had_later_is_covered_from_then_on(
    hints: ExecHints, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints.enter("late", [b"/usr/bin"])
    monkeypatch.setattr(hints, "_root_of", lambda _: root.fd)
    hints.enter("late", [b"/usr/bin"])
    assert hints.covers("late")


def test_links_out_of_the_container_lead_nowhere(hints: ExecHints, root: Root, tmp_path: Path) -> None:
    outside = tmp_path.parent / "outside"
    outside.mkdir(exist_ok=True)
    (root.path / "opt/link").symlink_to(outside)
    (root.path / "opt/proc").symlink_to("/proc/self/root")
    before = watches(hints)
    hints._known["app"] = set()
    for path in (b"/opt/link", b"/opt/proc/usr/bin", b"relative"):
        hints._watch("app", path, is_directory=True)
    assert watches(hints) == before


def test_on_the_plain_machine_a_place_is_the_whole_path(root: Root) -> None:
    with held(os.open("/", os.O_PATH)) as machine:
        assert exec_hints._place(machine, root.fd, b"/asked/for") == bytes(root.path)
    assert exec_hints._place(root.fd, root.fd, b"/") == b"", "what is the root itself, before a slash and a name"
