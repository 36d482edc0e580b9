"""Ends of processes by pidfd, on the real kernel."""

import errno
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from needs import NeedKernel
from running import until

from collectors.exit_watch import ExitWatch, exit_code, most_pidfds
from collectors.procfs import Procfs, Stat
from sensor.model.counters import Counters
from sensor.model.errors import ProcessGone

pytestmark = pytest.mark.kernel


@pytest.fixture
def watch() -> Iterator[ExitWatch]:
    found = ExitWatch(Procfs(), Counters())
    yield found
    found.close()


def ended(watch: ExitWatch, pid: int) -> int | None:
    assert select.select([watch.fileno()], [], [], 10)[0], "no end within 10 s"
    return next(end.status for end in watch.collect() if end.pid == pid)


def started(pid: int) -> int:
    return Procfs().stat(pid).start_ticks


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", -9)])
def test_the_exit_code_of_an_unreaped_child(watch: ExitWatch, script: str, code: int) -> None:
    with subprocess.Popen(["sh", "-c", f"read _; {script}"], stdin=subprocess.PIPE) as child:
        watch.watch(child.pid, started(child.pid))
        assert list(watch.collect()) == []
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        status = ended(watch, child.pid)
    assert status is not None
    assert exit_code(status) == code


def test_what_is_watched_again_takes_no_second_descriptor(watch: ExitWatch) -> None:
    """Each tracer that is lost has all that it followed watched again."""
    with subprocess.Popen(["sleep", "60"]) as child:
        watch.watch(child.pid, started(child.pid))
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            watch.watch_again(child.pid, started(child.pid))
        assert len(os.listdir("/proc/self/fd")) == before
        child.kill()
        assert ended(watch, child.pid) == signal.SIGKILL
        assert list(watch.collect()) == []


