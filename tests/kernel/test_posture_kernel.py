"""The posture of real processes, read by a real task view that takes them for containers'."""

import json
import os
import subprocess
from collections.abc import AsyncIterator

import pytest
from fakes import Emitted
from needs import Need
from posture_scene import SECRET, app, taken_in
from running import collecting, until

from collectors import helper_launcher, posture_facts, posture_schedule
from collectors.environ import MOST_VARIABLES, Secrets
from collectors.posture import PostureWatch
from collectors.process_table import Tracked
from collectors.procfs import Procfs
from collectors.registry import collectors
from collectors.task_view import Task
from sensor.config.settings import Settings
from sensor.model.clock import SystemClock
from sensor.model.codec import to_wire
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied
from sensor.model.events import Missing
from sensor.model.protocols import Declared, Status

pytestmark = pytest.mark.kernel
UID = 12345


class Scene:
    """A running collector, and the task view that it looks through."""

    def __init__(self) -> None:
        launcher = helper_launcher.start() if os.geteuid() == 0 else None
        self.task = Task(
            instance="t", launcher=launcher, counters=Counters(), clock=SystemClock(), procfs=Procfs(), own_pid=-1
        )
        self.watch = PostureWatch(task=self.task, clock=SystemClock())
        self.emitted = Emitted()

    def checks(self, container_id: str) -> list[str]:
        """What was told of a container, in order."""
        told = [event for event in self.emitted.events if event.container and event.container.id == container_id]
        return [event.posture.check for event in told if event.posture]

    def found(self, check_id: str) -> list[tuple[str, ...]]:
        """What one check has found, telling by telling."""
        told = [event.posture for event in self.emitted.events if event.posture]
        return [posture.found for posture in told if posture.check == check_id]


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(posture_schedule, "FIRST_S", 0.05)
    monkeypatch.setattr(posture_schedule, "AGAIN_S", 0.1)
    scene = Scene()
    scene.task.start()
    async with collecting(scene.watch, scene.task) as emitted:
        scene.emitted = emitted
        yield scene
    scene.task.close()


async def test_names_of_secrets_are_told_once_and_no_value_is(scene: Scene) -> None:
    with app(scene.task, environ={"DB_PASSWORD": SECRET, "DATABASE_URL": f"mysql://u:{SECRET}@db/x", "USER": "x"}):
        await until(lambda: scene.found("secret-in-environment"), "the secrets")
    (told,) = (e for e in scene.emitted.events if e.posture and e.posture.check == "secret-in-environment")
    assert told.posture is not None
    assert told.posture.found == ("DB_PASSWORD", "DATABASE_URL")
    assert told.process is not None
    assert os.path.basename(told.process.exe or "") == "sleep"
    assert SECRET not in json.dumps([to_wire(event) for event in scene.emitted.events])


async def test_an_environment_that_is_too_long_to_be_looked_at_whole_is_told_in_the_status(scene: Scene) -> None:
    padding = {f"A{n}": "b" for n in range(MOST_VARIABLES)}
    with app(scene.task, environ=padding | {"DB_PASSWORD": SECRET}):
        reason = await until(lambda: scene.watch.status().reason, "a look")
        assert reason.startswith("the environment of 1 programs is longer than what is looked at")
        assert not scene.found("secret-in-environment")


async def test_another_users_secrets_are_read_by_a_helper(scene: Scene, need: Need) -> None:
    need(os.getuid() == 0, "root, to start a process of another user")
    with app(scene.task, user=UID, environ={"API_TOKEN": SECRET}) as process:
        assert scene.task.helpers.secrets((UID, UID), process.pid, process.start_ticks).names == ("API_TOKEN",)
        await until(lambda: scene.found("secret-in-environment") == [("API_TOKEN",)], "the secret")
        assert process.container is not None
        assert "root-user" not in scene.checks(process.container)
        assert "added-capabilities" not in scene.checks(process.container)


async def test_root_with_everything_is_told_by_its_program(scene: Scene, need: Need) -> None:
    held = Procfs().read("self/status").partition(b"CapEff:\t")[2].split()[0]
    need(os.getuid() == 0 and bool(int(held, 16) & 1 << 21), "root with SYS_ADMIN")
    with app(scene.task) as process:
        await until(lambda: scene.found("added-capabilities"), "the capabilities")
        assert scene.found("root-user") == [(process.exe,)]
        assert "SYS_ADMIN" in scene.found("added-capabilities")[0]


