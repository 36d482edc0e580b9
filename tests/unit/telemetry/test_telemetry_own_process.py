"""What was done to the sensor's own process is noticed, put back where that is permitted, and told once."""

import resource
from dataclasses import dataclass, field

import pytest
from fakes import FakeClock

from sensor.model.counters import Counters
from sensor.telemetry.own_process import INTERVAL_S, STALL_S, TOLD, OwnProcess, Terms, Traits


@dataclass
class FakeTraits(Traits):
    """A kernel that lets go of what is in `kept` only one way."""

    values: dict[str, object] = field(default_factory=lambda: {"nice": 0, "RLIMIT_NOFILE": (100, 100)})
    kept: set[str] = field(default_factory=set)

    def read(self) -> Terms:
        return Terms(dict(self.values))

    def put_back(self, terms: Terms, name: str) -> None:
        if name in self.kept:
            raise PermissionError(name)
        self.values[name] = terms.values[name]


class Bench:
    def __init__(self) -> None:
        self.clock, self.counters, self.traits = FakeClock(), Counters(), FakeTraits()
        self.changes = 0
        self.own = OwnProcess(counters=self.counters, clock=self.clock, changed=self._changed, traits=self.traits)

    def _changed(self) -> None:
        self.changes += 1

    def look(self, after: float = INTERVAL_S) -> str:
        self.clock.advance(after)
        self.own.look()
        found = self.own.health().get("own_process")
        return "" if found is None else str(found.reason)


def test_nothing_is_told_while_nothing_happens() -> None:
    bench = Bench()
    assert [bench.look(), bench.look(INTERVAL_S + STALL_S / 2)] == ["", ""]
    assert (bench.changes, bench.counters.losses) == (0, {})


def test_what_may_be_put_back_is_and_is_told() -> None:
    bench = Bench()
    bench.traits.values["nice"] = 19
    assert bench.look() == "nice was 0, was set to 19 from outside and is 0"
    assert (bench.changes, bench.counters.losses) == (1, {"tampered": 1})
    bench.traits.values["nice"] = 19
    bench.look()
    assert (bench.changes, bench.counters.losses) == (2, {"tampered": 2})


def test_what_stays_different_is_told_once_and_does_not_hide_what_follows() -> None:
    bench = Bench()
    bench.traits.kept = {"RLIMIT_NOFILE"}
    bench.traits.values["RLIMIT_NOFILE"] = (20, 20)
    bench.look()
    bench.look()
    assert bench.counters.losses == {"tampered": 1}
    bench.traits.values["RLIMIT_NOFILE"] = (3, 3)
    assert bench.look().endswith("RLIMIT_NOFILE was (20, 20), was set to (3, 3) from outside and is (3, 3)")


@pytest.mark.parametrize(
    ("soft", "hard", "put_back"), [(100, 50, 50), (10, 50, 10), (-1, 50, 50), (100, -1, 100), (-1, -1, -1)]
)
def test_a_soft_limit_is_put_back_as_far_as_the_hard_one_goes(
    soft: int, hard: int, put_back: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to = list[tuple[int, int]]()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (20, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: set_to.append(limits))
    Traits().put_back(Terms({"RLIMIT_NOFILE": (soft, hard)}), "RLIMIT_NOFILE")
    assert set_to == [(put_back, hard)]


def test_a_look_that_comes_late_is_a_stall() -> None:
    bench = Bench()
    assert "did not run for about 60 s" in bench.look(60 + INTERVAL_S)
    assert (bench.changes, bench.counters.losses) == (1, {"stalled": 1})


def test_what_is_kept_for_the_reports_is_bounded() -> None:
    bench = Bench()
    for number in range(3 * TOLD):
        bench.own.tell(f"told to stop by PID {number}")
    assert bench.look().count("told to stop") == TOLD


def test_a_stop_within_two_looks_is_told_with_its_bound_and_who_ended_it() -> None:
    bench = Bench()
    bench.look()
    bench.clock.advance(4.0)
    bench.own.continued("PID 7 (/bin/sh) of container c")
    assert bench.changes == 0  # what waited is not read yet
    expected = "the sensor was stopped for 4 s at most, and told to go on by PID 7 (/bin/sh) of container c"
    assert bench.look(INTERVAL_S) == expected
    assert (bench.changes, bench.counters.losses) == (1, {"stalled": 1})


def test_signals_that_come_without_end_are_counted_and_not_each_told() -> None:
    bench = Bench()
    for _ in range(100):
        bench.own.continued("the platform")
        bench.clock.advance(0.01)
    bench.look(INTERVAL_S)
    assert (bench.changes, bench.counters.losses) == (1, {"stalled": 100})


def test_a_long_stop_is_one_stall() -> None:
    bench = Bench()
    bench.clock.advance(60.0)
    bench.own.continued("the platform")
    bench.own.look()
    assert bench.counters.losses == {"stalled": 1}
