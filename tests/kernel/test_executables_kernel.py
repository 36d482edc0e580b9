"""Facts about real programs that run: deleted, in memory, replaced, of another uid."""

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from app_process import AppProcess
from mapped_file import Mapped
from needs import Need
from running import until

from collectors import change_times, helper_launcher, path_opens
from collectors.executable_facts import Facts, drift
from collectors.executables import Executables
from collectors.gated import GatedReads
from collectors.helpers import Helpers
from collectors.inotify_stream import OPEN, InotifyStream
from collectors.process_table import Tracked
from collectors.procfs import Procfs
from collectors.statx import born_ns
from collectors.task_view import Task
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied
from sensor.model.events import Missing, Process

pytestmark = pytest.mark.kernel
UID, GID = 12345, 12346
SECRET = "LD_PRELOADED_SECRET"


@pytest_asyncio.fixture
async def task() -> AsyncIterator[Task]:
    made = Task(instance="test", launcher=None, counters=Counters(), clock=SystemClock(), procfs=Procfs(), own_pid=-1)
    yield made
    made.executables.close()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that waits, in a place of its own."""
    return Path(shutil.copy(shutil.which("sleep") or "", tmp_path / "program"))


class Running:
    """A program that runs until the block ends."""

    def __init__(self, args: Sequence[str], **how: object) -> None:
        self._child = subprocess.Popen(args, stderr=subprocess.DEVNULL, **how)  # type: ignore[call-overload]
        self.pid: int = self._child.pid

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *error: object) -> None:
        self._child.kill()
        self._child.wait()


async def tracked(task: Task, pid: int) -> Tracked:
    """The process, once it runs a program of its own."""

    def read() -> Tracked | None:
        process = task.track(pid)
        assert process is not None
        return process if task.read(process) and process.executed else None

    process = await until(read, "a process that was read whole")
    assert process is not None
    return process


async def facts_of(executables: Executables, process: Tracked) -> Facts:
    told: list[Facts] = []
    at_once = executables.wanted(process, told.append)
    return at_once or (await until(lambda: told, "the facts"))[0]


def content(path: Path) -> bytes:
    return path.read_bytes()


def replace(path: Path, content: bytes) -> None:
    new = path.with_name("new")
    new.write_bytes(content)
    new.chmod(0o755)
    new.replace(path)


def sha256(path: Path) -> str:
    return hashlib.sha256(content(path)).hexdigest()


async def grown_old(path: Path) -> int | None:
    """When the file was born, once that is longer ago than any clock here is coarse."""
    handle = os.open(path, os.O_PATH)
    changed, born = os.fstat(handle).st_ctime_ns, born_ns(handle)
    os.close(handle)
    await until(lambda: time.time_ns() - changed > 50_000_000, "a file of some age")
    return born


class Counting(Procfs):
    """Counts the environments that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.environs = 0

    def memory(self, name: str, limit: int) -> bytes:
        self.environs += name.endswith("/environ")
        return super().memory(name, limit)


def _counting(task: Task) -> Counting:
    assert isinstance(task.procfs, Counting)
    return task.procfs


class Denied(Procfs):
    """Refuses what the ptrace read check refuses to root with the default capabilities."""

    def memory(self, name: str, limit: int) -> bytes:
        if name.endswith("/environ"):
            raise AccessDenied(name)
        return super().memory(name, limit)

    def open_exe(self, pid: int) -> int:
        raise AccessDenied(f"{pid}/exe")


async def test_the_hash_is_that_of_the_file_and_known_the_next_time(task: Task, program: Path, need: Need) -> None:
    handle = os.open(program, os.O_PATH)
    need(change_times.are_kept(handle), "temporary files that are not in memory")
    os.close(handle)
    with Running([str(program), "60"]) as one, Running([str(program), "60"]) as other:
        facts = await facts_of(task.executables, await tracked(task, one.pid))
        assert facts.sha256 == sha256(program)
        process = await tracked(task, other.pid)
        assert process.exe == str(program)
        known = await until(lambda: task.executables.wanted(process, lambda facts: None), "an answer at once")
        assert known == facts


async def test_a_deleted_program(task: Task, program: Path) -> None:
    expected = sha256(program)
    with Running([str(program), "60"]) as one:
        await tracked(task, one.pid)
        os.unlink(program)
        process = task.track(one.pid)
        assert process is not None
        process.image = None  # has it read again
        assert task.read(process)
        assert process.exe == f"{program} (deleted)"
        assert (await facts_of(task.executables, process)).sha256 == expected


async def test_a_program_that_only_ever_was_in_memory(task: Task, program: Path) -> None:
    memory = os.memfd_create("payload", 0)
    os.write(memory, content(program))
    with Running(["payload", "60"], executable=f"/proc/self/fd/{memory}", pass_fds=[memory]) as one:
        os.close(memory)
        process = await tracked(task, one.pid)
        assert process.exe == "/memfd:payload (deleted)"
        assert (await facts_of(task.executables, process)).sha256 == sha256(program)


