"""Processes, containers and sockets over a /proc that the test writes."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from fake_proc_tree import FakeProc
from fakes import ContainersTold, FakeClock
from task_over_proc import looked_at, task_over, tracked

from collectors.exec_hints import Opened
from collectors.exit_watch import End
from collectors.open_hints import Ran, Unread
from collectors.process_table import Tracked
from collectors.procfs import PF_FORKNOEXEC, Stat
from collectors.sessions import OWN_PROBE
from collectors.task_view import Task
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.protocols import HOST

pytestmark = pytest.mark.usefixtures("no_pidfds")

APP, SIDECAR = "a" * 64, "b" * 64


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path, own_cgroup=f"9:x:/docker/{SIDECAR}")


@pytest.fixture
def task(proc: FakeProc) -> Task:
    return task_over(proc)


def test_the_cgroup_names_the_container(proc: FakeProc, task: Task) -> None:
    proc.process(10, 1, cgroup=f"9:x:/docker/{APP}", root="0:50 / / rw - overlay")
    assert task.container_of(10) == APP
    assert task.own_container == SIDECAR


def test_a_child_is_where_its_parent_is_until_it_is_read(proc: FakeProc, task: Task) -> None:
    for pid, ppid in ((10, 1), (11, 10), (12, 10)):
        proc.process(pid, ppid, cgroup=f"9:x:/docker/{APP}")
    task.settle(tracked(task, 10))
    (proc.root / "11" / "cgroup").unlink()
    proc.process(12, 10, cgroup=f"9:x:/docker/{SIDECAR}")

    assert tracked(task, 11).container == APP, "without a look at its cgroup"
    task.read(tracked(task, 11))
    assert tracked(task, 11).container == APP, "which has gone meanwhile"
    moved = tracked(task, 12)
    assert moved.container == APP
    task.read(moved)
    assert moved.container == SIDECAR


def test_the_root_device_tells_containers_apart_where_the_cgroup_does_not(tmp_path: Path) -> None:
    proc = FakeProc(tmp_path, own_root="0:70 / / rw - overlay")
    proc.process(10, 0, root="0:50 / / rw - overlay")
    proc.process(11, 10, root="0:50 / / rw - overlay")
    proc.process(20, 0, root="0:60 / / rw - overlay")
    task = task_over(proc)
    assert [task.container_of(pid) for pid in (10, 11, 20)] == ["root-0:50", "root-0:50", "root-0:60"]
    assert task.own_container == "root-0:70"


def test_a_plain_machine_has_no_container(tmp_path: Path) -> None:
    proc = FakeProc(tmp_path)
    proc.process(10, 1)
    task = task_over(proc)
    assert task.container_of(10) == HOST
    assert (task.own_container, task.left_out) == (HOST, None)


OWN_ROOT, OTHER_ROOT = "0:70 / / rw - overlay", "0:50 / / rw - overlay"


def started_by(tmp_path: Path, parent: int, *, root: str = OWN_ROOT, comm: str = "bash", above: int = 0) -> Task:
    """A sensor in a container, as a child of that process."""
    proc = FakeProc(tmp_path, own_root=OWN_ROOT)
    proc.process(99, parent, root=OWN_ROOT)
    if parent:
        proc.process(parent, above, root=root, comm=comm)
    return task_over(proc)


@pytest.mark.parametrize(
    "parent", [{"parent": 0}, {"parent": 1, "comm": "docker-init"}, {"parent": 5, "root": OTHER_ROOT}]
)
def test_a_container_that_is_the_sensors_alone_is_left_out(tmp_path: Path, parent: dict[str, Any]) -> None:
    task = started_by(tmp_path, **parent)
    assert task.left_out == task.own_container == "root-0:70"


@pytest.mark.parametrize("parent", [{"parent": 1}, {"parent": 5, "comm": "tini", "above": 1}])
def test_a_container_in_which_the_sensor_was_started_by_hand_is_watched_too(
    tmp_path: Path, parent: dict[str, Any]
) -> None:
    task = started_by(tmp_path, **parent)
    assert (task.own_container, task.left_out) == ("root-0:70", None)


def test_facts_and_what_lacks(proc: FakeProc, task: Task) -> None:
    proc.process(10, 1, args=b"app\0--x\0")
    (proc.root / "10" / "cwd").unlink()
    process = task.process(10)
    assert process is not None
    assert (process.exe, process.args, process.cwd) == ("/bin/app", ("app", "--x"), None)
    assert (process.uid, process.gid) == (2, 4)
    known = tracked(task, 10)
    assert [(m.field, m.reason) for m in known.missing] == [("process.cwd", "gone")]


def test_another_process_under_the_same_pid_is_another_entity(proc: FakeProc, task: Task) -> None:
    proc.process(10, 1)
    first = task.process(10)
    stat = proc.root / "10" / "stat"
    stat.write_text(stat.read_text().replace(" 100 ", " 101 ", 1))
    second = task.process(10)
    assert first is not None
    assert second is not None
    assert first.entity != second.entity
    assert task.current(first.entity) is not None


def test_the_end_of_the_one_that_had_the_number_before_is_not_its_own(proc: FakeProc, task: Task) -> None:
    proc.process(10, 1)
    process = tracked(task, 10)
    task._ended(End(10, process.start_ticks - 1, 9))
    assert (process.ended, process.exit_code) == (None, None)
    task._ended(End(10, process.start_ticks, 9))
    assert (process.ended is not None, process.exit_code) == (True, -9)


def test_threads_and_the_gone_are_no_processes(proc: FakeProc, task: Task) -> None:
    proc.process(10, 1, exit_signal=-1)
    assert task.track(10) is None
    with pytest.raises(ProcessGone):
        task.track(11)
    assert task.process(11) is None


def test_a_process_whose_number_is_below_its_parents_has_its_ancestors(proc: FakeProc, task: Task) -> None:
    proc.process(30_000, 1)
    proc.process(31_000, 30_000)
    proc.process(400, 31_000)
    for pid in task.procfs.pids():
        task.track(pid)
    process = task.track(400)
    assert process is not None
    assert [ancestor.pid for ancestor in process.ancestors()] == [31_000, 30_000]
    assert [process.pid for process in task.living()] == [400, 31_000, 30_000]


def test_own_children_are_own_also_where_numbers_have_wrapped(proc: FakeProc, task: Task) -> None:
    for pid, ppid in ((99, 1), (98, 99), (50, 98)):
        proc.process(pid, ppid)
    task.track(50)
    assert task.is_own(50)


def test_own_children_are_own(proc: FakeProc, task: Task) -> None:
    for pid, ppid in ((99, 1), (100, 99), (101, 100), (10, 1)):
        proc.process(pid, ppid)
        task.track(pid)
    assert [task.is_own(pid) for pid in (99, 100, 101, 10)] == [True, True, True, False]
    assert sorted(task.own_pids()) == [100, 101]


def test_containers_come_with_their_first_process_and_go_with_their_last(proc: FakeProc, task: Task) -> None:
    listener = ContainersTold()
    task.listen(listener)
    for pid in (10, 11):
        proc.process(pid, 1, cgroup=f"9:x:/docker/{APP}")
        process = task.track(pid)
        assert process is not None
        task.settle(process)
    assert task.containers() == [APP]
    assert listener.told == [f"+{APP}"]
    task.ended(tracked(task, 10), None)
    assert task.containers() == [APP]
    task.ended(tracked(task, 11), None)
    assert listener.told == [f"+{APP}", f"-{APP}"]
    late = ContainersTold()
    task.listen(late)
    assert late.told == []


def test_what_enters_a_container_from_outside_later_is_an_exec_session(proc: FakeProc, task: Task) -> None:
    for pid in (10, 20):
        proc.process(pid, 0, cgroup=f"9:x:/docker/{APP}")
        task.settle(tracked(task, pid))
    proc.process(21, 20, cgroup=f"9:x:/docker/{APP}")
    sessions = [process.session for pid in (10, 20, 21) if (process := task.process(pid))]
    assert sessions == [None, "exec", "exec"]


def test_a_probe_that_enters_is_told_from_a_session_and_so_is_what_it_starts(proc: FakeProc) -> None:
    task = task_over(proc, probes=(("check", "-q"),))
    for pid, ppid, args in ((10, 0, b"app\0"), (20, 0, b"check\0-q\0"), (21, 20, b"curl\0"), (30, 0, b"sh\0")):
        proc.process(pid, ppid, cgroup=f"9:x:/docker/{APP}", args=args)
        looked_at(task, pid)
    assert [tracked(task, pid).session for pid in (10, 20, 21, 30)] == [None, "probe", "probe", "exec"]


def test_the_sensors_own_health_check_is_a_probe_in_its_container_and_nowhere_else(proc: FakeProc, task: Task) -> None:
    check = b"/opt/python\0" + b"\0".join(word.encode() for word in OWN_PROBE) + b"\0"
    for first, container in ((10, SIDECAR), (20, APP)):
        for pid, args in ((first, b"app\0"), (first + 1, check), (first + 2, b"ls\0")):
            proc.process(pid, 0, cgroup=f"9:x:/docker/{container}", args=args)
            looked_at(task, pid)
    assert [tracked(task, pid).session for pid in (11, 12, 21, 22)] == ["probe", "exec", "exec", "exec"]


def test_what_has_entered_is_a_session_or_a_probe_once_it_shows_its_command(proc: FakeProc) -> None:
    task = task_over(proc, probes=(("check", "-q"),))
    for pid in (10, 20):
        proc.process(pid, 0, cgroup=f"9:x:/docker/{APP}", args=b"check\0-q\0")
        task.settle(tracked(task, pid))
    proc.process(21, 20, cgroup=f"9:x:/docker/{APP}")
    child = tracked(task, 21)
    assert tracked(task, 20).session is None
    for pid in (10, 20):
        looked_at(task, pid)
    task.settle(child)
    assert [tracked(task, pid).session for pid in (10, 20, 21)] == [None, "probe", "probe"]


@pytest.mark.parametrize(
    ("before", "settled"),
    [(APP, False), (APP, True), ("engine", False)],
    ids=["not settled yet", "settled before it showed its command", "known from its way in"],
)
def test_a_child_that_is_looked_at_before_its_parent_has_its_session(
    proc: FakeProc, before: str, settled: bool
) -> None:
    task = task_over(proc, probes=(("check", "-q"),))
    for pid, container in ((10, APP), (20, before)):
        proc.process(pid, 0, cgroup=f"9:x:/docker/{container}", args=b"check\0-q\0")
    task.settle(tracked(task, 10))
    entered = tracked(task, 20)
    if settled:
        task.settle(entered)
    proc.process(20, 0, cgroup=f"9:x:/docker/{APP}", args=b"check\0-q\0")
    proc.process(21, 20, cgroup=f"9:x:/docker/{APP}")
    child = looked_at(task, 21)
    assert (child.session, entered.session, entered.settled) == ("probe", "probe", True)


def test_what_entered_and_was_gone_before_it_could_be_read_is_unclear(proc: FakeProc) -> None:
    task = task_over(proc, probes=(("check", "-q"),))
    for pid in (10, 20):
        proc.process(pid, 0, cgroup=f"9:x:/docker/{APP}")
    task.settle(tracked(task, 10))
    gone = tracked(task, 20)
    task.ended(gone, None)
    assert task.had_executed(gone)
    task.settle(gone)
    assert gone.session == "unclear"
    assert task.containers() == [APP]


def test_what_ended_after_its_arguments_were_read_has_lost_the_rest(proc: FakeProc, task: Task) -> None:
    proc.process(10, 1)
    process = tracked(task, 10)
    (proc.root / "10" / "status").unlink()
    assert task.read(process)
    assert (process.args, process.exe, process.preload) == (("app",), None, None)
    lost = {"process.uid", "process.gid", "process.exe", "process.cwd", "process.preload"}
    assert {missing.field for missing in process.missing if missing.reason == "gone"} == lost

    (proc.root / "10" / "cmdline").unlink()
    process.args = None
    with pytest.raises(ProcessGone):
        task.read(process)


def test_the_runtime_before_the_program_is_not_whole(proc: FakeProc, task: Task) -> None:
    proc.process(10, 0, comm="runc:[2:INIT]", args=b"runc\0init\0")
    assert not task.read(tracked(task, 10))
    proc.process(11, 10, comm="runc:[2:INIT]", args=b"mine\0")  # an app that gives itself the name has a parent
    assert task.read(tracked(task, 11))


def test_between_fork_and_exec_a_process_shows_its_parents_program(proc: FakeProc, task: Task) -> None:
    proc.process(10, 1, flags=PF_FORKNOEXEC)
    process = tracked(task, 10)
    assert task.read(process)
    assert not process.executed
    (proc.root / "10" / "cmdline").unlink()
    assert task.read(process), "it is not read again"
    assert process.args
    proc.process(10, 1, args=b"ls\0")
    stat = proc.root / "10" / "stat"
    stat.write_text(stat.read_text().replace(" 10 0 10 ", " 77 0 77 ", 1))
    assert task.read(process)
    assert process.args == ("ls",)
    assert process.executed


@pytest.mark.parametrize(
    ("flags", "comm", "exe"),
    [(PF_FORKNOEXEC, "app", "/bin/app"), (PF_FORKNOEXEC, "other", None), (0, "app", None)],
    ids=["a fork", "a fork of another program than its parent's of now", "a program of its own"],
)
def test_a_worker_that_may_not_be_read_runs_its_parents_program(
    proc: FakeProc, task: Task, monkeypatch: pytest.MonkeyPatch, flags: int, comm: str, exe: str | None
) -> None:
    proc.process(10, 1)
    assert task.read(tracked(task, 10))
    proc.process(11, 10, flags=flags, comm=comm)

    def refuse(process: Tracked) -> tuple[bytes, bytes]:
        raise AccessDenied(f"PID {process.pid}: denied")

    monkeypatch.setattr(task.gated, "links", refuse)
    worker = tracked(task, 11)
    task.read(worker)
    assert worker.exe == exe
    assert [m.field for m in task.missing(worker.entity) if m.reason == "denied"] == [
        *([] if exe else ["process.exe"]),
        "process.cwd",
    ]


def test_what_another_collector_asked_for_first_is_still_whole(proc: FakeProc, task: Task) -> None:
    proc.process(10, 1, args=b"ls\0")
    assert task.process(10) is not None
    process = tracked(task, 10)
    assert not process.announced
    assert task.read(process)


def test_a_process_that_was_only_glimpsed_is_among_the_recent_ones(proc: FakeProc) -> None:
    """Its program's open was seen 0.2 s ago, and 0.1 s ago its number was found gone."""
    clock = FakeClock()
    clock.advance(10)
    task, now = task_over(proc, clock=clock), clock.monotonic()
    glimpsed = task.glimpsed(Ran(Unread(now - 0.1, 77, None), Opened(APP, "/usr/bin/nc", by_loader=False), now - 0.2))
    glimpsed.exe = "/usr/bin/nc"
    assert task.recent(APP, now) == []
    (recent,) = task.recent(APP, now - 0.15)
    assert recent.process.exe == "/usr/bin/nc"
    assert recent.process.start is None, "no event tells a guess"
    assert recent.started is not None
    assert 0.2e9 <= clock.wall() - recent.started < 0.25e9
    assert task.process(77) == recent.process


