"""Whose turn it is in the slow round, and who is looked at for a hint."""

from collectors.process_table import Tracked
from collectors.rotation import HURRIED_PER_SECOND, READS_PER_SECOND, Rotation
from sensor.model.events import Timestamp


def process(pid: int, *, settled: bool = True, own: bool = False) -> Tracked:
    return Tracked(pid, f"e{pid}", pid, Timestamp(0), None, container="app", settled=settled, own=own)


def pids(found: list[Tracked]) -> list[int]:
    return [one.pid for one in found]


def test_the_sensors_own_and_what_settles_still_have_no_turn() -> None:
    living = [process(3), process(2, settled=False), process(1, own=True)]
    rotation = Rotation(lambda: living)
    assert pids(rotation.turn(1.0)) == [3]
    assert pids(rotation.hurry({"app"}, 9)) == [3]


def test_nobody_has_two_turns_at_once() -> None:
    living = [process(2), process(1)]
    assert pids(Rotation(lambda: living).turn(1.0)) == [2, 1], "the newest first"


def test_what_has_ended_has_no_turn_any_more() -> None:
    living = [process(2), process(1)]
    rotation = Rotation(lambda: living)
    assert pids(rotation.turn(1 / READS_PER_SECOND)) == [2]
    living[1].ended = 1.0
    assert pids(rotation.turn(1 / READS_PER_SECOND)) == []


def test_hints_have_no_more_looked_at_than_they_may_have() -> None:
    living = [process(pid) for pid in range(2 * HURRIED_PER_SECOND)]
    rotation = Rotation(lambda: living)
    assert len(rotation.hurry({"app"}, 2 * HURRIED_PER_SECOND)) == HURRIED_PER_SECOND
    assert rotation.hurry({"app"}, 1) == []
    rotation.turn(0.5)
    assert len(rotation.hurry({"app"}, HURRIED_PER_SECOND)) == HURRIED_PER_SECOND / 2
