"""A tracer that does not answer is found out, and a sensor that was itself held up does not blame it."""

import pytest
from fakes import FakeClock

from collectors.trace_link import Pulse, TracerLost
from collectors.trace_watchdog import LOOK_S, LOOKS, SILENT_S, Watchdog


class FakeTracer:
    """Answers unless it is told to be silent."""

    def __init__(self) -> None:
        self.silent = False
        self.asked: list[int] = []
        self._answer: Pulse | None = None

    def ping(self, number: int) -> None:
        self.asked.append(number)
        if not self.silent:
            self._answer = Pulse(number, followed=7)

    def pulse(self) -> Pulse | None:
        answer, self._answer = self._answer, None
        return answer


def test_one_question_at_a_time_and_the_answer_is_kept() -> None:
    tracer, clock = FakeTracer(), FakeClock()
    watchdog = Watchdog(tracer, clock)
    assert watchdog.look() is None
    assert tracer.asked == [1]
    assert watchdog.look() == Pulse(1, followed=7)
    assert tracer.asked == [1, 2]
    assert watchdog.last.followed == 7


def test_silence_is_told_after_its_time_and_not_before() -> None:
    tracer, clock = FakeTracer(), FakeClock()
    watchdog = Watchdog(tracer, clock)
    tracer.silent = True
    watchdog.look()
    for _ in range(round(SILENT_S / LOOK_S) - 1):
        clock.advance(LOOK_S)
        assert watchdog.look() is None
    clock.advance(2 * LOOK_S)
    with pytest.raises(TracerLost, match=r"silent for 0\.6 s"):
        watchdog.look()
    assert tracer.asked == [1] * round(SILENT_S / LOOK_S), "asked again and again, in case one call was missed"


def test_after_a_long_pause_of_ours_it_is_given_time_to_answer() -> None:
    tracer, clock = FakeTracer(), FakeClock()
    watchdog = Watchdog(tracer, clock)
    tracer.silent = True
    watchdog.look()
    clock.advance(3600)
    for _ in range(LOOKS - 1):
        watchdog.look()
    tracer.silent = False
    tracer.ping(1)
    assert watchdog.look() == Pulse(1, followed=7)


def test_more_patience_where_it_is_asked_for() -> None:
    tracer, clock = FakeTracer(), FakeClock()
    watchdog = Watchdog(tracer, clock)
    tracer.silent = True
    for _ in range(20):
        assert watchdog.look(10.0) is None
        clock.advance(LOOK_S)


def test_answers_that_come_late_are_no_silence_however_many() -> None:
    tracer, clock = FakeTracer(), FakeClock()
    watchdog = Watchdog(tracer, clock)
    for _ in range(20):
        tracer.silent = True
        watchdog.look()
        for _ in range(LOOKS):
            clock.advance(LOOK_S)
            assert watchdog.look() is None
        tracer.silent = False
        tracer.ping(tracer.asked[-1])
        tracer.silent = True
        clock.advance(LOOK_S / 2)
        assert watchdog.look() is not None