def test_a_living_child_of_a_parent_that_ends_meanwhile_is_taken_in(
    proc: FakeProc, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pid, ppid in ((10, 1), (11, 10), (12, 11)):
        proc.process(pid, ppid)
    unknown = task._reader.unknown_above

    def ends(*asked: Any) -> list[Stat]:
        found = unknown(*asked)
        shutil.rmtree(proc.root / "11")
        return found

    monkeypatch.setattr(task._reader, "unknown_above", ends)
    assert tracked(task, 12).pid == 12
    assert [process.pid for process in task.living()] == [12, 10]


def test_what_changed_its_root_to_a_plain_directory_is_where_its_parent_is(tmp_path: Path) -> None:
    proc = FakeProc(tmp_path, own_root=OWN_ROOT)
    for pid, ppid in ((10, 0), (11, 10), (12, 0)):
        proc.process(pid, ppid, root=OTHER_ROOT)
    for pid in (11, 12):
        (proc.root / str(pid) / "mountinfo").write_text("")
    task = task_over(proc)
    assert [task.container_of(pid) for pid in (10, 11, 12)] == ["root-0:50", "root-0:50", None]


def test_sockets_have_their_newest_holder(proc: FakeProc, task: Task) -> None:
    for pid in (10, 11):
        proc.process(pid, 1)
        (proc.root / str(pid) / "fd" / "3").symlink_to("socket:[777]")
        task.track(pid)
    assert task.owner_of(777) == 11
    assert task.owner_of(778) is None


def test_a_container_whose_path_cannot_be_read_has_none(
    proc: FakeProc, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    proc.process(10, 1, cgroup=f"9:x:/docker/{APP}")
    task.settle(tracked(task, 10))
    assert task.search_path(APP) == [b"/bin"]

    def none_left(*_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(task.procfs, "_open", none_left)
    assert task.search_path(APP) == []