def test_a_zombie_of_the_same_number_has_not_the_status_of_the_one_before(
    watch: ExitWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.exit_watch._exit_status", lambda _: None)
    pid = os.fork()
    if pid == 0:
        os._exit(9)
    watch.watch(pid, started(pid) - 1)
    status = ended(watch, pid)
    os.waitpid(pid, 0)
    assert status is None


def test_a_child_that_has_the_pidfd_too_wakes_us_no_more(watch: ExitWatch) -> None:
    """Between fork and exec it has all of ours, and an epoll instance keeps what is open anywhere (epoll(7))."""
    with subprocess.Popen(["sleep", "60"]) as child:
        watch.watch(child.pid, 0)
        other = os.fork()
        if other == 0:
            signal.pause()
        try:
            child.kill()
            assert ended(watch, child.pid) is None or child.wait() is not None
            assert list(watch.collect()) == []
        finally:
            os.kill(other, signal.SIGKILL)
            os.waitpid(other, 0)


def test_a_zombie_keeps_its_status(watch: ExitWatch) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(9)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    watch.watch(pid, started(pid))
    status = ended(watch, pid)
    os.waitpid(pid, 0)
    assert status is not None
    assert exit_code(status) == 9


class ReapedInBetween(Procfs):
    """The parent fetches the status just before we look for it."""

    def stat(self, pid: int) -> Stat:
        os.waitpid(pid, 0)
        return super().stat(pid)


def test_a_status_that_is_fetched_while_we_look_is_not_lost(need_kernel: NeedKernel) -> None:
    need_kernel(6, 15, "exit codes by pidfd")
    watch = ExitWatch(ReapedInBetween(), Counters())
    pid = os.fork()
    if pid == 0:
        os._exit(9)
    watch.watch(pid, 0)
    status = ended(watch, pid)
    watch.close()
    assert status is not None
    assert exit_code(status) == 9


def test_a_process_that_is_gone_is_not_watched(watch: ExitWatch) -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    with pytest.raises(ProcessGone):
        watch.watch(child.pid, 0)


def test_without_descriptors_the_sweep_finds_the_end(watch: ExitWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(pid: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", none_left)
    found: list[int] = []
    with subprocess.Popen(["sh", "-c", "read _"], stdin=subprocess.PIPE) as child:
        watch.watch(child.pid, Procfs().stat(child.pid).start_ticks)
        watch.sweep(lambda end: found.append(end.pid))
        assert found == []
        child.communicate(b"\n")
    watch.sweep(lambda end: found.append(end.pid))
    assert found == [child.pid]


@pytest.mark.parametrize("before", [True, False])
async def test_the_loop_sweeps_while_there_is_something_to_sweep(monkeypatch: pytest.MonkeyPatch, before: bool) -> None:
    """Whether it was there when we began or came later. An idle loop is not woken for nothing."""
    monkeypatch.setattr("collectors.exit_watch.most_pidfds", lambda: 0)
    monkeypatch.setattr("collectors.exit_watch.SWEEP_S", 0.01)
    watch, ends = ExitWatch(Procfs(), Counters()), list[int]()
    with subprocess.Popen(["sleep", "60"]) as child:
        if before:
            watch.watch(child.pid, started(child.pid))
        watch.start(lambda end: ends.append(end.pid))
        assert (watch._sweeping is not None) == before
        if not before:
            watch.watch(child.pid, started(child.pid))
        child.kill()
    await until(lambda: ends, "the end")
    assert ends == [child.pid]
    assert watch._sweeping is None
    watch.close()


def test_half_of_the_descriptors_are_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (4, 1024))
    counters, ends = Counters(), list[int]()
    watch = ExitWatch(Procfs(), counters)
    children = [subprocess.Popen(["sleep", "60"]) for _ in range(3)]
    for child in children:
        watch.watch(child.pid, started(child.pid))
    assert counters.seen == {"exits.without_pidfd": 1}
    for child in children:
        child.kill()
        child.wait()
    for child in children[:2]:
        ended(watch, child.pid)
    watch.sweep(lambda end: ends.append(end.pid))
    assert ends == [children[2].pid]
    watch.close()


@pytest.mark.parametrize(("soft", "most"), [(1024, 512), (resource.RLIM_INFINITY, sys.maxsize)])
def test_so_many_pidfds_are_held(soft: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    assert most_pidfds() == most


class Unreadable(Procfs):
    """As for a process that has no descriptor left."""

    def stat(self, pid: int) -> Stat:
        raise OSError(errno.EMFILE, "Too many open files")

    def link(self, name: str) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")


def test_an_end_is_told_once_where_proc_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pidfd used to stay in the epoll set with nobody to know it, and the loop turned for ever."""
    watch = ExitWatch(Unreadable(), Counters())
    monkeypatch.setattr("collectors.exit_watch._exit_status", lambda _: None)
    with subprocess.Popen(["sleep", "60"]) as child:
        watch.watch(child.pid, 0)
        child.kill()
        assert select.select([watch.fileno()], [], [], 10)[0]
        assert list(watch.collect()) == [(child.pid, 0, None)]
        assert list(watch.collect()) == []
    watch.close()


def test_the_sweep_keeps_those_that_cannot_be_read_now(monkeypatch: pytest.MonkeyPatch) -> None:
    procfs = Procfs()
    watch = ExitWatch(procfs, Counters())

    def refused(_: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", refused)
    ends: list[int] = []
    with subprocess.Popen(["sleep", "60"]) as child:
        watch.watch(child.pid, procfs.stat(child.pid).start_ticks)
        monkeypatch.setattr(procfs, "stat", Unreadable().stat)
        watch.sweep(lambda end: ends.append(end.pid))
        assert ends == []
        monkeypatch.undo()
        child.kill()
    watch.sweep(lambda end: ends.append(end.pid))
    assert ends == [child.pid]
    watch.close()


def test_nothing_stays_open() -> None:
    before = set(os.listdir("/proc/self/fd"))
    watch = ExitWatch(Procfs(), Counters())
    with subprocess.Popen(["sh", "-c", "read _"], stdin=subprocess.PIPE) as child:
        watch.watch(child.pid, 0)
        watch.close()
        child.communicate(b"\n")
    assert set(os.listdir("/proc/self/fd")) == before
