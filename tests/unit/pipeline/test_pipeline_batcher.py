"""When a batch is sealed, and with what."""

from fakes_pipeline import HEADER, encoded, unsealed

from sensor.model.events import Task
from sensor.model.kinds import Lane
from sensor.pipeline.batch import Sealed, SealWhen
from sensor.pipeline.batcher import Batcher
from tests.fakes_timers import FakeTimers

URGENT, ORDINARY = Lane.URGENT, Lane.ORDINARY
MIB = 1024 * 1024


class Rig:
    """A batcher, what it sealed, and timers that ring when told to."""

    def __init__(self, events: int = 500, size: int = MIB, age: float = 1.0) -> None:
        self.sealed: list[Sealed] = []
        self.timers = FakeTimers()
        self.header = HEADER
        when = SealWhen(events, size, age)
        self.batcher = Batcher(
            header=lambda: self.header,
            out=self.sealed.append,
            clock=self.timers.clock,
            later=self.timers.later,
            when=when,
        )

    def put(self, *numbers: int, lane: Lane = ORDINARY) -> None:
        for seq in numbers:
            self.batcher.put(encoded(seq, lane))

    def seqs(self) -> list[tuple[Lane, list[int]]]:
        return [(s.lane, [e.seq for e in unsealed(s.data).events]) for s in self.sealed]


def test_an_ordinary_batch_waits_for_its_age_and_not_longer() -> None:
    rig = Rig(age=1.0)
    rig.put(0)
    rig.batcher.flush()
    rig.put(1)
    rig.timers.pass_time(0.6)
    rig.put(2)
    assert rig.seqs() == [(ORDINARY, [0])]
    rig.timers.pass_time(0.4)
    assert rig.seqs() == [(ORDINARY, [0]), (ORDINARY, [1, 2])]
    assert rig.timers.waiting == []


def test_after_a_pause_it_waits_for_half_of_its_age() -> None:
    rig = Rig(age=1.0)
    for number in (1, 2):
        rig.timers.pass_time(5)
        rig.put(number)
        rig.timers.pass_time(0.4)
        assert len(rig.sealed) == number - 1
        rig.timers.pass_time(0.1)
        assert len(rig.sealed) == number


def test_a_full_batch_does_not_wait() -> None:
    for rig in (Rig(events=2), Rig(size=2 * len(encoded(1).data))):
        rig.put(1, 2)
        assert rig.seqs() == [(ORDINARY, [1, 2])]
        rig.put(3)
        rig.timers.pass_time(1)
        assert rig.seqs() == [(ORDINARY, [1, 2]), (ORDINARY, [3])]


def test_an_event_that_does_not_fit_any_more_begins_the_next_batch() -> None:
    rig = Rig(size=1_000)
    rig.put(1)
    rig.batcher.put(encoded(2, padding=5_000))
    assert rig.seqs() == [(ORDINARY, [1]), (ORDINARY, [2])]


def test_urgent_events_of_one_turn_leave_together_at_once() -> None:
    rig = Rig()
    rig.put(1)
    rig.put(1, 2, lane=URGENT)
    rig.timers.pass_time(0)
    assert rig.seqs() == [(URGENT, [1, 2])]


def test_flush_seals_what_there_is_and_no_timer_is_left() -> None:
    rig = Rig()
    rig.put(1, 2)
    rig.put(1, lane=URGENT)
    rig.batcher.flush()
    rig.batcher.flush()
    assert rig.seqs() == [(URGENT, [1]), (ORDINARY, [1, 2])]
    assert rig.timers.waiting == []


def test_the_header_is_the_one_known_when_the_batch_is_sealed() -> None:
    rig = Rig()
    rig.put(1)
    rig.header = HEADER._replace(task=Task("second"))
    rig.batcher.flush()
    assert unsealed(rig.sealed[0].data).header.task == Task("second")
