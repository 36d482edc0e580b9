"""The looks at a container's programs leave the loop to others in between."""

import asyncio
from types import SimpleNamespace

import pytest
from fakes import FakeClock

from collectors import posture
from collectors.posture import MOST_REST_S, RESTS, PostureWatch
from collectors.process_table import Tracked
from collectors.procfs import Procfs
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
