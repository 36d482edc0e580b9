"""Real processes that a task view takes for a container's, so that its posture is looked at."""

import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from collectors.process_table import Tracked
from collectors.task_view import Task

SECRET = "hunter2-and-nothing-else"


def taken_in(task: Task, pid: int, container_id: str) -> Tracked:
    """A living process, settled in a container of that id, whatever its cgroup says."""
    process = task.track(pid)
    assert process is not None
    task.read(process)
    process.container = container_id
    task.settle(process)
    return process


@contextmanager
def app(
    task: Task,
    container_id: str | None = None,
    *,
    command: Sequence[str] = ("sleep", "60"),
    environ: Mapping[str, str] | None = None,
    user: int | None = None,
    ends_as: str | None = None,
) -> Iterator[Tracked]:
    """A program of a container of its own while the block runs. It has executed before the block begins, and where the
    command runs another one in its place, `ends_as` of that name."""
    settings = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"} | dict(environ or {})
    groups: Sequence[int] | None = None if user is None else []
    child = subprocess.Popen(command, env=settings, user=user, group=user, extra_groups=groups)  # returns after exec
    try:
        while ends_as is not None and task.procfs.stat(child.pid).comm != ends_as:
            assert child.poll() is None, f"{command} has ended"
        yield taken_in(task, child.pid, container_id or uuid.uuid4().hex * 2)
    finally:
        child.kill()
        child.wait()
