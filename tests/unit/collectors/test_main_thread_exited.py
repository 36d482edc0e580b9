"""Programs that go on without their main thread, which alone /proc shows at their number."""

from pathlib import Path

import pytest
from fake_proc_tree import FakeProc
from task_over_proc import looked_at, task_over, tracked

from collectors.procfs import Procfs

pytestmark = pytest.mark.usefixtures("no_pidfds")


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path)


def test_a_program_whose_main_thread_has_exited_is_read_by_another_one(proc: FakeProc) -> None:
    task = task_over(proc)
    proc.process(10, 1, args=b"app\0--x\0", environ=b"LD_PRELOAD=/x.so\0", root="0:50 / / rw - overlay")
    proc.main_thread_exited(10, 11)
    process = looked_at(task, 10)
    assert (process.args, process.exe, process.cwd, process.missing) == (("app", "--x"), "/bin/app", "/", ())
    assert (process.preload, process.container) == (("LD_PRELOAD=/x.so",), "root-0:50")
    assert not task.runs_another(process)


def test_what_is_known_of_a_program_outlives_its_main_thread(proc: FakeProc) -> None:
    task = task_over(proc)
    proc.process(10, 1)
    (proc.root / "10" / "fd" / "3").symlink_to("socket:[777]")
    process = looked_at(task, 10)
    proc.main_thread_exited(10, 11)
    assert task.owner_of(777) == 10
    assert task.read(process)
    assert (process.args, process.exe) == (("app",), "/bin/app")


def test_what_is_known_of_a_program_stays_known_when_it_has_ended(proc: FakeProc) -> None:
    task = task_over(proc)
    proc.process(10, 1)
    process = looked_at(task, 10)
    stat = proc.root / "10" / "stat"
    stat.write_text(stat.read_text().replace(" S ", " Z ", 1).replace(" 10 0 10 ", " 0 0 0 ", 1))
    (proc.root / "10" / "cmdline").write_bytes(b"")
    assert task.read(process)
    assert (process.args, process.exe) == (("app",), "/bin/app")


def test_a_main_thread_that_has_exited_is_no_end_to_the_sweep(proc: FakeProc) -> None:
    task = task_over(proc)
    proc.process(10, 1)
    process = tracked(task, 10)
    proc.main_thread_exited(10, 11)
    task._exits.sweep(task._ended)
    assert process.ended is None


def test_a_thread_that_executes_a_program_while_threads_are_asked_has_the_number_itself(proc: FakeProc) -> None:
    proc.process(10, 1)
    proc.main_thread_exited(10, 11)
    renamed = (proc.root / "10" / "task" / "11" / "stat").read_text().replace("11 (app)", "10 (next)", 1)
    (proc.root / "10" / "task" / "10" / "stat").write_text(renamed)
    (proc.root / "10" / "task" / "11" / "stat").unlink()
    stat = Procfs(str(proc.root)).stat(10)
    assert (stat.pid, stat.comm, stat.is_zombie, stat.survivor) == (10, "next", False, None)
