"""Collectors that fail are started again and take nobody down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fakes import Emitted, FakeClock, FakeTaskView
from running import until

from sensor.app.supervisor import RESTARTING, Supervisor
from sensor.model.counters import Counters
from sensor.model.events import Loss
from sensor.model.protocols import Capability, Collector, Emit, Status, TaskView

WORKS = Capability(Status.OK)


class FakeCollector:
    """Fails the first `failures` times that it is run, then runs until cancelled."""

    def __init__(self, name: str, failures: int = 0, capability: Capability = WORKS) -> None:
        self.name = name
        self.failures = failures
        self.capability = capability
        self.runs = 0
        self.released = 0

    def probe(self) -> Capability:
        return self.capability

    async def run(self, task: TaskView, emit: Emit) -> None:
        self.runs += 1
        try:
            if self.runs <= self.failures:
                raise ValueError("torn\nline")
            await asyncio.Event().wait()
        finally:
            self.released += 1


@asynccontextmanager
async def supervising(*collectors: Collector) -> AsyncIterator[tuple[Supervisor, list[str], Counters]]:
    changes: list[str] = []
    counters = Counters()
    supervisor = Supervisor(
        collectors,
        counters=counters,
        clock=FakeClock(),
        changed=lambda: changes.append("changed"),
        first=0.001,
        longest=0.002,
    )
    supervisor.start(FakeTaskView(), Emitted())
    try:
        yield supervisor, changes, counters
    finally:
        await supervisor.stop()


async def test_one_that_fails_is_started_again_and_the_other_runs_on() -> None:
    broken, sound = FakeCollector("broken", failures=3), FakeCollector("sound")
    async with supervising(broken, sound) as (supervisor, changes, counters):
        await until(lambda: broken.runs == 4, "the fourth run")
        await until(lambda: supervisor.health()["broken"].status == Status.OK, "health restored")
        assert sound.runs == 1
        assert counters.seen["collector_restarts"] == counters.losses["collector_failed"] == 3
        assert len(changes) >= 2  # failed, and well again
    assert (broken.released, sound.released) == (4, 1)


async def test_a_failure_is_told_with_the_collectors_name() -> None:
    emitted = Emitted()
    broken = FakeCollector("broken", failures=1)
    supervisor = Supervisor([broken], counters=Counters(), clock=FakeClock(), changed=lambda: None, first=0.001)
    supervisor.start(FakeTaskView(), emitted)
    await until(lambda: broken.runs == 2, "the second run")
    await supervisor.stop()
    (event,) = emitted.of("sensor.loss")
    assert event.loss == Loss("collector_failed", "unknown", None, "broken")


async def test_the_reason_of_a_failure_is_kept_while_it_lasts() -> None:
    broken = FakeCollector("broken", failures=1_000_000)
    async with supervising(broken) as (supervisor, _, _):
        await until(lambda: supervisor.health().get("broken", ("", ""))[0] == RESTARTING, "the failure")
        assert supervisor.health()["broken"].reason == "ValueError: torn\nline"


async def test_each_wait_is_twice_as_long_up_to_a_bound_and_what_has_lasted_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sleep, waits, lasts = asyncio.sleep, list[float](), [0.0, 0.0, 0.0, 0.0, 0.05]

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    class Lasting(FakeCollector):
        async def run(self, task: TaskView, emit: Emit) -> None:
            self.runs += 1
            if not lasts:
                await asyncio.Event().wait()
            await sleep(lasts.pop(0))

    monkeypatch.setattr(asyncio, "sleep", wait)
    lasting = Lasting("lasting")
    supervisor = Supervisor(
        [lasting], counters=Counters(), clock=FakeClock(), changed=lambda: None, first=0.004, longest=0.02
    )
    supervisor.start(FakeTaskView(), Emitted())
    async with asyncio.timeout(5):
        while lasting.runs < 6:
            await sleep(0)
    await supervisor.stop()
    assert waits == [0.004, 0.008, 0.016, 0.02, 0.004]


async def test_a_report_is_due_when_a_collectors_state_changes_and_not_before() -> None:
    blind = FakeCollector("blind", capability=Capability(Status.UNAVAILABLE, "no inotify"))
    probes = list[None]()
    blind.probe = lambda: probes.append(None) or blind.capability  # type: ignore[method-assign, func-returns-value]
    async with supervising(blind) as (_, changes, _):
        await until(lambda: len(probes) > 3, "some probes")
        assert changes == []
        blind.capability = WORKS
        await until(lambda: blind.runs == 1, "a run")
        assert changes == ["changed"]


async def test_what_is_unavailable_is_not_run_until_it_can_be() -> None:
    blind = FakeCollector("blind", capability=Capability(Status.UNAVAILABLE, "no inotify"))
    async with supervising(blind) as (supervisor, _, _):
        await until(lambda: "blind" in supervisor.health(), "the probe")
        assert supervisor.health()["blind"][:2] == (Status.UNAVAILABLE, "no inotify")
        assert blind.runs == 0
        blind.capability = Capability(Status.DEGRADED, "some of it")
        await until(lambda: blind.runs == 1, "a run once it can")


async def test_a_collector_that_ends_by_itself_is_started_again() -> None:
    class Ending(FakeCollector):
        async def run(self, task: TaskView, emit: Emit) -> None:
            self.runs += 1

    ending = Ending("ending")
    async with supervising(ending):
        await until(lambda: ending.runs > 2, "more runs")


async def test_a_collector_whose_own_task_is_cancelled_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    class Waiting(FakeCollector):
        async def run(self, task: TaskView, emit: Emit) -> None:
            self.runs += 1
            inner = asyncio.ensure_future(asyncio.Event().wait())
            if self.runs == 1:
                inner.cancel()
            try:
                await inner
            finally:
                self.released += 1

    waiting = Waiting("waiting")
    async with supervising(waiting) as (_, _, counters):
        await until(lambda: waiting.runs == 2, "the second run")
        assert counters.losses == {"collector_failed": 1}
    assert "waiting: restarting: a task of its own was cancelled" in caplog.messages
    assert (waiting.runs, waiting.released) == (2, 2)


async def test_one_that_reports_speaks_for_itself_while_it_runs() -> None:
    class Reporter(FakeCollector):
        def status(self) -> Capability:
            return Capability(Status.DEGRADED, "3 directories are not watched")

    reporter = Reporter("reporter", failures=1)
    async with supervising(reporter) as (supervisor, _, _):
        await until(lambda: reporter.runs == 2, "the run after the failure")
        assert supervisor.health()["reporter"][:2] == (Status.DEGRADED, "3 directories are not watched")


async def test_one_that_cannot_say_how_it_stands_keeps_no_report_from_being_made() -> None:
    class Blind(FakeCollector):
        def status(self) -> Capability:
            raise OSError(24, "Too many open files")

    blind = Blind("blind")
    async with supervising(blind, FakeCollector("other")) as (supervisor, _, _):
        await until(lambda: blind.runs == 1, "the run")
        health = supervisor.health()
        assert health["other"].status == Status.OK
        assert health["blind"][:2] == (
            Status.DEGRADED,
            "how it stands cannot be told: OSError: [Errno 24] Too many open files",
        )


async def test_what_stands_by_is_not_run_until_it_is_needed(caplog: pytest.LogCaptureFixture) -> None:
    spare = FakeCollector("spare", capability=Capability(Status.STANDBY, "another is in use"))
    async with supervising(spare) as (supervisor, _, _):
        await until(lambda: "spare" in supervisor.health(), "the probe")
        assert supervisor.health()["spare"][:2] == (Status.STANDBY, "another is in use")
        assert (spare.runs, [r for r in caplog.records if r.levelname == "WARNING"]) == (0, [])
        spare.capability = Capability(Status.DEGRADED, "instead of another")
        await until(lambda: spare.runs == 1, "a run once it is needed")
