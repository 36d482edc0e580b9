"""The looks at a container's programs leave the loop to others in between, and tell all that they find, in turn."""

import asyncio
from types import SimpleNamespace

import pytest
from fakes import Emitted, FakeClock

from collectors import posture
from collectors.environ import Secrets
from collectors.posture import MOST_FOUND, MOST_REST_S, RESTS, PostureWatch
from collectors.posture_facts import RunningProgram
from collectors.process_table import Tracked
from collectors.procfs import Procfs
from collectors.rights import Rights
from sensor.model.events import Timestamp


async def test_each_program_is_followed_by_a_rest_of_many_times_what_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, rests = FakeClock(), list[float]()
    took = {"short": 0.001, "long": 0.02, "held up": 5.0}

    def read(_procfs: object, _gated: object, process: Tracked) -> None:
        clock.advance(took[process.comm])

    async def sleep(seconds: float) -> None:
        rests.append(round(seconds, 6))

    monkeypatch.setattr(posture, "read_program", read)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    task = SimpleNamespace(procfs=Procfs("/nowhere"), gated=None, declared=SimpleNamespace(mapped_ports=None))
    watch = PostureWatch(task=task, clock=clock)  # type: ignore[arg-type] # what it asks here
    members = [Tracked(n, str(n), 1, Timestamp(0), None, comm=comm) for n, comm in enumerate(took, 7)]
    await watch._facts("c", members)
    assert rests == [0.001 * RESTS, 0.02 * RESTS, MOST_REST_S]


async def test_what_has_ended_meanwhile_is_not_read_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (Tracked(n, str(n), 1, Timestamp(0), None, comm="x") for n in (7, 8))
    second.uid = 33
    read = list[int]()

    def read_program(_procfs: object, _gated: object, process: Tracked) -> None:
        read.append(process.pid)
        second.ended = 1.0

    monkeypatch.setattr(posture, "read_program", read_program)
    task = SimpleNamespace(procfs=Procfs("/nowhere"), gated=None, declared=SimpleNamespace(mapped_ports=None))
    watch = PostureWatch(task=task, clock=FakeClock())  # type: ignore[arg-type] # what it asks here
    await watch._facts("c", [first, second])
    assert read == [7]


async def test_what_does_not_fit_into_one_event_is_told_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    names = tuple(f"SECRET_{n}" for n in range(MOST_FOUND + 8))
    process = Tracked(7, "7", 1, Timestamp(0), None, comm="x", container="c")
    process.executed = True
    program = RunningProgram(process, Rights(1000, frozenset(), 2), Secrets(names))
    monkeypatch.setattr(posture, "read_program", lambda *_: program)
    declared = SimpleNamespace(mapped_ports=None, managed=())
    task = SimpleNamespace(
        procfs=Procfs("/nowhere"), gated=None, declared=declared, living=lambda: [process], own_container="s"
    )
    watch, emitted = PostureWatch(task=task, clock=FakeClock()), Emitted()  # type: ignore[arg-type] # what it asks here
    watch.container_started("c")
    for _ in range(3):
        await watch._look("c", emitted)

    told = [(event.posture.found, event.evidence.truncated) for event in emitted.events if event.posture]
    cut = ("posture.found",)
    assert told == [(names[:MOST_FOUND], cut), ((*names[MOST_FOUND:], *names[: MOST_FOUND - 8]), cut)]
