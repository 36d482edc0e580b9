"""Facts about executables, over real files: what is cached, what waits, what is refused and why."""

import asyncio
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from executables_scene import Scene
from running import until

from collectors import change_times
from collectors import executables as module
from collectors.executable_facts import Facts
from collectors.executables import BURST_BYTES, MOST_BYTES, MOST_FILES, MOST_WAITING, Executables
from collectors.hash_worker import Hashed
from sensor.model.errors import AccessDenied, ProcessGone


@pytest.fixture(autouse=True)
def on_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the files of these tests are: only those of memfd_create(2) count as in memory."""

    def are_kept(fd: int) -> bool:
        return not os.readlink(f"/proc/self/fd/{fd}").startswith("/memfd:")

    monkeypatch.setattr(change_times, "are_kept", are_kept)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def executables(scene: Scene) -> Iterator[Executables]:
    found = scene.executables()
    yield found
    found.close()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_the_first_answer_comes_later_and_the_next_at_once(scene: Scene, executables: Executables) -> None:
    assert scene.wanted(executables) is None
    await until(lambda: scene.told, "the facts")
    (facts,) = scene.told
    assert facts.sha256 == sha256(b"#!one\n")
    assert facts.why_no_hash is None
    assert scene.wanted(executables) == facts
    await asyncio.sleep(0)
    assert len(scene.told) == 1
    assert scene.opened == [10]
    assert scene.counters.seen["executables.hashed"] == 1


async def test_another_file_under_the_same_name_is_another_program(scene: Scene, executables: Executables) -> None:
    first = await scene.facts(executables)
    new = scene.path.with_name("new")
    new.write_bytes(b"#!two\n")
    new.replace(scene.path)
    assert (await scene.facts(executables)).sha256 == sha256(b"#!two\n") != first.sha256


async def test_a_file_that_is_written_again_is_another_program(scene: Scene, executables: Executables) -> None:
    first = await scene.facts(executables)
    changed = scene.path.stat().st_ctime_ns
    while scene.path.stat().st_ctime_ns == changed:
        scene.path.write_bytes(b"#!two\n")
    assert (await scene.facts(executables)).sha256 == sha256(b"#!two\n") != first.sha256


async def test_a_file_that_was_just_changed_is_hashed_each_time(scene: Scene, executables: Executables) -> None:
    scene.clock.wall_ns = scene.path.stat().st_ctime_ns + 1_000_000
    await scene.facts(executables)
    await scene.facts(executables)
    assert scene.counters.seen["executables.hashed"] == 2
    scene.clock.advance(1)
    for _ in range(4):  # the second time it is settled, and known from then on
        await scene.facts(executables)
    assert scene.counters.seen["executables.hashed"] == 4


async def test_what_asks_while_a_young_file_is_hashed_has_a_hash_of_its_own(scene: Scene) -> None:
    executables = scene.executables(idle=True)
    scene.clock.wall_ns = scene.path.stat().st_ctime_ns + 1_000_000_000
    assert [scene.wanted(executables) for _ in range(3)] == [None] * 3
    (_, first), (_, settled) = scene.idle.jobs
    first(Hashed("before it was changed by a mapping"))
    settled(Hashed("f00"))
    assert [facts.sha256 for facts in scene.told] == ["before it was changed by a mapping", "f00", "f00"]
    known = scene.wanted(executables)
    assert known is not None
    assert known.sha256 == "f00"


async def test_a_hash_that_was_taken_of_a_file_that_nobody_ran_answers_for_no_exec(scene: Scene) -> None:
    executables, told = scene.executables(idle=True), list[Facts]()
    handle = os.open(scene.path, os.O_PATH)
    assert executables.wanted_file(handle, "c", "/program", told.append) is None
    assert scene.wanted(executables) is None, "it may have begun to be read before it was changed"
    (_, of_file), (_, of_exec) = scene.idle.jobs
    of_file(Hashed("benign"))
    of_exec(Hashed("f00"))
    assert [facts.sha256 for facts in told + scene.told] == ["benign", "f00"]
    known = executables.wanted_file(handle, "c", "/program", told.append)
    os.close(handle)
    assert known is not None
    assert known.sha256 == "f00"


async def test_files_in_memory_are_hashed_each_time(scene: Scene, executables: Executables) -> None:
    memory = os.memfd_create("payload")
    scene.gated.path = Path(f"/proc/self/fd/{memory}")
    process = scene.process()
    process.exe = None
    for n in (1, 2):
        assert executables.wanted(process, scene.told.append) is None
        await until(lambda n=n: len(scene.told) == n, "the facts")  # type: ignore[misc] # of this turn
    os.close(memory)
    assert scene.counters.seen["executables.hashed"] == 2


async def test_many_who_want_the_same_have_it_hashed_once(scene: Scene) -> None:
    executables = scene.executables(idle=True)
    assert [scene.wanted(executables) for _ in range(3)] == [None] * 3
    ((size, done),) = scene.idle.jobs
    assert size == len(b"#!one\n")
    done(Hashed("f00"))
    assert [facts.sha256 for facts in scene.told] == ["f00"] * 3


async def test_a_hash_that_failed_is_tried_again(scene: Scene) -> None:
    executables = scene.executables(idle=True)
    scene.wanted(executables)
    scene.idle.jobs.pop()[1](Hashed(why="changed"))
    assert [facts.why_no_hash for facts in scene.told] == ["changed"]
    assert scene.wanted(executables) is None
    assert len(scene.idle.jobs) == 1
    assert scene.counters.seen["executables.unhashed"] == 1


@pytest.mark.parametrize(
    ("error", "why"), [(ProcessGone(), "gone"), (AccessDenied(), "denied"), (OSError(24, "x"), "x")]
)
async def test_what_cannot_be_opened_says_why(scene: Scene, error: Exception, why: str) -> None:
    scene.gated.error = error
    assert scene.wanted(scene.executables(idle=True)) == Facts(why_no_hash=why)


async def test_a_process_that_runs_another_program_by_now_has_no_facts(scene: Scene) -> None:
    process = scene.process()
    process.exe = "/bin/before"
    assert scene.executables(idle=True).wanted(process, scene.told.append) == Facts(why_no_hash="gone")
    process.exe = f"{scene.path} (deleted)"  # or deleted in between
    assert scene.executables(idle=True).wanted(process, scene.told.append) is None
    process.exe = None  # it could not be read: then there is nothing to compare with
    assert scene.executables(idle=True).wanted(process, scene.told.append) is None


@pytest.mark.parametrize("fs_type", ["nfs4", "fuse.sshfs"])
async def test_a_remote_file_is_never_opened(scene: Scene, fs_type: str) -> None:
    scene.mounted(fs_type)
    assert scene.wanted(scene.executables(idle=True)) == Facts(why_no_hash="not local")
    assert scene.opened == []


async def test_a_mount_that_nobody_lists_is_not_taken_for_local(scene: Scene) -> None:
    (scene.procfs / "10" / "mountinfo").write_text("")
    assert scene.wanted(scene.executables(idle=True)) == Facts(why_no_hash="not local")


async def test_memory_is_local_though_nobody_lists_it(scene: Scene, executables: Executables) -> None:
    memory = os.memfd_create("payload")
    os.write(memory, b"in memory")
    scene.gated.path = Path(f"/proc/self/fd/{memory}")
    process = scene.process()
    process.exe = "/memfd:payload (deleted)"
    assert executables.wanted(process, scene.told.append) is None
    await until(lambda: scene.told, "the facts")
    os.close(memory)
    assert scene.told[0].sha256 == sha256(b"in memory")


async def test_what_is_no_file_is_not_opened(scene: Scene, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    scene.gated.path = tmp_path / "fifo"
    facts = scene.wanted(scene.executables(idle=True))
    assert facts is not None
    assert facts.why_no_hash == "not local"
    assert scene.opened == []


async def test_a_file_that_is_too_large_is_not_read(scene: Scene) -> None:
    os.truncate(scene.path, MOST_BYTES + 1)
    facts = scene.wanted(scene.executables(idle=True))
    assert facts is not None
    assert facts.why_no_hash == "too large"
    assert scene.opened == []
    os.truncate(scene.path, MOST_BYTES)
    assert scene.wanted(scene.executables(idle=True)) is None


async def test_more_bytes_than_allowed_are_not_hashed(scene: Scene) -> None:
    executables = scene.executables(idle=True)
    for n in range(BURST_BYTES // MOST_BYTES):
        scene.gated.path = scene.path.with_name(f"large-{n}")
        scene.gated.path.touch()
        os.truncate(scene.gated.path, MOST_BYTES)
        assert scene.wanted(executables) is None
    scene.gated.path = scene.path
    facts = scene.wanted(executables)
    assert facts is not None
    assert facts.why_no_hash == "busy"
    assert scene.counters.seen["executables.unhashed"] == 1
    scene.clock.advance(1)
    assert scene.wanted(executables) is None


async def test_more_files_than_wait_are_not_hashed(scene: Scene) -> None:
    executables = scene.executables(idle=True)
    for n in range(MOST_FILES):
        scene.gated.path = scene.path.with_name(f"file-{n}")
        scene.gated.path.touch()
        assert scene.wanted(executables) is None
    scene.gated.path = scene.path
    facts = scene.wanted(executables)
    assert facts is not None
    assert facts.why_no_hash == "busy"
    scene.idle.jobs.pop()[1](Hashed("f00"))
    assert scene.wanted(executables) is None


async def test_those_who_wait_are_bounded(scene: Scene) -> None:
    executables = scene.executables(idle=True)
    assert {scene.wanted(executables) for _ in range(MOST_WAITING)} == {None}
    facts = scene.wanted(executables)
    assert facts is not None
    assert facts.why_no_hash == "busy"
    scene.idle.jobs.pop()[1](Hashed("f00"))
    assert len(scene.told) == MOST_WAITING
    assert scene.wanted(executables) == scene.told[0]
    scene.gated.path = scene.path.with_name("next")
    scene.gated.path.touch()
    assert scene.wanted(executables) is None, "those who were told wait no longer"


async def test_what_wants_a_file_after_a_close_is_not_told_with_who_wanted_it_before(scene: Scene) -> None:
    executables = scene.executables(idle=True)
    for round_ in (1, 2):
        assert {scene.wanted(executables) for _ in range(MOST_WAITING)} == {None}
        assert len(scene.idle.jobs) == round_, "the file is hashed anew"
        executables.close()
        assert len(scene.told) == round_ * MOST_WAITING


async def test_the_cache_is_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    executables = scene.executables(idle=True)
    for name in ("program", "b", "program", "c"):  # the one that was asked for longest ago is forgotten
        scene.gated.path = scene.path.with_name(name)
        scene.gated.path.touch()
        if scene.wanted(executables) is None:
            scene.idle.jobs.pop()[1](Hashed(name))
    known = {}
    for name in ("program", "c", "b"):
        scene.gated.path = scene.path.with_name(name)
        known[name] = scene.wanted(executables) is not None
    assert known == {"program": True, "c": True, "b": False}


async def test_close_tells_all_who_wait_once(scene: Scene) -> None:
    executables = scene.executables(idle=True)
    scene.wanted(executables)
    scene.wanted(executables)
    ((_, late),) = scene.idle.jobs
    executables.close()
    assert [facts.why_no_hash for facts in scene.told] == ["stopped"] * 2
    assert scene.idle.closed
    late(Hashed("f00"))
    executables.close()
    assert len(scene.told) == 2


async def test_after_close_it_begins_anew(scene: Scene, executables: Executables) -> None:
    known = await scene.facts(executables)
    executables.close()
    assert scene.wanted(executables) == known
    scene.path.write_bytes(b"#!three\n")
    assert (await scene.facts(executables)).sha256 == sha256(b"#!three\n")


async def test_where_the_kernel_notices_looks_each_look_is_told(scene: Scene) -> None:
    executables = scene.executables(idle=True)
    executables._looks_are_noticed = True
    scene.wanted(executables)
    assert scene.opened == [10, 10]  # the look, then the file itself
    scene.idle.jobs.pop()[1](Hashed("f00"))
    scene.wanted(executables)
    assert scene.opened == [10, 10, 10]


async def test_a_program_that_has_ended_is_known_by_the_version_of_its_file_that_a_tracer_saw(
    scene: Scene, executables: Executables
) -> None:
    known = await scene.facts(executables)
    scene.gated.error = ProcessGone("PID 10: gone")
    found = scene.path.stat()
    process = scene.process()
    process.traced = True
    process.version = (found.st_dev, found.st_ino, found.st_mode, found.st_ctime_ns, found.st_size)
    assert executables.wanted(process, scene.told.append) == known
    process.traced = False  # its tracer was lost, and the cursor has read what it ran next
    assert executables.wanted(process, scene.told.append) == Facts(why_no_hash="gone")
    process.traced = True
    process.version = (*process.version[:3], found.st_ctime_ns + 1, found.st_size)
    assert executables.wanted(process, scene.told.append) == Facts(why_no_hash="gone")
    process.version = None
    assert executables.wanted(process, scene.told.append) == Facts(why_no_hash="gone")


async def test_the_file_of_a_program_that_has_ended_is_not_looked_for(scene: Scene) -> None:
    process = scene.process()
    process.ended = 1.0
    assert scene.executables(idle=True).wanted(process, scene.told.append) == Facts(why_no_hash="gone")


async def test_where_hashes_are_given_up_new_files_have_none_and_known_ones_keep_theirs(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    found = scene.executables()
    assert found.wanted(scene.process(), scene.told.append) is None
    (first,) = await until(lambda: scene.told, "the hash")
    found.resolution.level = 1
    assert found.wanted(scene.process(), scene.told.append) == first
    scene.path.write_bytes(b"#!another\n")
    refused = found.wanted(scene.process(), scene.told.append)
    assert refused is not None
    assert (refused.sha256, refused.why_no_hash) == (None, module.BUSY)
    found.close()