async def test_a_program_that_was_replaced_under_the_same_name(task: Task, program: Path) -> None:
    before = sha256(program)
    with Running([str(program), "60"]) as one:
        assert (await facts_of(task.executables, await tracked(task, one.pid))).sha256 == before
    replace(program, content(program) + b"\0")
    with Running([str(program), "60"]) as other:
        assert (await facts_of(task.executables, await tracked(task, other.pid))).sha256 == sha256(program) != before


@pytest.fixture
def overlay(need: Need, tmp_path: Path) -> Iterator[Path]:
    """An overlay as containers have it."""
    lower, upper, work, merged = (tmp_path / name for name in ("lower", "upper", "work", "merged"))
    for directory in (lower, upper, work, merged):
        directory.mkdir()
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    mounted = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(merged)], check=False)
    need(mounted.returncode == 0, "the right to mount an overlay")
    yield merged
    subprocess.run(["umount", "--lazy", str(merged)], check=True)


async def test_a_change_by_a_mapping_that_moves_no_time_shows_in_the_hash_of_the_next_exec(
    task: Task, program: Path
) -> None:
    with closing(Mapped(program)) as mapped:
        mapped.change()
        await grown_old(program)
        handle, told = os.open(program, os.O_PATH), list[Facts]()
        for n in (1, 2, 3):
            if (facts := task.executables.wanted_file(handle, "c", str(program), told.append)) is not None:
                told.append(facts)
            await until(lambda n=n: len(told) == n, "the file's hash")  # type: ignore[misc] # of this turn
        os.close(handle)
        mapped.change()
    with Running([str(program), "60"]) as one:
        facts = await facts_of(task.executables, await tracked(task, one.pid))
        assert facts.sha256 == sha256(program) != told[0].sha256


async def test_the_same_where_the_mapping_is_kept_while_programs_run(task: Task, program: Path, overlay: Path) -> None:
    program = Path(shutil.copy(program, overlay / "program"))
    with closing(Mapped(program)) as mapped:
        mapped.change()
        await grown_old(program)
        hashes = set()
        for _ in range(5):
            with Running([str(program), "60"]) as one:
                facts = await facts_of(task.executables, await tracked(task, one.pid))
            assert facts.sha256 == sha256(program)
            hashes.add(facts.sha256)
            mapped.change()
        assert len(hashes) == 2


async def test_drift_where_the_file_system_keeps_births(task: Task, program: Path, need: Need) -> None:
    need(await grown_old(program) is not None, "a file system with birth times")
    with Running([str(program), "60"]) as one:
        first = await tracked(task, one.pid)
        facts = await facts_of(task.executables, first)
        assert drift(facts.born_ns, first.start) is False  # it was there before anything ran
        dropped = shutil.copy(program, program.with_name("dropped"))
        with Running([str(dropped), "60"]) as another:
            facts = await facts_of(task.executables, await tracked(task, another.pid))
        assert drift(facts.born_ns, first.start) is True


async def test_our_own_opens_are_told_before_the_kernel_tells_of_them(task: Task, program: Path) -> None:
    await grown_old(program)
    ours: list[int] = []
    task.executables.opened = lambda process: ours.append(process.pid)
    with Running([str(program), "60"]) as one, closing(InotifyStream()) as stream:
        process = await tracked(task, one.pid)
        place = os.open(program.parent, os.O_PATH)
        stream.add(place, OPEN)
        os.close(place)
        facts = await facts_of(task.executables, process)
        assert facts.sha256 is not None
        assert ours
        assert await facts_of(task.executables, process) == facts  # the file is young: only now it is settled
        assert {notice.name for notice in stream.read()} == {b"program"}  # the same one after the other count as one
        ours.clear()
        assert task.executables.wanted(process, lambda facts: None) == facts
        assert bool(stream.read()) == bool(ours) == path_opens.are_noticed()


def test_whether_looks_are_noticed_is_what_a_watch_on_a_real_file_says(program: Path) -> None:
    with closing(InotifyStream()) as stream:
        place = os.open(program, os.O_PATH)
        stream.add(place, OPEN, is_directory=False)
        os.close(os.open(program, os.O_PATH))
        os.close(place)
        assert path_opens.are_noticed() == bool(stream.read())


async def test_what_is_preloaded_is_read_once_for_each_program(program: Path) -> None:
    environ = {"LD_PRELOAD": "/nowhere/x.so\n\udcff", "LD_LIBRARY_PATH": "", "PATH": "/bin", SECRET: "s3cret"}
    task = Task(instance="test", launcher=None, counters=Counters(), clock=SystemClock(), procfs=Counting(), own_pid=-1)
    with Running([str(program), "60"], env=environ) as one:
        process = await tracked(task, one.pid)
        assert process.preload == ("LD_PRELOAD=/nowhere/x.so\n\\xff", "LD_LIBRARY_PATH=")
        snapshot = process.snapshot()
        assert snapshot.preload == process.preload
        assert "s3cret" not in repr((snapshot, process))
        read = _counting(task).environs
        process.args = None  # has it read again, though it is the same program
        assert task.read(process)
        process.image = None
        assert task.read(process)
        assert _counting(task).environs <= read + 2
    task.close()


