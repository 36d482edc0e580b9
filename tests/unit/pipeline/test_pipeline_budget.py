"""A day's bytes: what is left out grows as they are used up, is counted, and never is what matters."""

from fakes import FakeClock
from fakes_pipeline import event

from sensor.model.counters import Counters
from sensor.model.events import Event, File, Process
from sensor.model.kinds import URGENT_KINDS, Kind
from sensor.pipeline.budget import ALWAYS, DAY_S, HEAD_START, LOOK_S, ORDINARY_UNTIL, SAMPLE_AT, Budget

MB = 1_000_000


class Rig:
    """A budget of 1 MB a day."""

    def __init__(self, daily: float = MB) -> None:
        self.clock, self.counters = FakeClock(), Counters()
        self.budget = Budget(daily, self.clock, self.counters)
        self.number = 0

    def offer(self, times: int = 1, kind: Kind = Kind.PROCESS_EXEC) -> int:
        """So many events, each of a process of its own; how many may go out."""
        admitted = 0
        for _ in range(times):
            self.number += 1
            admitted += self.budget.admits(event(kind)._replace(process=Process(f"entity-{self.number}", 1)))
        return admitted

    def live(self, seconds: float, rate: int, each: int) -> None:
        """A task that has so many events a second, of so many bytes in a batch."""
        for _ in range(int(seconds / LOOK_S)):
            self.clock.advance(LOOK_S)
            if admitted := self.offer(int(rate * LOOK_S)):
                self.budget.spent(admitted * each, admitted)

    def used(self) -> float:
        used = self.budget.used()
        assert used is not None
        return used


def test_within_the_budget_everything_goes_out() -> None:
    rig = Rig()
    rig.live(3600, rate=1, each=50)
    assert not rig.counters.losses
    assert rig.used() == 3600 * 50 / MB


def test_first_it_folds_then_it_samples() -> None:
    rig = Rig()
    assert not rig.budget.folds()
    rig.budget.spent(int(HEAD_START * MB), 1000)
    assert rig.budget.folds()
    assert rig.offer(100) == 100
    rig.budget.spent(int((SAMPLE_AT - HEAD_START) * MB) + 1, 1000)
    rig.clock.advance(LOOK_S)
    assert rig.offer(1000) < 1000


def test_it_folds_while_more_is_used_than_the_hours_allow() -> None:
    rig = Rig()
    rig.budget.spent(MB // 2, 1000)
    assert rig.budget.folds()
    rig.clock.advance(DAY_S / 2)
    assert not rig.budget.folds()
    rig.budget.spent(MB // 10, 1000)
    assert rig.budget.folds()


def test_a_busy_task_stays_within_its_day_and_is_heard_to_its_end() -> None:
    rig = Rig()
    rig.live(DAY_S - 3600, rate=2, each=600)
    before = rig.number - rig.counters.losses["sampled"]
    rig.live(3600 - LOOK_S, rate=2, each=600)
    assert SAMPLE_AT < rig.used() <= ORDINARY_UNTIL + 0.01
    assert rig.number - rig.counters.losses["sampled"] > before, "the last hour is heard of"


def test_what_is_left_out_is_counted_with_all_that_was_folded_into_it() -> None:
    rig = Rig()
    rig.budget.spent(MB, 1000)
    rig.offer()
    rig.clock.advance(LOOK_S)
    assert not rig.budget.admits(event()._replace(count=7, process=Process("e", 1)))
    assert rig.counters.losses == {"sampled": 7}


def test_detections_losses_and_health_go_out_when_nothing_is_left() -> None:
    rig = Rig()
    rig.budget.spent(10 * MB, 1000)
    rig.offer(10)
    rig.clock.advance(LOOK_S)
    assert rig.offer(10) == 0
    for kind in URGENT_KINDS | ALWAYS:
        assert rig.budget.admits(event(kind))


def test_a_new_day_begins_after_24_hours() -> None:
    rig = Rig()
    rig.budget.spent(2 * MB, 1000)
    rig.offer()
    rig.clock.advance(DAY_S)
    assert rig.offer(10) == 10
    assert rig.used() == 0


def test_all_of_a_process_is_kept_or_nothing() -> None:
    rig = Rig(daily=1000 * MB)
    rig.budget.spent(800 * MB, 10_000_000)
    rig.offer(2000)
    rig.clock.advance(LOOK_S)

    def all_of(name: str) -> set[bool]:
        kinds = (Kind.PROCESS_EXEC, Kind.FILE_CREATE, Kind.NETWORK_FLOW, Kind.PROCESS_EXIT)
        return {rig.budget.admits(event(kind)._replace(process=Process(name, 1))) for kind in kinds}

    found = [all_of(f"other-{n}") for n in range(500)]
    assert all(len(answers) == 1 for answers in found)
    assert {True} in found
    assert {False} in found


def test_what_has_no_process_is_sampled_by_what_it_is_about() -> None:
    rig = Rig(daily=1000 * MB)
    rig.budget.spent(800 * MB, 10_000_000)
    rig.offer(2000)
    rig.clock.advance(LOOK_S)

    def changed(path: str) -> Event:
        return event(Kind.FILE_MODIFY)._replace(file=File(path))

    paths = [f"/srv/{n}" for n in range(200)] + ["/\udcff"]
    first = [rig.budget.admits(changed(path)) for path in paths]
    assert [rig.budget.admits(changed(path)) for path in paths] == first
    assert set(first) == {True, False}


def test_no_budget_is_no_bound() -> None:
    rig = Rig(daily=0)
    rig.budget.spent(10**12, 1)
    assert rig.offer(10) == 10
    assert rig.budget.used() is None
    assert not rig.budget.folds()


def test_while_little_is_used_the_time_is_not_asked_for_to_know_that() -> None:
    class Asked(FakeClock):
        times = 0

        def monotonic(self) -> float:
            self.times += 1
            return super().monotonic()

    clock = Asked()
    budget = Budget(MB, clock, Counters())
    before = clock.times
    budget.spent(int(HEAD_START * MB) - 1, 1)
    assert not budget.folds()
    assert clock.times == before
    budget.spent(1, 1)
    assert budget.folds()
    assert clock.times > before