async def test_root_in_a_user_namespace_of_its_own_is_not(scene: Scene, need: Need) -> None:
    need(os.getuid() == 0, "root, to start a process of another user")
    need(subprocess.run(["unshare", "--user", "true"], user=UID, check=False).returncode == 0, "user namespaces")
    unshared = ("unshare", "--user", "--map-root-user", "sleep", "60")
    environ = {"API_TOKEN": SECRET}
    with app(scene.task, command=unshared, ends_as="sleep", user=UID, environ=environ) as process:
        held = scene.task.procfs.read(f"{process.pid}/status").partition(b"CapEff:\t")[2].split()[0]
        assert int(held, 16) & 1 << 21, "it has SYS_ADMIN there"
        await until(lambda: scene.found("secret-in-environment") or scene.watch.status().reason, "a look")
        assert process.container is not None
        assert not {"root-user", "added-capabilities", "ptrace-without-need"} & set(scene.checks(process.container))


async def test_a_new_program_brings_another_look_that_tells_only_what_is_new(scene: Scene) -> None:
    with app(scene.task, environ={"API_TOKEN": SECRET}) as first:
        await until(lambda: scene.found("secret-in-environment"), "the first secret")
        before = len(scene.emitted.events)
        with app(scene.task, first.container, command=("tail", "-f", "/dev/null"), environ={"DB_PASSWORD": SECRET}):
            await until(lambda: len(scene.found("secret-in-environment")) == 2, "the second secret")
        assert scene.found("secret-in-environment")[1] == ("API_TOKEN", "DB_PASSWORD")
        assert len(scene.emitted.events) == before + 1


async def test_a_full_queue_delays_what_is_told_to_the_next_look(scene: Scene) -> None:
    scene.emitted.full = True
    with app(scene.task, environ={"API_TOKEN": SECRET}) as first:
        assert first.container is not None
        await until(lambda: first.container in scene.watch._unread, "a look")
        scene.emitted.full = False
        with app(scene.task, first.container, command=("tail", "-f", "/dev/null")):
            await until(lambda: scene.found("secret-in-environment"), "the secret")


async def test_a_container_that_comes_again_is_told_anew(scene: Scene) -> None:
    for _ in range(2):
        scene.emitted.events.clear()
        with app(scene.task, "c" * 64, environ={"API_TOKEN": SECRET}):
            await until(lambda: scene.found("secret-in-environment"), "the secret")
        await until(lambda: not scene.task.containers(), "the container's end")


async def test_what_is_closed_is_told_in_the_status_and_beside_what_was_found(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = scene.task.gated.secrets

    def refuses_tail(process: Tracked) -> Secrets:
        if process.comm == "tail":
            raise AccessDenied(f"PID {process.pid}: denied")
        return reads(process)

    monkeypatch.setattr(scene.task.gated, "secrets", refuses_tail)
    with app(scene.task, command=("tail", "-f", "/dev/null"), environ={"DB_PASSWORD": SECRET}) as closed:
        await until(lambda: scene.watch.status().status is Status.DEGRADED, "a status that says so")
        assert "1 programs" in (scene.watch.status().reason or "")
        with app(scene.task, closed.container, environ={"API_TOKEN": SECRET}):
            await until(lambda: scene.found("secret-in-environment") == [("API_TOKEN",)], "the other's secret")
    (told,) = (e for e in scene.emitted.events if e.posture and e.posture.check == "secret-in-environment")
    assert told.evidence.missing == (Missing("posture.found", "denied"),)
    await until(lambda: scene.watch.status().status is Status.OK, "nothing closed any more")


async def test_more_programs_than_are_looked_at_are_told_in_the_status(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posture_facts, "MOST_PROGRAMS", 1)
    tail = ("tail", "-f", "/dev/null")
    with app(scene.task, "d" * 64, environ={"API_TOKEN": SECRET}), app(scene.task, "d" * 64, command=tail):
        await until(lambda: scene.found("secret-in-environment"), "the secret")
        assert "1 containers" in (scene.watch.status().reason or "")
    (told,) = (e for e in scene.emitted.events if e.posture and e.posture.check == "secret-in-environment")
    assert told.evidence.truncated == ("posture.found",)
    await until(lambda: scene.watch.status().status is Status.OK, "nothing left out any more")


async def test_the_machine_itself_is_left_alone(scene: Scene) -> None:
    taken_in(scene.task, os.getpid(), "")
    with app(scene.task, environ={"API_TOKEN": SECRET}):
        await until(lambda: scene.found("secret-in-environment"), "the secret of the container")
    assert all(event.container is not None for event in scene.emitted.events)


async def test_what_the_platform_has_added_is_left_alone(scene: Scene) -> None:
    scene.task.declared = Declared(managed=frozenset({"a" * 64}))
    with app(scene.task, "a" * 64, environ={"API_TOKEN": SECRET}), app(scene.task, environ={"API_TOKEN": SECRET}):
        await until(lambda: scene.found("secret-in-environment"), "the secret of the application")
        assert scene.checks("a" * 64) == []


async def test_it_can_be_switched_off(scene: Scene) -> None:
    def names(settings: Settings) -> set[str]:
        return {one.name for one in collectors(settings, scene.task, Counters(), SystemClock())}

    assert names(Settings()) - names(Settings(posture=False)) == {"posture"}
    assert "posture" in names(Settings(network=False))
