import pytest

from sensor.model.codec import event_from_wire, to_wire
from sensor.model.counters import Counters
from sensor.model.events import CollectorHealth, Event, Health, Missing
from sensor.model.kinds import Kind
from sensor.telemetry.heartbeat import Heartbeat
from sensor.telemetry.usage import Usage
from tests.fakes import FakeClock

WELL = {"process_cursor": CollectorHealth("ok"), "network_sockdiag": CollectorHealth("restarting", "ENOBUFS")}


class Bench:
    """A heartbeat and what it reads from."""

    def __init__(self, parked: tuple[str, ...] = ()) -> None:
        self.counters, self.clock = Counters(), FakeClock()
        self.usage = Usage(0.4, 30_000_000)
        self.collectors = {} if parked else dict(WELL)
        self.budget_used: float | None = None
        self.heartbeat = Heartbeat(
            counters=self.counters,
            clock=self.clock,
            usage=lambda: self.usage,
            collectors=lambda: self.collectors,
            parked=parked,
            budget_used=lambda: self.budget_used,
        )


def health(events: list[Event]) -> Health:
    assert events[-1].health is not None
    return events[-1].health


def losses(events: list[Event]) -> list[tuple[str, str, int | None]]:
    return [(e.loss.reason, e.loss.bound, e.loss.count) for e in events if e.loss is not None]


def test_a_report_carries_figures_counters_and_collectors() -> None:
    bench = Bench()
    bench.counters.add("process.exec", 7)
    bench.clock.advance(30)
    events = bench.heartbeat.beat()
    assert [e.kind for e in events] == [Kind.SENSOR_HEARTBEAT]
    assert health(events) == Health(
        uptime_s=30.0,
        interval_s=30.0,
        unexplained=0,
        seen=0,
        counters={"process.exec": 7},
        collectors=WELL,
        cpu_percent=0.4,
        memory_bytes=30_000_000,
    )


def test_start_and_stop_are_kinds_of_their_own() -> None:
    bench = Bench()
    assert [e.kind for e in bench.heartbeat.start()] == [Kind.SENSOR_START]
    assert [e.kind for e in bench.heartbeat.stop()] == [Kind.SENSOR_STOP]


def test_the_interval_begins_at_the_last_report() -> None:
    bench = Bench()
    bench.heartbeat.start()
    bench.clock.advance(30)
    bench.heartbeat.beat()
    bench.clock.advance(12.5)
    last = health(bench.heartbeat.stop())
    assert (last.uptime_s, last.interval_s) == (42.5, 12.5)


def test_a_wall_clock_that_jumps_moves_no_interval() -> None:
    bench = Bench()
    bench.clock.jump(-3600)
    bench.clock.advance(30)
    assert health(bench.heartbeat.beat()).interval_s == 30.0


def test_losses_are_told_once_each_and_before_the_report() -> None:
    bench = Bench()
    bench.counters.lost("queue_full", 3)
    first = bench.heartbeat.beat()
    assert losses(first) == [("queue_full", "exact", 3)]
    assert first[-1].kind == Kind.SENSOR_HEARTBEAT
    bench.counters.lost("queue_full", 2)
    second = bench.heartbeat.stop()
    assert losses(second) == [("queue_full", "exact", 2)]
    assert health(second).losses == {"queue_full": 5}


def test_a_report_that_could_not_be_made_leaves_everything_to_the_next() -> None:
    bench = Bench()
    bench.counters.lost("queue_full", 3)
    bench.counters.processes, bench.counters.unexplained = 5, 4
    bench.clock.advance(30)
    usage, bench.usage = bench.usage, None  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        bench.heartbeat.beat()
    bench.usage = usage
    bench.clock.advance(30)
    events = bench.heartbeat.beat()
    assert losses(events) == [("queue_full", "exact", 3), ("unexplained", "at_most", 4)]
    report = health(events)
    assert (report.interval_s, report.seen, report.unexplained) == (60.0, 5, 4)
    assert losses(bench.heartbeat.beat()) == []


