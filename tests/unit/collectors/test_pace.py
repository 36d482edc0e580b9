"""What collectors allow themselves."""

import os

import pytest
from fakes import FakeClock

from collectors.allowance import Overdraft
from collectors.pace import OTHERS, PROCESSES, CpuShare, Spent, ThreadShare, cores_of_container
from collectors.process_table import Tracked
from collectors.rotation import HURRIED_PER_SECOND, READS_PER_SECOND, Rotation
from sensor.model.events import Timestamp


def test_what_is_saved_up_may_be_spent_at_once_and_then_it_takes_time() -> None:
    clock = FakeClock()
    allowance = Overdraft(per_second=10, burst=100, clock=clock)
    for _ in range(100):
        allowance.draw(1)
    assert not allowance.is_overdrawn()
    allowance.draw(1)
    assert allowance.is_overdrawn()
    clock.advance(0.5)
    assert allowance.is_overdrawn(), "not before a second's worth is there"
    clock.advance(1)
    assert not allowance.is_overdrawn()


def test_no_more_than_the_most_is_saved() -> None:
    clock = FakeClock()
    allowance = Overdraft(per_second=10, burst=100, clock=clock)
    clock.advance(3600)
    allowance.draw(101)
    assert allowance.is_overdrawn()


SHARE, LEAST, SAVED_S = PROCESSES


def test_the_share_follows_what_the_task_has() -> None:
    for cores, rate in ((4.0, 4 * SHARE), (0.25, 0.25 * SHARE), (0.01, LEAST)):
        clock, used = FakeClock(), [0.0]
        share = ThreadShare(lambda cores=cores: cores, PROCESSES, clock, Spent(), used=lambda used=used: used[0])
        used[0] = rate * SAVED_S * 0.99
        assert not share.is_overdrawn()
        used[0] = rate * SAVED_S * 1.01
        assert share.is_overdrawn()
        clock.advance(SAVED_S)
        assert not share.is_overdrawn()


class Small:
    """A thread's share of a task whose cores are learnt or estimated anew; `burst` is that of a quarter of a core."""

    def __init__(self, cores: float) -> None:
        self.clock, self.cores, self._used = FakeClock(), cores, 0.0
        self.share = ThreadShare(lambda: self.cores, PROCESSES, self.clock, Spent(), used=lambda: self._used)
        self.burst = 0.25 * SHARE * SAVED_S

    def use(self, seconds: float, within: float = 0.0) -> bool:
        """Whether that is overdrawn, once it was used bit by bit."""
        for _ in range(steps := 20 if within else 1):
            self._used += seconds / steps
            self.clock.advance(within / steps)
            overdrawn = self.share.is_overdrawn()
        return overdrawn


def test_what_was_used_before_a_task_turned_out_small_counts_as_if_that_had_been_known() -> None:
    task = Small(2.0)
    assert not task.use(task.burst * 0.6)
    task.cores = 0.25
    assert not task.use(task.burst * 0.39)
    assert task.use(task.burst * 0.02)


def test_what_a_larger_share_has_given_back_meanwhile_is_not_there_in_a_small_one() -> None:
    task = Small(2.0)
    task.clock.advance(600)
    assert not task.use(5 * 2.0 * SHARE, within=5.0)  # as much as comes back, so that all seems to be left
    left = task.burst + 5 * 0.25 * SHARE - 5 * 2.0 * SHARE
    task.cores = 0.25
    assert not task.use(left - 0.02)
    assert task.use(0.06)


def test_what_was_used_before_is_not_given_back_by_a_later_estimate() -> None:
    task = Small(2.0)
    task.use(2 * task.burst, within=5.0)
    for cores in (0.25, 0.3, 0.25):
        task.cores = cores
        assert task.use(SAVED_S / 2 * cores * SHARE, within=SAVED_S / 2)  # all that comes back


@pytest.mark.parametrize("since", [0.0, 1.02 * SAVED_S, 2 * SAVED_S])
def test_what_was_used_long_ago_does_not_count(since: float) -> None:
    task = Small(2.0)
    task.use(task.burst * 3)
    task.clock.advance(600)
    task.use(0.0)  # from here on it is looked at
    task.use(0.25 * SHARE * since, within=since)  # what comes back, but for what would be too much to save
    task.cores = 0.25
    assert not task.use(task.burst * 0.85)
    assert task.use(task.burst * 0.17)


