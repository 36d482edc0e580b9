"""Where a process is that the cgroup does not name yet."""

import os
from pathlib import Path

import pytest
from fake_proc_tree import FakeProc
from task_over_proc import task_over, tracked

pytestmark = pytest.mark.usefixtures("no_pidfds")

APP = "a" * 64


def test_what_enters_a_container_is_in_it_before_it_has_its_cgroup(tmp_path: Path) -> None:
    """runc joins the mounts of the container first, and the check that it starts may end before the next look."""
    number = os.stat("/").st_dev  # where the root of every process of this tree leads
    device = f"{os.major(number)}:{os.minor(number)} / / rw - overlay"
    proc = FakeProc(tmp_path, own_root="0:0 / / rw - overlay")
    proc.process(10, 0, cgroup=f"9:x:/docker/{APP}", root=device)
    proc.process(20, 0, cgroup="9:x:/", root=device, comm="runc:[2:INIT]")
    proc.process(30, 0, cgroup="9:x:/", root="0:1 / / rw - overlay")
    task = task_over(proc)
    task.settle(tracked(task, 10))

    assert [task.container_of(pid) for pid in (20, 30)] == [APP, "root-0:1"]
