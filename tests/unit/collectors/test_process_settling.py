"""A process that is read again while it settles, over a /proc that the test writes."""

from pathlib import Path

import pytest
from settling_scene import SettlingScene

from collectors.exec_hints import Opened
from collectors.open_hints import WINDOW_S
from collectors.process_reader import NOTHING_READ
from collectors.process_settling import FORKED_S, REREAD_S
from collectors.procfs import PF_EXITING, PF_FORKNOEXEC, Stat
from sensor.model.errors import ProcessGone
from sensor.model.kinds import Kind


@pytest.fixture
async def scene(tmp_path: Path, no_pidfds: None) -> SettlingScene:
    return SettlingScene(tmp_path)


@pytest.mark.parametrize("image", [None, 140_000])
async def test_a_user_that_changes_while_a_process_settles_is_told_whether_its_image_is_visible_or_not(
    scene: SettlingScene, image: int | None
) -> None:
    scene.runs(uid=0, image=140_000)
    assert scene.look() == [(Kind.PROCESS_EXEC, 0)]
    scene.runs(uid=33, image=image)

    told = scene.look()
    process = scene.task.living_process(7)
    assert process is not None
    scene.settling.look_again(process)

    assert told[1:] == ([(Kind.PROCESS_IDENTITY, 33)] if image is None else [])
    assert [(e.kind, e.process and e.process.uid) for e in scene.emitted.events[1:]] == [(Kind.PROCESS_IDENTITY, 33)]


