"""The governor: a burst is free, a storm costs one step after another, and calm gives each back."""

from fakes import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from sensor.model.counters import Counters
from sensor.model.resolution import MOST, STEPS, Resolution, Step
from sensor.telemetry.governor import CALM_LOOKS, LOOK_S, QUEUES, Governor, Load, is_short, level_after
from sensor.telemetry.task_memory import TaskMemory

MB = 1_000_000
PAGE = 4096


class Bench:
    """A governor over files and a clock of its own, in a task of one core: 5 % are 0.05 s a second."""

    def __init__(self, cores: float = 1.0) -> None:
        self.clock, self.counters, self.resolution = FakeClock(), Counters(), Resolution()
        self.cpu_s, self.resident, self.changes = 0.0, 20 * MB, 0
        self.files: dict[str, bytes] = {}
        self.kept_less: list[bool] = []
        self.governor = Governor(
            resolution=self.resolution,
            cpu_percent=5.0,
            memory_bytes=64 * MB,
            cores=lambda: cores,
            cpu_s=lambda: self.cpu_s,
            memory=TaskMemory(limit=lambda: None, read=self._read),
            keep_less=self.kept_less.append,
            changed=self._changed,
            counters=self.counters,
            clock=self.clock,
        )

    def run(self, share: float, looks: int = 1) -> int:
        """So many looks at a share of a core; the level after them."""
        for _ in range(looks):
            self.clock.advance(LOOK_S)
            self.cpu_s += share * LOOK_S
            self.governor.look()
        return self.resolution.level

    def _read(self, path: str) -> bytes:
        if path == "/proc/self/statm":
            return b"50000 %d 1 1 0 1 0\n" % (self.resident // PAGE)
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    def _changed(self) -> None:
        self.changes += 1


def test_a_quiet_sensor_gives_nothing_up() -> None:
    bench = Bench()
    assert bench.run(0.005, 200) == 0
    assert (bench.changes, bench.governor.given_up()) == (0, ())


def test_a_burst_that_a_minutes_budget_covers_costs_nothing() -> None:
    bench = Bench()
    assert bench.run(0.4) == 0  # 2 s of the 3 s that a minute has
    assert bench.run(0.01, 30) == 0


def test_a_storm_costs_one_step_after_another_in_their_order() -> None:
    bench = Bench()
    levels = [bench.run(0.5) for _ in range(MOST + 2)]
    assert levels == [*range(1, MOST + 1), MOST, MOST]
    assert bench.governor.given_up() == STEPS == tuple(Step)
    assert bench.changes == bench.counters.seen["governor.steps"] == MOST


def test_what_was_given_up_comes_back_a_step_at_a_time() -> None:
    bench = Bench()
    bench.run(0.5, MOST)
    levels = [bench.run(0.005) for _ in range(CALM_LOOKS * MOST)]
    falling = [level for level in range(MOST, -1, -1) for _ in range(CALM_LOOKS)]
    assert levels == falling[1 : len(levels) + 1]
    assert bench.run(0.005, 50) == 0
    assert bench.changes == 2 * MOST


def test_between_calm_and_over_budget_nothing_moves() -> None:
    bench = Bench()
    level = bench.run(0.5, 2)
    assert bench.run(0.04, 100) == level


def test_the_least_budget_is_a_hundredth_of_a_core() -> None:
    bench = Bench(cores=0.05)
    assert bench.run(0.009, 100) == 0
    assert bench.run(0.02, 20) > 0


@given(
    level=st.integers(0, MOST),
    minute=st.floats(0, 100),
    latest=st.floats(0, 100),
    calm=st.integers(0, 1000),
)
def test_a_level_moves_by_one_and_stays_within_its_bounds(level: int, minute: float, latest: float, calm: int) -> None:
    after = level_after(level, Load(minute, latest), calm)
    assert 0 <= after <= MOST
    assert abs(after - level) <= 1


def test_memory_is_short_above_the_sensors_own_budget_until_well_below() -> None:
    bench = Bench()
    for resident, short in ((63, False), (65, True), (63, True), (61, False)):
        bench.resident = resident * MB
        bench.run(0)
        assert (QUEUES in bench.governor.given_up()) is short, resident
    assert bench.kept_less == [True, False]
    assert bench.changes == 2


def test_memory_is_short_near_the_limit_of_the_task() -> None:
    bench = Bench()
    bench.files |= {
        "/sys/fs/cgroup/memory.max": b"1000000\n",
        "/sys/fs/cgroup/memory.current": b"990000\n",
        "/sys/fs/cgroup/memory.stat": b"anon 1\ninactive_file 10000\n",
    }
    bench.run(0)
    assert bench.governor.given_up() == (QUEUES,)


def test_short_memory_has_hysteresis() -> None:
    assert not is_short(False, own=0.95, task=0.94)
    assert is_short(True, own=0.5, task=0.91)
    assert not is_short(True, own=0.5, task=None)
