"""The search for who holds a socket: in which order, how far, and what is remembered."""

from fakes import FakeClock

from collectors.descriptor_map import Look
from collectors.process_table import Tracked
from collectors.socket_owners import FRESH_S, LATELY, LINKS_SAVED, NEWEST, SocketOwners
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.events import Timestamp


class Scene:
    """Processes by PID, the highest the newest, and what each holds; an exception stands for what a look raises."""

    def __init__(self, *pids: int) -> None:
        self.clock = FakeClock()
        self.counters = Counters()
        self.processes = {pid: Tracked(pid, f"e{pid}", 1, Timestamp(0), None, uid=0) for pid in pids}
        self.held: dict[int, list[int] | Exception] = {}
        self.looked: list[int] = []
        self.links = 1
        self.takes = 0.0
        self.owners = SocketOwners(
            lambda: [self.processes[pid] for pid in sorted(self.processes, reverse=True)],
            self._look,
            self.clock,
            self.counters,
        )

    def _look(self, process: Tracked, _wanted: int, _most: int) -> Look:
        self.looked.append(process.pid)
        self.clock.advance(self.takes)
        held = self.held.get(process.pid, [])
        if isinstance(held, Exception):
            raise held
        return Look(held, self.links)


def test_the_newest_process_is_asked_first_and_the_search_ends_with_the_holder() -> None:
    scene = Scene(1, 2, 3)
    scene.held = {1: [70], 2: [70]}

    assert scene.owners.owner(70) == 2
    assert scene.looked == [3, 2]


def test_what_a_look_meets_on_the_way_needs_no_other() -> None:
    scene = Scene(1)
    scene.held = {1: [70, 71]}

    assert (scene.owners.owner(70), scene.owners.owner(71)) == (1, 1)
    assert scene.looked == [1]


def test_who_held_a_socket_lately_is_asked_first() -> None:
    scene = Scene(1, 2, 3)
    scene.held = {1: [70]}
    scene.owners.owner(70)
    scene.clock.advance(1)
    scene.looked.clear()
    scene.held = {1: [71]}

    assert scene.owners.owner(71) == 1
    assert scene.looked == [1]


def test_processes_of_the_sockets_uid_come_before_the_others() -> None:
    scene = Scene(1, 2, 3)
    scene.processes[1].uid = 1000
    scene.held = {2: [70]}

    assert scene.owners.owner(70, uid=1000) == 2
    assert scene.looked == [1, 3, 2]


def test_who_was_asked_a_moment_ago_is_not_asked_again() -> None:
    scene = Scene(*range(1, NEWEST + 3))
    every = sorted(scene.processes, reverse=True)
    assert (scene.owners.owner(70), scene.owners.owner(70)) == (None, None)
    assert scene.looked == every

    scene.clock.advance(FRESH_S * 2)
    scene.owners.owner(70)
    assert scene.looked == every * 2


def test_the_newest_of_a_sockets_uid_is_asked_for_each_socket() -> None:
    scene = Scene(*range(1, NEWEST + 5))
    older, *newest, other = range(3, NEWEST + 5)
    scene.processes[other].uid = 1000
    assert scene.owners.owner(70, uid=0) is None  # and so the newest may have closed it a moment ago
    scene.looked.clear()
    scene.held = {older: [71], other: [71]}
    assert scene.owners.owner(71, uid=0) is None, "who is neither was asked a moment ago"

    scene.held = {newest[0]: [72]}
    assert scene.owners.owner(72, uid=0) == newest[0]
    assert scene.looked == [*reversed(newest), *reversed(newest)]


def test_an_ended_process_holds_nothing() -> None:
    scene = Scene(1)
    scene.held = {1: [70]}
    scene.owners.owner(70)
    scene.processes.pop(1).ended = scene.clock.monotonic()

    assert scene.owners.owner(70) is None


def test_processes_that_are_gone_or_closed_to_us_are_passed_over() -> None:
    scene = Scene(1, 2, 3)
    scene.held = {3: ProcessGone("3"), 2: AccessDenied("2"), 1: [70]}

    assert scene.owners.owner(70) == 1


def test_a_search_is_bounded_in_time_and_the_next_goes_on_where_it_gave_up() -> None:
    scene = Scene(*range(1, 11))
    scene.held, scene.takes = {1: [70]}, 0.002
    assert scene.owners.owner(70, quick=True) is None
    assert scene.counters.seen["socket_searches_cut"] == 1
    asked = len(scene.looked)

    assert scene.owners.owner(70) is None
    assert scene.owners.owner(70) == 1
    assert 0 < asked < 5
    assert scene.looked == list(range(10, 0, -1))


def test_links_are_bounded_over_time() -> None:
    scene = Scene(1, 2)
    scene.links = LINKS_SAVED + 1
    scene.held = {1: [70]}

    assert scene.owners.owner(70) is None
    assert scene.counters.seen["socket_searches_cut"] == 1
    scene.clock.advance(1)
    scene.links = 1
    assert scene.owners.owner(70) == 1


def test_of_those_that_held_a_socket_lately_the_last_are_remembered() -> None:
    scene = Scene(*range(1, LATELY + 3))
    for pid in range(1, LATELY + 2):
        scene.held[pid] = [pid]
        assert scene.owners.owner(pid) == pid
        scene.clock.advance(1)
    scene.looked.clear()
    assert scene.owners.owner(70) is None
    assert scene.looked == [*range(LATELY + 1, 1, -1), LATELY + 2, 1]
