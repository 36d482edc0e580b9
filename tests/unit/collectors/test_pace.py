"""What collectors allow themselves."""

from fakes import FakeClock

from collectors.allowance import Overdraft
from collectors.pace import OTHERS, PROCESSES, CpuShare, Spent, ThreadShare, cores_of_container
from collectors.process_table import Tracked
from collectors.rotation import READS_PER_SECOND, Rotation
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


def test_a_task_that_turns_out_small_has_less_from_then_on() -> None:
    clock, used, cores = FakeClock(), [0.0], [2.0]
    share = ThreadShare(lambda: cores[0], PROCESSES, clock, Spent(), used=lambda: used[0])
    used[0] = 0.25 * SHARE * SAVED_S * 1.01
    assert not share.is_overdrawn()
    cores[0] = 0.25
    used[0] *= 2
    assert share.is_overdrawn()


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
    assert [p.pid for p in rotation.hurry("app")] == list(range(1, 2 * READS_PER_SECOND, 2))
    assert rotation.hurry("app") == []
    assert len(rotation.turn(1)) == READS_PER_SECOND, "the round goes on"
    assert len(rotation.hurry("app")) == READS_PER_SECOND