def test_unexplained_is_of_the_interval_and_an_upper_bound() -> None:
    bench = Bench()
    bench.counters.unexplained = 4
    first = bench.heartbeat.beat()
    assert losses(first) == [("unexplained", "at_most", 4)]
    assert health(first).unexplained == 4
    second = bench.heartbeat.beat()
    assert losses(second) == []
    assert health(second).unexplained == 0


def test_what_was_seen_is_of_the_interval_and_bounds_the_catch_rate() -> None:
    bench = Bench()
    bench.counters.processes, bench.counters.unexplained = 738, 12
    first = health(bench.heartbeat.beat())
    assert (first.seen, first.unexplained, first.catch_rate) == (738, 12, 0.984)
    bench.counters.processes += 5
    second = health(bench.heartbeat.stop())
    assert (second.seen, second.unexplained, second.catch_rate) == (5, 0, 1.0)
    third = health(bench.heartbeat.stop())
    assert (third.seen, third.unexplained, third.catch_rate) == (0, 0, None)


def test_a_reason_in_no_list_has_an_unknown_number() -> None:
    bench = Bench()
    bench.counters.lost("something_new", 9)
    assert losses(bench.heartbeat.beat()) == [("something_new", "unknown", None)]


def test_what_a_collector_told_itself_is_not_told_again() -> None:
    bench = Bench()
    bench.counters.lost("inotify_overflow")
    events = bench.heartbeat.beat()
    assert losses(events) == []
    assert health(events).losses == {"inotify_overflow": 1}


def test_without_a_process_collector_nothing_is_known_of_the_unexplained() -> None:
    bench = Bench()
    bench.collectors["process_cursor"] = CollectorHealth("restarting", "it failed")
    report = health(bench.heartbeat.beat())
    assert (report.unexplained, report.seen, report.catch_rate) == (None, None, None)


def test_what_a_process_collector_has_counted_before_it_failed_is_reported() -> None:
    bench = Bench()
    bench.collectors["process_cursor"] = CollectorHealth("restarting", "it failed")
    bench.counters.processes, bench.counters.unexplained = 3, 7
    report = health(bench.heartbeat.beat())
    assert (report.unexplained, report.seen, report.catch_rate) == (7, 3, None)
    report = health(bench.heartbeat.beat())
    assert (report.unexplained, report.seen, report.catch_rate) == (None, None, None)


def test_a_parked_sensor_says_why() -> None:
    bench = Bench(parked=("SENSOR_BATCH_AGE: must be at most 60",))
    report = health(bench.heartbeat.start())
    assert report.parked == ("SENSOR_BATCH_AGE: must be at most 60",)
    assert report.unexplained is None


def test_reports_say_how_much_of_the_budget_is_used_and_the_last_what_the_stop_took() -> None:
    bench = Bench()
    bench.budget_used = 0.123456
    assert health(bench.heartbeat.beat()).budget_used == 0.1235
    stop = health(bench.heartbeat.stop(1.23456))
    assert (stop.budget_used, stop.stop_added_s) == (0.1235, 1.235)
    assert health(bench.heartbeat.beat()).stop_added_s is None


def test_what_a_kill_has_cost_is_at_most_so_much() -> None:
    bench = Bench()
    bench.counters.lost("killed", 40)
    bench.counters.lost("killed_unnumbered")
    assert losses(bench.heartbeat.start()) == [("killed", "at_most", 40), ("killed_unnumbered", "unknown", None)]


def test_memory_that_is_not_proportional_is_named_in_the_evidence() -> None:
    bench = Bench()
    why = "resident instead of proportional size for 1 of 2 processes"
    bench.usage = Usage(None, 40_000_000, why)
    event = bench.heartbeat.beat()[-1]
    assert event.evidence.missing == (Missing("health.memory_bytes", why),)


def test_a_report_does_not_change_afterwards() -> None:
    bench = Bench()
    report = health(bench.heartbeat.beat())
    bench.counters.add("file.create")
    bench.collectors.clear()
    assert report.counters == {}
    assert report.collectors == WELL


def test_reports_survive_the_wire() -> None:
    bench = Bench()
    bench.counters.lost("queue_full")
    for event in bench.heartbeat.start():
        assert event_from_wire(to_wire(event)) == event
