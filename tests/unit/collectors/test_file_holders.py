"""Who holds a file, asked within an allowance of time."""

from fakes import FakeClock

from collectors.file_holders import DENIED, LONGEST_S, SAVED_S, SKIPPED, UNASKED, FileHolders
from collectors.process_table import Tracked
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.events import Timestamp


class Scene:
    """Processes by PID, newest first, each of which takes `seconds` to be asked."""

    def __init__(self, *pids: int, seconds: float = 0.0) -> None:
        self.clock, self.counters, self.asked = FakeClock(), Counters(), list[int]()
        self.processes = [Tracked(pid, f"e{pid}", 1, Timestamp(0), None) for pid in pids]
        self.seconds = seconds
        self.holding: set[int] = set()
        self.errors: dict[int, Exception] = {}
        self.holders = FileHolders(lambda: self.processes, self.holds, self.clock, self.counters)

    def holds(self, process: Tracked, device: int, inode: int) -> bool:
        assert (device, inode) == (1, 2)
        self.clock.advance(self.seconds)
        self.asked.append(process.pid)
        if process.pid in self.errors:
            raise self.errors[process.pid]
        return process.pid in self.holding


def test_all_who_hold_it_are_found_newest_first_without_our_own() -> None:
    scene = Scene(5, 4, 3)
    scene.processes[1].own = True
    scene.holding = {5, 4, 3}
    assert scene.holders.find(1, 2) == ((5, 3), True)


def test_those_that_are_gone_or_closed_to_us_hold_up_nobody() -> None:
    scene = Scene(5, 4, 3)
    scene.errors = {5: ProcessGone("gone"), 4: AccessDenied("denied")}
    scene.holding = {3}
    assert scene.holders.find(1, 2) == ((3,), True)
    assert scene.counters.seen[DENIED] == 1


def test_one_search_ends_after_a_while_and_what_it_did_not_come_to_is_counted() -> None:
    scene = Scene(*range(100, 0, -1), seconds=LONGEST_S / 10)
    scene.holding = {100, 1}
    assert scene.holders.find(1, 2) == ((100,), False)
    assert 10 <= len(scene.asked) <= 12
    assert scene.counters.seen[SKIPPED] == 100 - len(scene.asked)


def test_over_time_no_more_is_used_than_is_allowed() -> None:
    scene = Scene(2, 1, seconds=LONGEST_S / 2)
    while UNASKED not in scene.counters.seen:
        found = scene.holders.find(1, 2)
    assert found == ((), False)
    assert SAVED_S <= len(scene.asked) * scene.seconds <= SAVED_S * 1.1
    scene.clock.advance(10)
    asked = len(scene.asked)
    scene.holders.find(1, 2)
    assert len(scene.asked) > asked
