"""What waits for a look."""

from fakes import FakeClock

from collectors.file_changes import Change
from collectors.file_look import REMEMBERED, TOO_MANY, Look
from sensor.model.counters import Counters
from sensor.model.kinds import Kind


def test_no_more_wait_than_are_kept_in_mind_and_each_beyond_is_counted_once() -> None:
    counters = Counters()
    look = Look(reach=lambda _: None, counters=counters, clock=FakeClock())
    for number in range(REMEMBERED + 3):
        for _ in range(2 if number < REMEMBERED else 1):
            assert not list(look.put(Change(Kind.FILE_CREATE, "c", b"/tmp/%d" % number, programs=True)))
    assert counters.losses == {TOO_MANY: 3}
    assert not list(look.take())
    list(look.put(Change(Kind.FILE_CREATE, "c", b"/tmp/again", programs=True)))
    assert len(look._waiting) == 1
