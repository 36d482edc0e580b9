"""A task over a /proc that a test writes."""

from fake_proc_tree import FakeProc
from fakes import FakeClock

from collectors.process_table import Tracked
from collectors.task_view import Task
from sensor.model.counters import Counters


def task_over(proc: FakeProc, probes: tuple[tuple[str, ...], ...] = (), clock: FakeClock | None = None) -> Task:
    """PID 99 is the sensor's."""
    return Task(
        instance="test",
        launcher=None,
        counters=Counters(),
        clock=clock or FakeClock(),
        procfs=proc.procfs,
        own_pid=99,
        probes=probes,
    )


def tracked(task: Task, pid: int) -> Tracked:
    """Taken in."""
    process = task.track(pid)
    assert process is not None
    return process


def looked_at(task: Task, pid: int) -> Tracked:
    """Read and settled, as the cursor does it."""
    process = tracked(task, pid)
    task.read(process)
    task.settle(process)
    return process