async def test_a_fork_has_what_its_parent_has_without_another_read(program: Path) -> None:
    task = Task(instance="test", launcher=None, counters=Counters(), clock=SystemClock(), procfs=Counting(), own_pid=-1)
    with AppProcess() as app:
        parent = await tracked(task, app.pid)
        parent.preload = ("LD_PRELOAD=x",)
        parent.sha256 = "f00"
        read = _counting(task).environs
        child = task.track(app.do("import os, time\nout = os.fork()\nif not out: time.sleep(60)"))
        assert child is not None
        task.read(child)
        assert (child.preload, child.sha256, _counting(task).environs) == (("LD_PRELOAD=x",), "f00", read)
        os.kill(child.pid, signal.SIGKILL)
    task.close()


async def test_an_environment_that_may_not_be_read_is_missing(program: Path) -> None:
    task = Task(instance="test", launcher=None, counters=Counters(), clock=SystemClock(), procfs=Denied(), own_pid=-1)
    with Running([str(program), "60"]) as one:
        process = await tracked(task, one.pid)
        assert process.preload is None
        assert Missing("process.preload", "denied") in process.missing
        assert task.executables.wanted(process, lambda facts: None) == Facts(why_no_hash="denied")
    task.close()


async def test_a_process_without_preloads_has_none_and_that_is_known(task: Task, program: Path) -> None:
    with Running([str(program), "60"], env={}) as one:
        process = await tracked(task, one.pid)
        assert (process.preload, process.preload_cut) == ((), False)
        assert not [m for m in process.missing if m.field == "process.preload"]


async def test_a_hidden_environment_is_cut_and_says_so(task: Task, program: Path) -> None:
    padding = {f"PAD{n}": "x" * 100_000 for n in range(3)}
    with Running([str(program), "60"], env=padding | {"LD_PRELOAD": "/nowhere/x.so"}) as one:
        process = await tracked(task, one.pid)
        assert (process.preload, process.preload_cut) == ((), True)


# without the right to read foreign processes


@pytest.fixture
def gated(need: Need) -> Iterator[GatedReads]:
    """What a sensor without SYS_PTRACE has: helpers."""
    need(os.getuid() == 0, "root, to become another uid")
    helpers = Helpers(helper_launcher.start(), Counters())
    yield GatedReads(Denied(), helpers)
    helpers.close()


@pytest.fixture
def app() -> Iterator[Running]:
    """A program of another uid."""
    environ = {"PATH": "/bin:/x", "LD_LIBRARY_PATH": "/lib", SECRET: "s3cret"}
    with Running(["sleep", "60"], env=environ, user=UID, group=GID, extra_groups=[]) as running:
        yield running


async def other(task: Task, app: Running) -> Tracked:
    process = await tracked(task, app.pid)
    assert (process.uid, process.gid) == (UID, GID)
    return process


async def test_a_helper_answers_three_variables_and_no_other(gated: GatedReads, task: Task, app: Running) -> None:
    found = gated.environment(await other(task, app))
    assert found == {"PATH": b"/bin:/x", "LD_LIBRARY_PATH": b"/lib"}
    assert not found.cut


async def test_a_helper_hands_over_the_executable(gated: GatedReads, task: Task, app: Running) -> None:
    process = await other(task, app)
    handle = gated.exe_file(process)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.read(handle, 1)  # O_PATH: a handle and no more
    program = shutil.which("sleep") or ""
    assert os.fstat(handle).st_ino == os.stat(program).st_ino
    os.close(handle)
    executables = Executables(gated=gated, procfs=Procfs(), counters=Counters(), clock=SystemClock())
    facts = await facts_of(executables, process)
    executables.close()
    assert facts.sha256 == sha256(Path(program))


async def test_nobody_stands_in_for_root(gated: GatedReads, task: Task, program: Path) -> None:
    with Running([str(program), "60"]) as one:
        process = await tracked(task, one.pid)
        if process.uid == 0:
            executables = Executables(gated=gated, procfs=Procfs(), counters=Counters(), clock=SystemClock())
            assert executables.wanted(process, lambda facts: None) == Facts(why_no_hash="denied")
            with pytest.raises(AccessDenied):
                gated.environment(process)


def test_the_snapshot_carries_what_was_found(program: Path) -> None:
    process = Tracked(1, "e", 1, SystemClock().wall(), None)
    process.sha256, process.drift, process.preload = "f00", True, ("LD_PRELOAD=x",)
    found: Process = process.snapshot()
    assert (found.sha256, found.drift, found.preload) == ("f00", True, ("LD_PRELOAD=x",))
