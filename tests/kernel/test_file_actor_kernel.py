"""Who holds a file and has written to it, among real processes and their real descriptors."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from running import until

from collectors import file_holders
from collectors.actor_descriptors import Descriptors
from collectors.procfs import Procfs
from collectors.task_view import Task
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters

pytestmark = pytest.mark.kernel

KEY = ("app", b"/f")

APPENDS_AND_HOLDS = 'exec 3>>"$0"; echo x >&3; echo done; sleep 60'
APPENDS_BY_STANDARD_OUTPUT = 'exec 2>&1 >>"$0"; echo x; echo done >&2; sleep 60'
OPENS_AND_WAITS = 'exec 3>>"$0"; echo done; read go; echo x >&3; echo done; sleep 60'
READS_AND_HOLDS = 'exec 3<"$0"; echo done; sleep 60'
CHILD_WRITES = 'exec 3>>"$0"; (echo x >&3; echo done; sleep 60) & wait'


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Iterator[Task]:
    """Its searches come to their end on a busy machine too."""
    monkeypatch.setattr(file_holders, "LONGEST_S", 5.0)
    task = Task(instance="t", launcher=None, counters=Counters(), clock=SystemClock(), procfs=Procfs(), own_pid=-1)
    yield task
    task.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "f"
    file.write_text("from before")
    return file


@contextmanager
def shell(script: str, file: Path) -> Iterator["subprocess.Popen[str]"]:
    """A shell that has said that it is done with its first step, in a process group that is ended with it."""
    process = subprocess.Popen(
        ["sh", "-c", script, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        yield process
    finally:
        os.killpg(process.pid, 9)
        process.communicate()


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(descendant for child in children for descendant in family(int(child)))]


def take_in(task: Task, pid: int) -> list[int]:
    found = family(pid)
    for one in found:
        assert task.process(one) is not None
    return found


def writers(task: Task, file: Path, *, created: bool = False, descriptors: Descriptors | None = None) -> list[int]:
    descriptors = descriptors or Descriptors(task, Counters(), SystemClock())
    descriptors.new_turn()
    return descriptors.writers(KEY, file.stat(), created=created)


async def has_child(pid: int) -> None:
    await until(lambda: len(family(pid)) > 1, "the child")


@pytest.mark.parametrize("script", [APPENDS_AND_HOLDS, APPENDS_BY_STANDARD_OUTPUT])
async def test_a_shell_that_wrote_is_found_though_its_child_inherited_the_descriptor(
    task: Task, file: Path, script: str
) -> None:
    with shell(script, file) as held:
        await has_child(held.pid)
        take_in(task, held.pid)
        assert writers(task, file) == [held.pid]


def test_a_child_that_wrote_is_found_and_not_the_shell_that_opened(task: Task, file: Path) -> None:
    with shell(CHILD_WRITES, file) as held:
        _, child, *_ = take_in(task, held.pid)
        assert writers(task, file) == [child]


def test_who_reads_is_no_writer(task: Task, file: Path) -> None:
    with shell(READS_AND_HOLDS, file) as held:
        take_in(task, held.pid)
        assert len(task.holders_of(file.stat().st_dev, file.stat().st_ino).pids) >= 1
        assert writers(task, file) == []


def test_who_has_it_open_and_did_not_write_is_no_writer(task: Task, file: Path) -> None:
    with shell(OPENS_AND_WAITS, file) as held:
        take_in(task, held.pid)
        with file.open("a") as other:
            other.write("by another, who is gone by now")
        assert writers(task, file) == []


def test_who_wrote_before_is_not_taken_for_who_wrote_after(task: Task, file: Path) -> None:
    """Appended since: it does not stand at the end. Changed in place: it stands where it stood."""
    descriptors = Descriptors(task, Counters(), SystemClock())
    with shell(APPENDS_AND_HOLDS, file) as held:
        take_in(task, held.pid)
        assert writers(task, file, descriptors=descriptors) == [held.pid]
        with file.open("r+") as other:
            other.write("X")
        assert writers(task, file, descriptors=descriptors) == []
        with file.open("a") as other:
            other.write("more")
        assert writers(task, file) == []


def test_an_empty_file_was_created_by_who_has_it_open(task: Task, tmp_path: Path) -> None:
    new = tmp_path / "new"
    with shell('exec 3>"$0"; echo done; read go', new) as held:
        take_in(task, held.pid)
        assert writers(task, new, created=True) == [held.pid]
        assert writers(task, new) == [], "nothing says that it was changed by it"


def test_who_opens_a_secret_is_found_and_who_had_it_open_before_is_not(task: Task, file: Path) -> None:
    descriptors = Descriptors(task, Counters(), SystemClock())
    with shell(READS_AND_HOLDS, file) as before:
        take_in(task, before.pid)
        descriptors.watched(KEY, file.stat())
        with shell('exec 3<"$0"; echo done; read go', file) as held:
            take_in(task, held.pid)
            descriptors.new_turn()
            assert descriptors.openers(KEY, file.stat()) == [held.pid]
            descriptors.new_turn()
            assert descriptors.openers(KEY, file.stat()) == [], "that open has been told"
    descriptors.forget("app")
    assert descriptors.openers(KEY, file.stat()) == []