def test_what_comes_back_between_two_looks_is_noted() -> None:
    clock, cores = FakeClock(), [2.0]
    share = CpuShare(lambda: cores[0], OTHERS, clock)
    rate, saved_s = 0.25 * OTHERS.share, OTHERS.saved_s
    share.draw(rate * saved_s * 3)
    clock.advance(600)
    assert not share.is_overdrawn()
    for _ in range(20):
        clock.advance(1.02 * saved_s / 20)
        share.draw(rate * 1.02 * saved_s / 20)  # all that comes back
        assert not share.is_overdrawn()
    cores[0] = 0.25
    assert not share.is_overdrawn()
    assert not share.draw(rate * saved_s * 0.85)


def test_a_debt_from_before_is_bounded() -> None:
    task = Small(2.0)
    assert not task.use(2.0 * SHARE * SAVED_S * 0.99)
    task.cores = 0.25
    assert task.use(0.0)
    assert task.use(0.0, within=SAVED_S + 0.9)
    assert not task.use(0.0, within=0.2)


def test_an_estimate_that_wavers_gives_back_nothing_of_what_was_used() -> None:
    task = Small(0.25)
    task.use(task.burst * 1.01)
    for cores in [0.2, 0.25] * 60:
        task.cores = cores
        task.use(task.cores * SHARE, within=1.0)  # all that comes back, for longer than the burst is saved up
    assert task.use(task.burst * 0.25)  # a tenth of it is what the larger of both gives more in that time


def test_an_estimate_that_wavers_costs_nothing() -> None:
    task = Small(0.25)
    assert not task.use(task.burst * 0.6)
    for cores in [0.2, 0.25] * 20:
        task.cores = cores
        assert not task.use(0.0)
    assert not task.use(task.burst * 0.39)


def test_what_others_have_spent_of_their_shares_is_not_the_threads() -> None:
    clock, used, spent = FakeClock(), [0.0], Spent()
    thread = ThreadShare(lambda: 1.0, PROCESSES, clock, spent, used=lambda: used[0])
    other = CpuShare(lambda: 1.0, OTHERS, clock, spent)
    other.draw(100)
    used[0] = 100 + SHARE * SAVED_S * 0.99
    assert (other.is_overdrawn(), thread.is_overdrawn()) == (True, False)
    used[0] += SHARE * SAVED_S * 0.02
    assert thread.is_overdrawn()


def test_the_quota_of_either_cgroup_version_counts() -> None:
    v2 = {"/sys/fs/cgroup/cpu.max": "25000 100000\n"}
    v1 = {
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    }
    assert cores_of_container(v2.get) == 0.25
    assert cores_of_container(v1.get) == 0.5
    assert cores_of_container({"/sys/fs/cgroup/cpu.max": "99999900000 100000"}.get) == len(os.sched_getaffinity(0))
    for unlimited in ({}, {"/sys/fs/cgroup/cpu.max": "max 100000"}, {"/sys/fs/cgroup/cpu.max": "nonsense"}):
        assert cores_of_container(unlimited.get) >= 1


def _process(pid: int, container: str = "app") -> Tracked:
    return Tracked(pid, str(pid), 1, Timestamp(0), None, container=container, settled=True)


def test_every_process_has_its_turn_whatever_their_number() -> None:
    processes = [_process(pid) for pid in range(4 * READS_PER_SECOND)]
    rotation = Rotation(lambda: processes)
    seen = [p.pid for _ in range(80) for p in rotation.turn(0.1)]
    assert len(seen) == 8 * READS_PER_SECOND
    assert set(seen) == set(range(4 * READS_PER_SECOND))


def test_turns_are_bounded_and_leave_out_the_ended_and_our_own() -> None:
    processes = [_process(pid) for pid in range(200)]
    processes[0].own = True
    processes[1].settled = False
    rotation = Rotation(lambda: processes)
    assert len(rotation.turn(3600)) == READS_PER_SECOND
    processes[150].ended = 1.0
    seen = {p.pid for _ in range(10) for p in rotation.turn(1)}
    assert not seen & {0, 1, 150}


def test_a_hint_hurries_the_newest_of_its_container_within_a_budget_of_its_own() -> None:
    processes = [_process(pid, "app" if pid % 2 else "other") for pid in range(200)]
    rotation = Rotation(lambda: processes)
    assert [p.pid for p in rotation.hurry({"app"}, 3)] == [1, 3, 5]
    assert len(rotation.hurry({"app", "other"}, 200)) == HURRIED_PER_SECOND - 3
    assert rotation.hurry({"app"}, 1) == []
    assert len(rotation.turn(1)) == READS_PER_SECOND, "the round goes on"
    assert len(rotation.hurry({"app"}, 7)) == 7
