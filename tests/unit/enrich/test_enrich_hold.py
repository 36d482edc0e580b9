from sensor.enrich.hold import MOST, PATIENCE_S, TICK_S, TURN, Hold
from sensor.model.counters import Counters
from sensor.model.events import Container, Event, Evidence, Process, Timestamp
from sensor.model.kinds import Kind
from tests.fakes_timers import FakeTimers


class Bench:
    def __init__(self) -> None:
        self.timers, self.counters = FakeTimers(), Counters()
        self.unsettled: set[str] = set()
        self.unnamed: set[str] = set()
        self.released: list[str] = []
        self.hold = Hold(
            settled=lambda entity: entity not in self.unsettled,
            release=lambda event: self.released.append(event.process.entity if event.process else event.kind),
            counters=self.counters,
            clock=self.timers.clock,
            later=self.timers.later,
            awaited=lambda container_id: container_id in self.unnamed,
        )

    def put(self, *entities: str) -> None:
        for entity in entities:
            self.hold.put(event(entity))


def event(entity: str) -> Event:
    return Event(Kind.FILE_CREATE, Timestamp(1), Evidence("test"), process=Process(entity, 1))


def test_what_has_settled_passes_straight_through_without_a_timer() -> None:
    bench = Bench()
    bench.put("a", "b")
    bench.hold.put(Event(Kind.SENSOR_START, Timestamp(1), Evidence("test")))
    assert bench.released == ["a", "b", "sensor.start"]
    assert bench.timers.set == 0


def test_an_unsettled_event_waits_and_the_others_wait_behind_it() -> None:
    bench = Bench()
    bench.unsettled = {"young"}
    bench.put("a", "young", "b")
    assert bench.released == ["a"]
    bench.unsettled.clear()
    bench.timers.pass_time(TICK_S)
    assert bench.released == ["a", "young", "b"]
    assert bench.counters.seen == {}


def test_patience_ends() -> None:
    bench = Bench()
    bench.unsettled = {"young"}
    bench.put("young")
    bench.timers.pass_time(PATIENCE_S - TICK_S)
    assert bench.released == []
    bench.timers.pass_time(2 * TICK_S)
    assert bench.released == ["young"]
    assert bench.counters.seen == {"released_unsettled": 1}


def test_each_event_has_its_own_patience() -> None:
    bench = Bench()
    bench.unsettled = {"one", "two"}
    bench.put("one")
    bench.timers.pass_time(PATIENCE_S / 2)
    bench.put("two")
    bench.timers.pass_time(PATIENCE_S / 2 + TICK_S)
    assert bench.released == ["one"]
    bench.timers.pass_time(PATIENCE_S / 2)
    assert bench.released == ["one", "two"]


def test_once_all_are_released_nothing_wakes_up_any_more() -> None:
    bench = Bench()
    bench.unsettled = {"young"}
    bench.put("young")
    bench.timers.pass_time(1)
    assert bench.timers.waiting == []
    assert len(bench.hold) == 0


def test_over_the_bound_the_oldest_goes_as_it_is() -> None:
    bench = Bench()
    bench.unsettled = {"young"}
    bench.put(*["young"] * (MOST + 3))
    assert bench.released == ["young"] * 3
    assert bench.counters.seen == {"released_unsettled": 3}


def test_many_are_released_in_turns() -> None:
    bench = Bench()
    bench.unsettled = {"young"}
    bench.put("young", *["b"] * (3 * TURN))
    bench.unsettled.clear()
    bench.timers.pass_time(TICK_S)
    assert len(bench.released) == 3 * TURN + 1
    assert bench.timers.set == 4


def test_flush_releases_all_in_order_and_cancels_the_timer() -> None:
    bench = Bench()
    bench.unsettled = {"young"}
    bench.put("young", "b")
    bench.hold.flush()
    assert bench.released == ["young", "b"]
    assert bench.timers.waiting == []
    assert bench.counters.seen == {"released_unsettled": 1}


def test_events_wait_until_their_container_has_its_name_and_no_longer_than_for_a_process() -> None:
    bench = Bench()
    bench.unnamed = {"new"}
    bench.hold.put(event("a")._replace(container=Container("new")))
    bench.put("b")
    assert bench.released == []
    bench.unnamed.clear()
    bench.timers.pass_time(TICK_S)
    assert bench.released == ["a", "b"]
    bench.unnamed = {"nameless"}
    bench.hold.put(event("c")._replace(container=Container("nameless")))
    bench.timers.pass_time(PATIENCE_S + TICK_S)
    assert bench.released == ["a", "b", "c"]
    assert bench.counters.seen == {}, "its process has settled"