async def test_a_read_that_an_exec_came_in_between_tells_no_change_and_hides_none(
    scene: SettlingScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.runs(uid=0, image=140_000)
    scene.look()
    scene.runs(uid=33, image=None)
    read = scene.task.read

    monkeypatch.setattr(scene.task, "read", lambda *of, **how: read(*of, **how) and False)
    assert scene.look() == [(Kind.PROCESS_EXEC, 0)]

    monkeypatch.setattr(scene.task, "read", read)
    assert scene.look() == [(Kind.PROCESS_EXEC, 0), (Kind.PROCESS_IDENTITY, 33)]


@pytest.mark.parametrize("image", [150_000, None])
async def test_a_program_of_which_only_half_was_read_at_first_is_told_once_it_is_read_whole(
    scene: SettlingScene, image: int | None
) -> None:
    scene.runs(uid=0, image=image and 140_000)
    scene.look()
    scene.runs(uid=33, image=image, args=b"other\0")
    _another_file(scene)
    process, stat = scene.new()
    scene.settling.look(process, stat=stat._replace(comm="app-0"))  # its exec came after this was read
    assert len(scene.emitted.events) == 1

    assert scene.look() == scene.look() == [(Kind.PROCESS_EXEC, 0), (Kind.PROCESS_EXEC, 33)]


@pytest.mark.parametrize("image", [150_000, None])
async def test_a_program_that_somebody_else_read_first_is_told(scene: SettlingScene, image: int | None) -> None:
    """As the parent of a new process is."""
    scene.runs(uid=0, image=image and 140_000)
    scene.look()
    scene.runs(uid=33, image=image, args=b"other\0")
    _another_file(scene)
    process = scene.task.living_process(7)
    assert process is not None
    assert scene.task.read(process)

    assert scene.look() == scene.look() == [(Kind.PROCESS_EXEC, 0), (Kind.PROCESS_EXEC, 33)]


async def test_what_was_half_read_is_due_for_another_look(scene: SettlingScene) -> None:
    scene.runs(uid=0, image=None)
    process, stat = scene.new()
    scene.settling.look(process, stat=stat._replace(comm="app-0"))
    assert scene.task.runs_another(process)

    scene.look()
    assert not scene.task.runs_another(process)


async def test_another_program_is_told_as_soon_as_it_runs(scene: SettlingScene) -> None:
    scene.runs(uid=0, image=140_000)
    scene.look()
    process, _ = scene.new()
    assert not scene.settling.tells_another(process)

    scene.runs(uid=0, image=0, code=0)
    assert not scene.settling.tells_another(process), "its memory is new, and nothing is in it yet"
    scene.runs(uid=33, image=150_000, args=b"other\0")
    assert scene.settling.tells_another(process)
    assert not scene.settling.tells_another(process)
    assert [e.process and e.process.args for e in scene.emitted.events] == [("app",), ("other",)]


async def test_another_program_whose_arguments_are_not_there_yet_is_told_when_they_are(scene: SettlingScene) -> None:
    scene.runs(uid=0, image=None)
    scene.look()
    process, _ = scene.new()
    scene.runs(uid=0, image=None, args=b"", comm="other")
    _another_file(scene)
    assert not scene.settling.tells_another(process)

    scene.runs(uid=0, image=None, args=b"other\0", comm="other")
    assert scene.settling.tells_another(process)


async def test_what_only_took_another_name_tells_no_other_program(scene: SettlingScene) -> None:
    scene.runs(uid=0, image=None)
    scene.look()
    process, _ = scene.new()
    scene.runs(uid=0, image=None, args=b"app: worker\0", comm="worker")

    assert not scene.settling.tells_another(process)
    assert len(scene.emitted.events) == 1


async def test_a_fork_that_was_counted_and_stays_unexplained_counts_once(scene: SettlingScene) -> None:
    scene.runs(uid=0, image=140_000)
    process, _ = scene.new()
    scene.counters.processes = 1
    scene.settling.unread(7, process)
    scene.clock.advance(2 * WINDOW_S)
    scene.settling.conclude()
    assert (scene.counters.processes, scene.counters.unexplained) == (0, 1)


async def test_nothing_more_is_expected_of_a_process_that_is_gone(scene: SettlingScene) -> None:
    scene.runs(uid=0, image=140_000)
    scene.look()
    process, _ = scene.new()
    scene.says("state", "Z")
    with pytest.raises(ProcessGone, match="exited"):
        scene.settling.tells_another(process)

    (scene.proc.root / "7" / "stat").unlink()
    with pytest.raises(ProcessGone):
        scene.settling.tells_another(process)


@pytest.mark.parametrize(
    ("comm", "opened", "told"),
    [
        ("true", "/usr/bin/true", ["/bin/app", "/usr/bin/true"]),
        ("true", "/usr/bin/ls", ["/bin/app"]),
        ("app", "/opt/app", ["/bin/app"]),
        ("true", None, ["/bin/app"]),
    ],
)
async def test_what_ended_as_another_program_is_named_by_the_open_of_its_file(
    scene: SettlingScene, comm: str, opened: str | None, told: list[str]
) -> None:
    scene.runs(uid=5, image=140_000)
    scene.look()
    process, _ = scene.new()
    if opened is not None:
        scene.matching.opened(0.0, Opened(str(process.container), opened, by_loader=False))
    scene.runs(uid=5, image=None, comm=comm)
    scene.says("state", "Z")
    scene.settling.exited(process)

    execs = scene.emitted.of(Kind.PROCESS_EXEC)
    assert [e.process and e.process.exe for e in execs] == told
    assert [e.evidence.source for e in execs] == ["cursor", "open_hint"][: len(told)]
    missing = {m.field for m in execs[-1].evidence.missing} & {"process.exe", "process.args", "process.cwd"}
    assert missing == ({"process.args", "process.cwd"} if told[1:] else set())
    (end,) = scene.emitted.of(Kind.PROCESS_EXIT)
    assert end.process is not None
    assert (end.process.exe, end.process.args) == (told[-1], None if told[1:] else ("app",))


async def test_what_a_tracer_tells_of_is_not_named_by_an_open(scene: SettlingScene) -> None:
    scene.runs(uid=5, image=140_000)
    scene.look()
    process, _ = scene.new()
    process.traced = True
    scene.matching.opened(0.0, Opened(str(process.container), "/usr/bin/true", by_loader=False))
    scene.runs(uid=5, image=None, comm="true")
    scene.settling.exited(process)

    assert len(scene.emitted.of(Kind.PROCESS_EXEC)) == 1


def _another_file(scene: SettlingScene) -> None:
    exe = scene.proc.root / "7" / "exe"
    exe.unlink()
    exe.symlink_to("/bin/other")


async def test_a_program_that_is_read_while_the_kernel_prepares_it_is_told_once(scene: SettlingScene) -> None:
    scene.runs(uid=5, image=140_000, code=0)
    assert scene.look() == []
    scene.runs(uid=5, image=139_000)  # where its stack begins once all is on it

    assert scene.look() == [(Kind.PROCESS_EXEC, 5)]


async def test_a_new_process_is_read_once_it_runs_a_program_of_its_own(scene: SettlingScene) -> None:
    scene.runs(uid=5, image=140_000)
    process, stat = scene.new()
    scene.settling.begin(process, stat._replace(flags=PF_FORKNOEXEC))
    assert process.args is None
    assert scene.settling.about_to_run() is process

    scene.runs(uid=5, image=0, code=0)
    assert scene.settling.read_once_it_runs(process), "its memory is new, and nothing is in it yet"
    scene.runs(uid=5, image=139_000)
    scene.settling.read_once_it_runs(process)
    assert process.args == ("app",)
    assert scene.settling.about_to_run() is None
    assert len(scene.emitted.of(Kind.PROCESS_EXEC)) == 1


async def test_a_program_of_its_own_is_read_at_once_and_by_the_stat_that_was_read(scene: SettlingScene) -> None:
    scene.runs(uid=5, image=140_000)
    process, stat = scene.new()

    scene.settling.begin(process, stat._replace(image=(4096, 8192, 138_000)))
    assert process.missing == NOTHING_READ
    assert scene.emitted.of(Kind.PROCESS_EXEC) == [], "another program has begun since its stat was read"


async def test_nothing_more_is_expected_of_a_new_process_that_is_gone(scene: SettlingScene) -> None:
    scene.runs(uid=5, image=140_000)
    process, stat = scene.new()
    scene.settling.begin(process, stat._replace(flags=PF_FORKNOEXEC))
    (scene.proc.root / "7" / "stat").unlink()
    assert not scene.settling.read_once_it_runs(process)


async def test_what_exits_while_it_is_read_is_told_with_all_that_was_read(
    scene: SettlingScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.runs(uid=5, image=140_000)
    process, stat = scene.new()
    gone = stat._replace(flags=PF_EXITING, image=(0, 0, 0))
    monkeypatch.setattr(scene.task.procfs, "stat", lambda _: gone)

    scene.settling.begin(process, stat)
    (event,) = scene.emitted.of(Kind.PROCESS_EXEC)
    assert event.process is not None
    assert event.process.args == ("app",)


async def test_what_is_read_while_a_tracer_attaches_is_the_tracers_to_tell(
    scene: SettlingScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.runs(uid=0, image=140_000)
    process = scene.task.track(7)
    assert process is not None

    class Attaching:
        """Its first record comes while the process is read."""

        active = True
        drained = 0

        def drain(self) -> None:
            self.drained += 1
            process.traced = self.drained > 1

    monkeypatch.setattr(scene.task, "tracing", Attaching())
    assert scene.look() == []


@pytest.mark.parametrize("gone", [False, True])
async def test_the_last_programs_that_were_told_with_their_arguments_are_remembered(
    scene: SettlingScene, gone: bool
) -> None:
    for image in range(140_000, 140_006):
        scene.runs(uid=0, image=image, args=b"" if gone else b"app\0")
        scene.look()
    process = scene.task.living_process(7)
    assert process is not None
    assert [told[1] for told in process.told_images] == ([] if gone else [*range(140_002, 140_006)])


async def test_what_is_read_again_and_is_the_same_is_told_once(scene: SettlingScene) -> None:
    scene.runs(uid=5, image=None)

    assert scene.look() == scene.look() == [(Kind.PROCESS_EXEC, 5)]


async def test_another_program_is_told_with_its_user_and_nothing_besides(scene: SettlingScene) -> None:
    scene.runs(uid=0, image=140_000)
    scene.look()
    scene.runs(uid=33, image=150_000, args=b"other\0")

    assert scene.look() == [(Kind.PROCESS_EXEC, 0), (Kind.PROCESS_EXEC, 33)]


async def test_what_cannot_be_read_when_its_turn_comes_is_counted_and_harms_nobody(
    scene: SettlingScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.runs(uid=5, image=140_000)
    scene.look()
    process = scene.task.living_process(7)
    assert process is not None
    scene.settling._forget(process)

    def none_left(pid: int) -> Stat:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(scene.task.procfs, "stat", none_left)
    scene.settling.look_again(process)
    assert scene.counters.losses["proc_unreadable"] == 1


async def test_what_passes_for_the_runtime_for_long_is_read_after_all(scene: SettlingScene) -> None:
    scene.runs(uid=5, image=140_000)
    scene.passes_for_the_runtime()
    assert scene.look() == []
    process = scene.task.living_process(7)
    assert process is not None
    scene.settling.look(process, len(REREAD_S + FORKED_S))
    (event,) = scene.emitted.of(Kind.PROCESS_EXEC)
    assert event.process is not None
    assert (event.process.args, event.process.exe, event.process.uid) == (("app",), "/bin/app", 5)


async def test_what_takes_the_name_of_the_runtime_later_is_read_like_any_other(scene: SettlingScene) -> None:
    scene.runs(uid=5, image=140_000)
    scene.look()
    scene.runs(uid=5, image=150_000, args=b"implant\0")
    scene.passes_for_the_runtime()
    assert scene.look() == [(Kind.PROCESS_EXEC, 5)] * 2


async def test_a_program_of_which_nothing_could_be_read_says_so(
    scene: SettlingScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.runs(uid=5, image=140_000)
    process = scene.task.track(7)
    assert process is not None

    def gone(*_: object, **__: object) -> bool:
        raise ProcessGone("PID 7: gone")

    monkeypatch.setattr(scene.task, "read", gone)
    scene.settling.look(process, len(REREAD_S + FORKED_S))
    (event,) = scene.emitted.of(Kind.PROCESS_EXEC)
    assert {missing.field for missing in event.evidence.missing} >= {"process.exe", "process.args", "process.cwd"}
